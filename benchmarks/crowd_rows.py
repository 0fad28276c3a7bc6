"""Consensus on real crowds with worker ids: rows 1–5, 11 and 15."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from rapidfuzz.distance import Levenshtein

from benchmarks import crowds, rivals
from benchmarks.crowds import WSA, Crowd
from benchmarks.rows import Report
from benchmarks.statistics import Floats, Memory, lower_bound, spearman
from portal.algorithms import flags, fusion
from portal.algorithms.consensus import Decision, Parameters, decide
from portal.algorithms.reliability import Refit, refit, skill

SKILL_MUST = {"J1": (0.65, ".72"), "T1": (0.76, ".84"), "T2": (0.88, ".93")}
EARLY_MUST = {"J1": (0.62, ".68"), "T1": (0.70, ".78"), "T2": (0.83, ".90")}


def settled(crowd: Crowd, fitted: Refit) -> dict[str, Decision]:
    """Decide every task with everybody's skill, as the portal does after a refit."""
    return {
        task: decide(
            [replace(each, skill=fitted.skills[each.author].s) for each in captions],
            parameters=fitted.parameters,
        )
        for task, captions in crowd.tasks.items()
    }


def scores(crowd: Crowd, chosen: Mapping[str, str], score: Callable[[str, str], float]) -> Floats:
    """Score the chosen texts against the truth, one a task."""
    return np.array([score(chosen[task], crowd.truth[task]) for task in crowd.tasks])


def true_quality(crowd: Crowd) -> dict[int, float]:
    """How much better than its task's mean each author's answers score, by nGLEU."""
    sums: dict[int, list[float]] = {}
    for task, captions in crowd.tasks.items():
        values = [crowds.ngleu(each.text, crowd.truth[task]) for each in captions]
        for each, value in zip(captions, values, strict=True):
            sums.setdefault(each.author, []).append(value - float(np.mean(values)))
    return {author: float(np.mean(parts)) for author, parts in sums.items()}


def translations(report: Report, data: Path, memory: Memory, seeds: int) -> None:
    """Rows 1–4: the choice among crowd translations and the skill of their authors."""
    gains: dict[str, list[Floats]] = {}
    for name in WSA:
        crowd = crowds.crowdwsa(data, name)
        memory.learn([each.text for task in crowd.tasks.values() for each in task])
        crowd = crowds.encoded(crowd, memory)
        fitted = refit(list(crowd.tasks.values()))
        choices = {"portal": {t: d.caption for t, d in settled(crowd, fitted).items()}}
        choices["medoid"] = rivals.medoid(crowd)
        if rivals.installed():
            choices |= {each: rivals.aggregated(crowd, each) for each in rivals.METHODS}
        for method, chosen in choices.items():
            for measure in (crowds.gleu, crowds.ngleu):
                key = f"{method} {measure.__name__}"
                gains.setdefault(key, []).append(scores(crowd, chosen, measure))
        if name == "J1":
            report.add("2", "J1 GLEU", gains["portal gleu"][0], least=0.258, aim=">= .275")
        truth = true_quality(crowd)
        found = spearman([fitted.skills[a].s for a in truth], list(truth.values()))
        report.add("3", f"{name} skill Spearman", found, least=SKILL_MUST[name][0],
                   aim=">= " + SKILL_MUST[name][1])  # fmt: skip
        early = [early_skill(fitted, truth, seed) for seed in range(seeds)]
        report.add("4", f"{name} skill Spearman, 10 labels each", float(np.mean(early)),
                   least=EARLY_MUST[name][0], aim=">= " + EARLY_MUST[name][1])  # fmt: skip
        scarce = [scarce_skill(crowd, truth, seed) for seed in range(seeds)]
        report.add("4", f"{name} the same where no other labels exist", float(np.mean(scarce)))
    pooled = {key: np.concatenate(parts) for key, parts in gains.items()}
    report.add("1", "pooled GLEU", pooled["portal gleu"], least=0.245, aim=">= .260")
    report.add("1", "pooled nGLEU", pooled["portal ngleu"], least=0.338, aim=">= .360")
    for key, values in pooled.items():
        if not key.startswith("portal"):
            report.add("1", f"pooled {key}", values)
            own = pooled["portal " + key.split()[1]]
            bound = lower_bound(own - values)
            least = 0.0 if key == "HRRASA ngleu" else None
            report.add("1", f"gain over {key}, 2.5 % bound", bound, least=least)


def early_skill(fitted: Refit, truth: Mapping[int, float], seed: int) -> float:
    """Rank correlation with the truth of skills by ten random residuals of each person."""
    rng, given = np.random.default_rng(seed), fitted.parameters
    skills = []
    for author in truth:
        ten = rng.permutation(np.array(fitted.residuals[author]))[:10]
        skills.append(skill(len(ten), float(ten.sum()), given.sigma_e, given.sigma_a, given.mu).s)
    return spearman(skills, list(truth.values()))


def scarce_skill(crowd: Crowd, truth: Mapping[int, float], seed: int) -> float:
    """The same where ten random labels of each person are all that there is."""
    few = crowds.thinned(crowd, 10, np.random.default_rng(seed))
    names = {number: worker for worker, number in crowd.authors.items()}
    fitted = refit(list(few.tasks.values()))
    return spearman([fitted.skills[few.authors[names[a]]].s for a in truth], list(truth.values()))


