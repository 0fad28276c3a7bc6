"""Meaning where the encoder was not trained: Chinese, Japanese and Arabic by their words alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.rows import Report
from benchmarks.scenes import SCENES
from benchmarks.statistics import Memory, auroc
from portal.adapters import encoders
from portal.algorithms import flags
from portal.algorithms.consensus import Caption, Parameters, decide
from portal.algorithms.reliability import refit

NAMES = {"zh": "Chinese", "ja": "Japanese", "ar": "Arabic"}
N_PEOPLE = 6


def languages(report: Report, data: Path, memory: Memory, seeds: int) -> None:
    """Two captions of one clip against captions of two clips; nobody honest is flagged."""
    for language, name in NAMES.items():
        trusted = encoders.speaks(memory.encoder, language)
        report.add("meaning", f"{name}: the embedded encoder is asked", float(trusted), most=0)
        areas = [on_and_off_topic(language, seed) for seed in range(max(3, seeds))]
        report.add("meaning", f"{name}: on-topic against off-topic, AUROC", areas, least=0.90)
        flagged = [float(len(flagged_of(language, seed))) for seed in range(max(3, seeds))]
        report.add("meaning", f"{name}: honest people flagged of {N_PEOPLE}", flagged, most=0)


def on_and_off_topic(language: str, seed: int) -> float:
    """AUROC of the engine's agreement over sixty pairs of one clip and sixty of two."""
    scenes = SCENES[language]
    shift = 1 + int(np.random.default_rng(seed).integers(len(scenes) - 1))
    fitted = refit(people(language, seed), Parameters(language=language)).parameters
    agreements = []
    for distance in (0, shift):
        for at, (one, _) in enumerate(scenes):
            other = scenes[(at + distance) % len(scenes)][1]
            pair = [Caption(0, one, 0), Caption(1, other, 1)]
            agreements.append(decide(pair, parameters=fitted).agreement)
    return auroc(np.array(agreements), np.arange(2 * len(scenes)) < len(scenes))


def people(language: str, seed: int) -> list[list[Caption]]:
    """Six honest people who wrote the captions, two a clip: each has their own twenty clips."""
    rng = np.random.default_rng(seed)
    tasks = []
    for number, pair in enumerate(SCENES[language]):
        who = rng.choice(N_PEOPLE, 2, replace=False).tolist()
        captions = zip(pair, who, strict=True)
        tasks.append([Caption(2 * number + at, t, w) for at, (t, w) in enumerate(captions)])
    return tasks


def flagged_of(language: str, seed: int) -> set[int]:
    """Who of the honest people is flagged, beside a third voice that repeats one of the two."""
    rng = np.random.default_rng(1000 + seed)
    tasks = []
    for number, task in enumerate(people(language, seed)):
        absent = sorted(set(range(N_PEOPLE)) - {each.author for each in task})
        echo = replace(
            task[rng.integers(2)], key=1000 + number, author=absent[rng.integers(len(absent))]
        )
        tasks.append([*task, echo])
    fitted = refit(tasks, Parameters(language=language))
    return {flag.author for flag in flags.find(tasks, fitted)}
