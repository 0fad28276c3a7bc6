"""Consensus and reliability on real crowds, by the portal's own code: rows 1–6, 8 and 10–15.

Run as `python -m benchmarks.consensus`; `--rows 1,5` runs some, `--fit` fits the confidence anew.
Row 16 is in benchmarks.evaluator. What needs data or the encoder that is not there is left out and
said.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from benchmarks import clips, crowds, rivals
from benchmarks.crowds import WSA, Crowd
from benchmarks.rows import Report, options
from portal.adapters import encoders
from portal.algorithms import confidence, flags, fusion
from portal.algorithms.consensus import Caption, Decision, Parameters, decide, should_stop
from portal.algorithms.parameters import idf_of
from portal.algorithms.reliability import Refit, mean_vector, refit, skill
from portal.algorithms.text import tokens

Floats = NDArray[np.float64]
Vectors = Mapping[str, NDArray[np.float32]]

N_BOOTSTRAP = 2_000
RIGHT = 0.465  # mean cosine to the held-out captions; see portal.algorithms.confidence
SKILL_MUST = {"J1": (0.65, ".72"), "T1": (0.76, ".84"), "T2": (0.88, ".93")}
EARLY_MUST = {"J1": (0.62, ".68"), "T1": (0.70, ".78"), "T2": (0.83, ".90")}


def main() -> int:
    """Measure every row, or those asked for."""
    parser = options(__doc__ or "", seeds=3)
    parser.add_argument("--rows", default="", help="comma-separated rows; all without it")
    parser.add_argument("--fit", action="store_true", help="fit the confidence, print its numbers")
    asked = parser.parse_args()
    encoder = encoders.configured("auto")
    if encoder is None:
        print(encoders.available(), file=sys.stderr)
        return 1
    report, memory = Report(), Memory(encoder)
    if asked.fit:
        return fit(asked.data, memory, asked.seeds)
    wanted = set(filter(None, asked.rows.split(",")))
    for rows, needs, measure in PROGRAMME:
        if wanted and not wanted & set(rows.split(",")):
            continue
        if not (asked.data / needs).exists():
            print(f"No data in {needs}: rows {rows} are left out.", file=sys.stderr)
            continue
        measure(report, asked.data, memory, asked.seeds)
    return report.finish()


class Memory(dict[str, NDArray[np.float32]]):
    """Vectors by text, each encoded once."""

    def __init__(self, encoder: encoders.Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def learn(self, texts: Sequence[str]) -> "Memory":
        """Encode what is new."""
        new = sorted(set(texts) - self.keys())
        self.update(zip(new, self.encoder.encode(new), strict=True))
        return self


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


def lower_bound(values: Floats, seed: int = 0) -> float:
    """The 2.5 % bound of a mean by bootstrap over items."""
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(values), size=(N_BOOTSTRAP, len(values)))
    return float(np.quantile(values[draws].mean(axis=1), 0.025))


def spearman(a: Sequence[float], b: Sequence[float]) -> float:
    """Rank correlation; ties share their mean rank."""
    return float(np.corrcoef(ranks(np.array(a)), ranks(np.array(b)))[0, 1])


def ranks(values: Floats) -> Floats:
    """Ranks from 0, ties at their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts + 1) / 2)[inverse])


def auroc(values: Floats, positive: NDArray[np.bool_]) -> float:
    """The chance that a positive has the higher value; ties count half."""
    order = ranks(values) + 1
    n = int(positive.sum())
    return float((order[positive].sum() - n * (n + 1) / 2) / (n * (len(values) - n)))


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


