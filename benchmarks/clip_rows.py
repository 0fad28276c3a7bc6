"""Consensus on MSR-VTT clips: rows 6, 8, 10 and 12–14, meaning, and the fit of the confidence."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import clips, rivals
from benchmarks.crowds import Crowd
from benchmarks.rows import Report
from benchmarks.statistics import (
    Memory,
    auroc,
    calibration_error,
    logistic,
    lower_bound,
)
from portal.algorithms import confidence, flags
from portal.algorithms.consensus import Caption, Decision, Parameters, decide, should_stop
from portal.algorithms.parameters import idf_of
from portal.algorithms.reliability import mean_vector, refit
from portal.algorithms.text import tokens

RIGHT = 0.465  # mean cosine to the held-out captions; see portal.algorithms.confidence
N_PAIRS = 500


def meanings(report: Report, data: Path, memory: Memory, seeds: int) -> None:
    """Meaning: captions of one clip against captions of different clips, told apart."""
    captions = clips.captions_of(data)
    memory.learn([text for texts in captions.values() for text in texts])
    areas = []
    for seed in range(seeds):
        rng = np.random.default_rng(400 + seed)
        likeness = []
        for is_same in (True, False):
            for _ in range(N_PAIRS):
                one, other = rng.choice(list(captions), 2, replace=False)
                left, right = rng.choice(20, 2, replace=False)
                texts = captions[one][left], captions[one if is_same else other][right]
                pair = [Caption(n, each, n, vector=memory[each]) for n, each in enumerate(texts)]
                likeness.append(decide(pair).agreement)
        areas.append(auroc(np.array(likeness), np.arange(2 * N_PAIRS) < N_PAIRS))
    report.add("meaning", "agreement, same clip against another, AUROC", areas, least=0.95)


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


def stopped_at(decisions: Sequence[Decision]) -> int:
    """How many captions the portal's rule would have asked for."""
    for k, decision in enumerate(decisions, start=1):
        if should_stop(decision, k, 3, 5, 0.65) != "ask":
            return k
    return len(decisions)


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