def transcriptions(report: Report, data: Path, memory: Memory, seeds: int) -> None:
    """Row 5: word error rate of fused transcriptions."""
    crowd = crowds.crowdspeech(data)
    fitted = refit(list(crowd.tasks.values()))
    decisions = settled(crowd, fitted)
    report.add("5", "WER % of the chosen transcription", error_rate(crowd, {
        task: decision.caption for task, decision in decisions.items()}))  # fmt: skip
    fused = {task: fused_text(decision) for task, decision in decisions.items()}
    report.add("5", "WER % fused", error_rate(crowd, fused), most=12.2, aim="<= 11.3")
    if rivals.installed():
        report.add("5", "WER % of crowd-kit's ROVER", error_rate(crowd, rivals.rover(crowd)))


def fused_text(decision: Decision) -> str:
    """Fuse a decision's candidates by their weight and support."""
    best_first = decision.candidates
    weights = fusion.sharpen(
        np.array([each.weight for each in best_first]),
        np.array([each.support for each in best_first]),
    )
    return fusion.fuse([each.text for each in best_first], weights.tolist())


def error_rate(crowd: Crowd, chosen: Mapping[str, str]) -> float:
    """Word errors in a hundred words of the truth."""
    errors = n_words = 0
    for task, truth in crowd.truth.items():
        words = crowds.spoken(truth)
        errors += Levenshtein.distance(crowds.spoken(chosen[task]), words)
        n_words += len(words)
    return 100 * errors / n_words


def spam(report: Report, data: Path, memory: Memory, seeds: int) -> None:
    """Row 11: a third of the workers spam; what is lost and who is flagged."""
    losses, hits, n_bad, n_flagged = [], 0, 0, 0
    for seed in range(seeds):
        for kind in (*crowds.SPAM, "all kinds"):
            clean, spoilt = [], []
            for name in WSA:
                crowd = crowds.crowdwsa(data, name)
                dirty = crowds.with_spam(crowd, 0.3, kind, np.random.default_rng(seed))
                for each, into in ((crowd, clean), (dirty, spoilt)):
                    texts = [c.text for task in each.tasks.values() for c in task]
                    each = crowds.encoded(each, memory.learn(texts))
                    fitted = refit(list(each.tasks.values()))
                    chosen = {t: d.caption for t, d in settled(each, fitted).items()}
                    into.append(scores(each, chosen, crowds.ngleu))
                bad = {n for worker, n in dirty.authors.items() if worker.startswith("spam ")}
                found = {flag.author for flag in flags.find(list(dirty.tasks.values()), fitted)}
                hits, n_bad = hits + len(found & bad), n_bad + len(bad)
                n_flagged += len(found)
            losses.append(1 - np.concatenate(spoilt).mean() / np.concatenate(clean).mean())
    report.add("11", "nGLEU lost to 30 % spam", losses, most=0.10)
    report.add("11", "worst nGLEU loss of a kind and seed", float(max(losses)))
    report.add("11", "spammers flagged", hits / n_bad, least=0.95)
    report.add("11", "flagged who spam", hits / n_flagged, least=0.90)


def online(report: Report, data: Path, memory: Memory, seeds: int) -> None:
    """Row 15: tasks settled one by one with the skills of the moment, against one refit of all."""
    same: list[float] = []
    for name in WSA:
        crowd = crowds.crowdwsa(data, name)
        memory.learn([each.text for task in crowd.tasks.values() for each in task])
        crowd = crowds.encoded(crowd, memory)
        final = settled(crowd, refit(list(crowd.tasks.values())))
        for seed in range(seeds):
            early = settled_online(crowd, np.random.default_rng(seed))
            same += [float(early[t].caption == final[t].caption) for t in crowd.tasks]
    report.add("15", "same winner online and after the refit", same, least=0.85, aim=">= .95")


def settled_online(crowd: Crowd, rng: np.random.Generator, nights: int = 10) -> dict[str, Decision]:
    """Settle tasks in random order: skills move with each, parameters with each of ten nights.

    A settled task keeps its winner: the nightly refit here changes what comes after it only.
    """
    order = [list(crowd.tasks)[at] for at in rng.permutation(len(crowd.tasks))]
    given, fitted = Parameters(), None
    sums: dict[int, tuple[float, float]] = {}
    decisions: dict[str, Decision] = {}
    for done, task in enumerate(order, start=1):
        captions = []
        for each in crowd.tasks[task]:
            n, total = sums.get(each.author, (0.0, 0.0))
            place = skill(n, total, given.sigma_e, given.sigma_a, given.mu)
            captions.append(replace(each, skill=place.s))
        decisions[task] = decide(captions, parameters=given)
        for author, residual in decisions[task].residuals.items():
            n, total = sums.get(author, (0.0, 0.0))
            sums[author] = (n + 1, total + residual)
        if done % max(1, len(order) // nights) == 0 and done < len(order):
            seen = replace(crowd, tasks={each: crowd.tasks[each] for each in order[:done]})
            fitted = refit(list(seen.tasks.values()))
            given, sums = fitted.parameters, dict(fitted.totals)
    return decisions
