"""Rows 11–13 beyond plain spam: subtle cheats, rings of three kinds, and who is wrongly flagged.

Forty made people write real MSR-VTT captions, five a clip; similarity by wording alone, so that
thousands of invented captions need no encoding.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import cheats, clips, crowds
from benchmarks.crowd_rows import scores, settled
from benchmarks.crowds import WSA
from benchmarks.rows import Report
from benchmarks.statistics import Memory
from portal.algorithms import flags
from portal.algorithms.consensus import Caption, decide
from portal.algorithms.reliability import Refit, refit

EACH = 4
HABITS = {
    "paraphraser": (cheats.paraphrase, EACH),
    "generic": (cheats.generic, EACH),
    "tired": (cheats.tired, EACH),
    "terse": (cheats.terse, EACH),
}
SAID = {
    "paraphraser": "reword the shown prediction",
    "generic": "write fluent text that fits any clip",
    "tired": "are good on gold and at first, then lazy",
}
SHARES = (0.1, 0.2, 0.3)


def subtle_cheats(report: Report, data: Path, memory: Memory, seeds: int) -> None:
    """Four people of each habit among forty: who is flagged, and who wrongly."""
    captions = clips.captions_of(data)
    hits: dict[str, list[float]] = {name: [] for name in SAID}
    wrong: list[float] = []
    terse: list[float] = []
    for seed in range(max(3, seeds)):
        made = cheats.portal(captions, HABITS, seed)
        found = {f.author for f in flags.find(made.tasks, refit(made.tasks), made.gold)}
        for name in SAID:
            hits[name].append(len(found & made.habits[name]) / EACH)
        terse.append(float(len(found & made.habits["terse"])))
        cheating = set().union(*(made.habits[name] for name in SAID))
        wrong.append(float(len(found - cheating - made.habits["terse"])))
    for name, said in SAID.items():
        report.add("cheats", f"flagged of those who {said}", hits[name], least=0.95)
    report.add("cheats", "flagged of 4 terse, non-native, correct people", terse, most=0)
    report.add("cheats", "flagged of 24 other honest people", wrong, most=1, aim="0")


def rings(report: Report, data: Path, memory: Memory, seeds: int) -> None:
    """Collusion of three kinds beside 10, 20 and 30 %: quality kept, members and others flagged."""
    captions = clips.captions_of(data)
    for name, ring in cheats.RINGS.items():
        for share in SHARES:
            lost, recall, wrong = [], [], []
            for seed in range(max(3, seeds)):
                made, clean = cheats.ring_portal(captions, ring, share, seed)
                fitted, before = refit(made.tasks), refit(clean)
                quality = clips.cider(chosen(made.tasks, fitted), made.clips).mean()
                lost.append(1 - quality / clips.cider(chosen(clean, before), made.clips).mean())
                found = {flag.author for flag in flags.find(made.tasks, fitted)}
                recall.append(len(found & made.habits["ring"]) / len(made.habits["ring"]))
                wrong.append(float(len(found - made.habits["ring"])))
            what = f"ring of {share:.0%} that {name}" if name != "one private text" else (
                f"ring of {share:.0%} with one private text"
            )  # fmt: skip
            report.add("collusion", f"{what}: CIDEr-D lost", lost, most=share)
            report.add("collusion", f"{what}: members flagged", recall, least=0.9)
            report.add("collusion", f"{what}: others flagged of 40", wrong, most=2)


def chosen(tasks: Sequence[Sequence[Caption]], fitted: Refit) -> list[str]:
    """Decide every task with everybody's skill."""
    return [
        decide(
            [replace(each, skill=fitted.skills[each.author].s) for each in task],
            parameters=fitted.parameters,
        ).caption
        for task in tasks
    ]


def little_spam(report: Report, data: Path, memory: Memory, seeds: int) -> None:
    """Row 11 at 10 and 20 %, all kinds of spam in turn, by wording alone."""
    for share in SHARES[:2]:
        losses, hits, n_bad, n_flagged = [], 0, 0, 0
        for seed in range(max(3, seeds)):
            clean, spoilt = [], []
            for name in WSA:
                crowd = crowds.crowdwsa(data, name)
                dirty = crowds.with_spam(crowd, share, "all kinds", np.random.default_rng(seed))
                for each, into in ((crowd, clean), (dirty, spoilt)):
                    fitted = refit(list(each.tasks.values()))
                    texts = {t: d.caption for t, d in settled(each, fitted).items()}
                    into.append(scores(each, texts, crowds.ngleu))
                bad = {n for worker, n in dirty.authors.items() if worker.startswith("spam ")}
                found = {flag.author for flag in flags.find(list(dirty.tasks.values()), fitted)}
                hits, n_bad = hits + len(found & bad), n_bad + len(bad)
                n_flagged += len(found)
            losses.append(1 - np.concatenate(spoilt).mean() / np.concatenate(clean).mean())
        report.add("11", f"nGLEU lost to {share:.0%} spam", losses, most=0.10)
        report.add("11", f"{share:.0%}: spammers flagged", hits / n_bad, least=0.95)
        report.add("11", f"{share:.0%}: flagged who spam", hits / n_flagged)