def choices_of_clips(report: Report, data: Path, memory: Memory, seeds: int) -> None:
    """Row 6: five captions against the fifteen held out, beside the medoid by embedding."""
    captions = clips.captions_of(data)
    memory.learn([text for texts in captions.values() for text in texts])
    gains, drops, lengths, telling = [], [], [], []
    for seed in range(seeds):
        drawn = clips.split(captions, 5, np.random.default_rng(100 + seed))
        tasks = [clips.task_of(clip, memory) for clip in drawn]
        flat = [each for task in tasks for each in task]
        own = Parameters(idf=idf_of(each.text for each in flat), mean_vector=mean_vector(flat))
        chosen = [decide(task, parameters=own).caption for task in tasks]
        by_video = {clip.video: task for clip, task in zip(drawn, tasks, strict=True)}
        middle = rivals.medoid(Crowd("MSR-VTT", by_video, {}, {}))
        medoids = [middle[clip.video] for clip in drawn]
        gains.append(clips.cider(chosen, drawn) - clips.cider(medoids, drawn))
        near, far = (clips.closeness(texts, drawn, memory) for texts in (chosen, medoids))
        drops.append(far - near)
        for text, clip in zip(chosen, drawn, strict=True):
            lengths.append(relative(text, clip.given, {}))
            telling.append(relative(text, clip.given, own.idf))
    gain = np.mean(gains, axis=0)
    report.add("6", "CIDEr-D gain over the medoid", gain, aim=">= +.045")
    report.add("6", "the gain's 2.5 % bound", lower_bound(gain), least=0.0)
    report.add("6", "cosine given up to the medoid", float(np.mean(drops)), most=0.01)
    report.add("3e", "winner's length over the candidates'", float(np.mean(lengths)), least=0.95)
    report.add("3e", "winner's mean idf over the candidates'", float(np.mean(telling)), least=0.95)


def relative(text: str, given: Sequence[str], idf: Mapping[str, float]) -> float:
    """A winner's mean idf over the candidates' mean; its length where there is no idf."""

    def measure(each: str) -> float:
        words = tokens(each)
        return float(np.mean([idf.get(w, 0.0) for w in words] or [0.0])) if idf else len(words)

    return measure(text) / max(1e-9, float(np.mean([measure(each) for each in given])))


def confidences(report: Report, data: Path, memory: Memory, seeds: int) -> None:
    """Rows 8 and 10: what confidence is worth, and what stopping by it saves."""
    captions = clips.captions_of(data)
    memory.learn([text for texts in captions.values() for text in texts])
    areas, errors, saved, lost, beaten = [], [], [], [], []
    for seed in range(seeds):
        drawn = clips.split(captions, 5, np.random.default_rng(200 + seed))
        decisions = [
            [decide(clips.task_of(clip, memory, k)) for k in range(1, 6)] for clip in drawn
        ]
        quality = np.array(
            [clips.closeness([d[k].caption for d in decisions], drawn, memory) for k in range(5)]
        )
        right = quality[4] >= RIGHT
        sure = np.array([each[4].confidence for each in decisions])
        areas.append(auroc(sure, right))
        errors.append(calibration_error(sure, right))
        used = np.array([stopped_at(each) for each in decisions])
        reached = quality[used - 1, np.arange(len(drawn))]
        saved.append(1 - used.mean() / 5)
        lost.append(1 - reached.mean() / quality[4].mean())
        budget = np.interp(used.mean(), range(1, 6), quality.mean(axis=1))
        beaten.append(float(reached.mean() - budget))
    report.add("8", "confidence AUROC, k = 5, a fresh project", areas, least=0.80, aim=".86")
    report.add("8", "confidence ECE, k = 5, a fresh project", errors, most=0.06, aim=".04")
    report.add("10", "captions saved by stopping", saved, least=0.15, aim=".30")
    report.add("10", "semantic quality lost by stopping", lost, most=0.01)
    report.add("10", "quality above the same budget spread evenly", beaten, least=0.0)


def calibration_error(sure: Floats, right: NDArray[np.bool_]) -> float:
    """Expected calibration error over ten equal bins."""
    bins = np.minimum((sure * 10).astype(int), 9)
    parts = [(bins == b) for b in range(10) if (bins == b).any()]
    return float(sum(p.mean() * abs(sure[p].mean() - right[p].mean()) for p in parts))


def stopped_at(decisions: Sequence[Decision]) -> int:
    """How many captions the portal's rule would have asked for."""
    for k, decision in enumerate(decisions, start=1):
        if should_stop(decision, k, 3, 5, 0.65) != "ask":
            return k
    return len(decisions)


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


