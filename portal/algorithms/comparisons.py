"""Two models on the same frozen items: each metric with its interval, wins and losses, slices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from portal.algorithms import significance
from portal.algorithms.significance import Interval

Floats = NDArray[np.float64]

TIE = 0.01
N_WORST = 20


@dataclass(frozen=True)
class Comparison:
    """One metric: both means, the mean difference with its bounds, and p before and after Holm."""

    metric: str
    original: float
    retrained: float
    interval: Interval
    p: float
    p_holm: float


@dataclass(frozen=True)
class Slice:
    """The primary metric's difference among the items that share a label."""

    group: str
    label: str
    interval: Interval


@dataclass(frozen=True)
class Tally:
    """Items that the newer model won, tied (difference below .01) and lost."""

    wins: int
    ties: int
    losses: int


def compare(
    original: Mapping[str, Floats],
    retrained: Mapping[str, Floats],
    clusters: Sequence[object],
    rng: np.random.Generator,
) -> tuple[Comparison, ...]:
    """Compare two models metric by metric; p-values are adjusted over the metrics given.

    Both mappings hold the same metrics, each an array of n scores in one item order; `clusters`
    are the items' videos.
    """
    if original.keys() != retrained.keys():
        raise ValueError(f"Metrics {sorted(original)} and {sorted(retrained)} are not the same.")
    names = list(original)
    deltas = {name: difference(original[name], retrained[name]) for name in names}
    ps = [significance.approximate_randomisation(deltas[name], clusters, rng) for name in names]
    return tuple(
        Comparison(
            metric=name,
            original=float(np.mean(original[name])),
            retrained=float(np.mean(retrained[name])),
            interval=significance.paired_bootstrap(deltas[name], clusters, rng),
            p=p,
            p_holm=float(adjusted),
        )
        for name, p, adjusted in zip(names, ps, significance.holm(ps), strict=True)
    )


def difference(original: Floats, retrained: Floats) -> Floats:
    """Return retrained minus original, item by item; ValueError for different items."""
    if original.shape != retrained.shape:
        raise ValueError(f"Scores {original.shape} and {retrained.shape} are not of one item set.")
    return np.asarray(retrained, dtype=np.float64) - np.asarray(original, dtype=np.float64)


def outcome(delta: float) -> str:
    """Return "win", "tie" or "loss" for the newer model."""
    if abs(delta) < TIE:
        return "tie"
    return "win" if delta > 0.0 else "loss"


def tally(deltas: Floats) -> Tally:
    """Count the outcomes."""
    ties = int((np.abs(deltas) < TIE).sum())
    wins = int((deltas >= TIE).sum())
    return Tally(wins, ties, len(deltas) - wins - ties)


def slices(
    deltas: Floats,
    clusters: Sequence[object],
    groups: Mapping[str, Sequence[str]],
    rng: np.random.Generator,
) -> tuple[Slice, ...]:
    """Bound the difference within each label of each group (tag, language, length, quintile)."""
    found = []
    for group, labels in groups.items():
        if len(labels) != len(deltas):
            raise ValueError(f"Group {group} has {len(labels)} labels for {len(deltas)} items.")
        for label in sorted(set(labels)):
            members = [place for place, each in enumerate(labels) if each == label]
            videos = [clusters[place] for place in members]
            interval = significance.paired_bootstrap(deltas[members], videos, rng)
            found.append(Slice(group, label, interval))
    return tuple(found)


def quintiles(values: Floats) -> list[str]:
    """Return "Q1" (lowest) to "Q5" for each value; equal values share a quintile."""
    edges = np.quantile(values, (0.2, 0.4, 0.6, 0.8))
    return [f"Q{place + 1}" for place in np.searchsorted(edges, values, side="right")]


def worst(deltas: Floats, n: int = N_WORST) -> NDArray[np.intp]:
    """Return the places of the worst regressions, worst first; only those that lost."""
    order = np.argsort(deltas, kind="stable")[:n]
    return np.asarray(order[deltas[order] <= -TIE], dtype=np.intp)
