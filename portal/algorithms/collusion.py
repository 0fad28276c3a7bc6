"""Pairs of people whose captions are more alike than both are to the rest: excess, and rings."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from portal.algorithms.evidence import Caption, Evidence

Pair = tuple[int, int]  # authors, the smaller key first

PRIOR_TASKS = 6
MIN_TASKS = 3
RING_TASKS = 4
RING_EXCESS = 0.12  # median excess over the common tasks: one lucky match makes no ring
RING_Z = 5.0  # standard errors above 0: among a thousand honest pairs the highest is near 3.5
RING_OUTLYING = 3.0  # robust standard deviations above a person's median partner
ROUNDS = 3


@dataclass
class Table:
    """What every pair with a common task is in excess of what its two people share with others."""

    deviations: dict[Pair, list[float]] = field(default_factory=lambda: defaultdict(list))
    likeness: dict[Pair, list[float]] = field(default_factory=lambda: defaultdict(list))

    def excess(self) -> Mapping[Pair, float]:
        """Shrink each pair's mean: Σ/(n + 6) where positive, from 3 common tasks on."""
        return {
            pair: sum(values) / (len(values) + PRIOR_TASKS)
            for pair, values in sorted(self.deviations.items())
            if len(values) >= MIN_TASKS and sum(values) > 0
        }

    def rings(self) -> frozenset[Pair]:
        """Name the pairs whose excess is large, beyond chance, and an outlier for both people."""
        every = [value for values in self.deviations.values() for value in values]
        if not every:
            return frozenset()
        usual = self._usual()
        spread = max(1e-3, 1.4826 * float(np.median(np.abs(np.array(every) - np.median(every)))))
        return frozenset(
            pair
            for pair, values in self.deviations.items()
            if len(values) >= RING_TASKS
            and float(np.median(values)) >= RING_EXCESS
            and sum(values) >= RING_Z * spread * len(values) ** 0.5
            and all(float(np.mean(self.likeness[pair])) > usual[author] for author in pair)
        )

    def _usual(self) -> Mapping[int, float]:
        """How like each person's partners are to them at most, by robust standard deviations."""
        partners: dict[int, list[float]] = defaultdict(list)
        for pair, values in self.likeness.items():
            if len(values) >= MIN_TASKS:
                for author in pair:
                    partners[author].append(float(np.mean(values)))
        limits = {}
        for author, means in partners.items():
            middle = float(np.median(means))
            spread = 1.4826 * float(np.median(np.abs(np.array(means) - middle)))
            limits[author] = middle + RING_OUTLYING * spread
        return limits


def seek(
    tasks: Sequence[Sequence[Caption]], measured: Sequence[Evidence]
) -> tuple[Mapping[Pair, float], frozenset[Pair]]:
    """Estimate every pair's excess e_ab and name the rings among them.

    e_ab = max(0, Σ_tasks[u_ab − (row_a + row_b − mean)] / (n_ab + 6)) with u each task's support
    matrix, row_a its mean towards a's caption, mean that of all pairs. A ring lifts its members'
    own rows and so hides itself: pairs found to be one are left out of rows and means, and the
    table is made again. Two people who are nearly always right agree more than that sum allows;
    but then their likeness to others falls off smoothly, where a ring's stands out for both.
    """
    apart: frozenset[Pair] = frozenset()
    table = _table(tasks, measured, apart)
    for _ in range(ROUNDS):
        found = table.rings() | apart
        if found == apart:
            break
        apart = found
        table = _table(tasks, measured, apart)
    return table.excess(), apart


def _table(
    tasks: Sequence[Sequence[Caption]], measured: Sequence[Evidence], apart: frozenset[Pair]
) -> Table:
    table = Table()
    for captions, evidence in zip(tasks, measured, strict=True):
        if len(captions) >= 3 and evidence.independent.any():
            for pair, value, likeness in _deviations(captions, evidence, apart):
                table.deviations[pair].append(value)
                table.likeness[pair].append(likeness)
    return table


def _deviations(
    captions: Sequence[Caption], evidence: Evidence, apart: frozenset[Pair]
) -> Iterator[tuple[Pair, float, float]]:
    """Each independent pair of one task: how far it is above what both share with others, and u."""
    u, mask = evidence.support_from, evidence.independent
    authors = [caption.author for caption in captions]
    usual = mask.copy()
    for i, j in zip(*np.nonzero(np.triu(mask, 1)), strict=True):
        if apart and _pair(authors, i, j) in apart:
            usual[i, j] = usual[j, i] = 0.0
    if not usual.any():
        return
    mean = float((u * usual).sum() / usual.sum())
    n_others = usual.sum(axis=1)
    rows = np.where(n_others > 0, (u * usual).sum(axis=1) / np.maximum(n_others, 1), mean)
    for i, j in zip(*np.nonzero(np.triu(mask, 1)), strict=True):
        yield _pair(authors, i, j), float(u[i, j] - (rows[i] + rows[j] - mean)), float(u[i, j])


def _pair(authors: Sequence[int], i: int, j: int) -> Pair:
    a, b = authors[i], authors[j]
    return (a, b) if a <= b else (b, a)