def copiers(report: Report, data: Path, memory: Memory, seeds: int) -> None:
    """Rows 12 and 13: lazy copiers of the shown prediction, and a portal of honest people."""
    captions = clips.captions_of(data)
    memory.learn([text for texts in captions.values() for text in texts])
    areas, quality, false_flags = [], [], []
    for seed in range(seeds):
        rng = np.random.default_rng(300 + seed)
        drawn, tasks, lazy = clips.portal_with_copiers(captions, memory, 0.3, rng)
        fitted = refit(tasks)
        people = sorted({each.author for task in tasks for each in task})
        skills = np.array([-fitted.skills[who].s for who in people])
        areas.append(auroc(skills, np.array([who in lazy for who in people])))
        chosen = [
            decide([replace(c, skill=fitted.skills[c.author].s) for c in task],
                   parameters=fitted.parameters).caption
            for task in tasks
        ]  # fmt: skip
        quality.append(float(clips.cider(chosen, drawn).mean()))
        _, honest, _ = clips.portal_with_copiers(captions, memory, 0.0, rng)
        flagged = {flag.author for flag in flags.find(honest, refit(honest))}
        false_flags.append(float(len(flagged)))
    report.add("12", "copiers found by low skill, AUROC", areas, least=0.95, aim=".99")
    report.add("12", "CIDEr-D with 30 % copiers", quality, least=0.60, aim=".63")
    report.add("13", "flagged of 40 honest people", max(false_flags), most=1, aim="0")


def cost(report: Report, data: Path, memory: Memory, seeds: int) -> None:
    """Row 14: one new caption on a task that then has ten, encoder included, CPU time."""
    captions = clips.captions_of(data)
    spent = []
    for texts in list(captions.values())[:150]:
        task = [Caption(n, t, n, vector=memory.learn([t])[t]) for n, t in enumerate(texts[:9])]
        decide(task)
        start = time.process_time()
        row = memory.encoder.encode([texts[9]])[0]
        decide([*task, Caption(9, texts[9], 9, vector=row)])
        spent.append(1000 * (time.process_time() - start))
    report.add("14", "ms for one new caption, k = 10, p95", float(np.quantile(spent, 0.95)),
               most=50, aim="<= 15")  # fmt: skip
    report.add("14", "ms for one new caption, k = 10, median", float(np.median(spent)))


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


def fit(data: Path, memory: Memory, seeds: int) -> int:
    """Fit the confidence's logistic anew on MSR-VTT and print both rows of numbers."""
    captions = clips.captions_of(data)
    memory.learn([text for texts in captions.values() for text in texts])
    for has_encoder, shrink in ((True, 3e-4), (False, 1e-3)):
        rows, right = [], []
        for seed in range(1, seeds + 1):
            drawn = clips.split(captions, 5, np.random.default_rng(seed))
            for k in range(2, 6):
                tasks = [clips.task_of(clip, memory, k) for clip in drawn]
                if not has_encoder:
                    tasks = [[replace(each, vector=None) for each in task] for task in tasks]
                decisions = [decide(task) for task in tasks]
                near = clips.closeness([each.caption for each in decisions], drawn, memory)
                right.append(near >= RIGHT)
                rows += [confidence.terms(each.features) for each in decisions]
        weights = logistic(np.array(rows), np.concatenate(right), shrink)
        print("SEMANTIC" if has_encoder else "LEXICAL", np.round(weights, 2).tolist())
    return 0


def logistic(design: Floats, right: NDArray[np.bool_], shrink: float) -> Floats:
    """Fit a logistic by Newton steps with a ridge on all but the first column."""
    ridge = shrink * np.array([0.0] + [1.0] * (design.shape[1] - 1))
    weights = np.zeros(design.shape[1])
    for _ in range(60):
        p = 1 / (1 + np.exp(-design @ weights))
        gradient = design.T @ (p - right) / len(right) + ridge * weights
        curvature = (design * (p * (1 - p))[:, None]).T @ design / len(right)
        weights = weights - np.linalg.solve(curvature + np.diag(ridge), gradient)
    return weights


PROGRAMME = (
    ("1,2,3,4", "crowdwsa", translations),
    ("5", "crowdspeech", transcriptions),
    ("6,3e", "msrvtt", choices_of_clips),
    ("8,10", "msrvtt", confidences),
    ("11", "crowdwsa", spam),
    ("12,13", "msrvtt", copiers),
    ("14", "msrvtt", cost),
    ("15", "crowdwsa", online),
)

if __name__ == "__main__":
    sys.exit(main())
