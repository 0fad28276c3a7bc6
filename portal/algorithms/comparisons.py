"""Two models on the same frozen items: each metric with its interval, wins and losses, slices."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from portal.algorithms import significance
from portal.algorithms.significance import Interval, Score

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


@dataclass(frozen=True)
class Counts:
    """Both models' sufficient statistics (n, k) of a corpus metric, and its score of their sums."""

    original: Floats
    retrained: Floats
    score: Score


def compare(
    original: Mapping[str, Floats],
    retrained: Mapping[str, Floats],
    clusters: Sequence[object],
    rng: np.random.Generator,
    corpora: Mapping[str, Counts] | None = None,
) -> tuple[Comparison, ...]:
    """Compare two models metric by metric; p-values are adjusted over the metrics given.

    Both mappings hold the same metrics, each an array of n scores in one item order; `clusters`
    are the items' videos. A metric that `corpora` names is compared as a corpus score.
    """
    if original.keys() != retrained.keys():
        raise ValueError(f"Metrics {sorted(original)} and {sorted(retrained)} are not the same.")
    counted = corpora or {}
    found = [
        _compare_corpora(name, counted[name], clusters, rng)
        if name in counted
        else _compare_means(name, original[name], retrained[name], clusters, rng)
        for name in original
    ]
    adjusted = significance.holm([each.p for each in found])
    return tuple(replace(each, p_holm=float(p)) for each, p in zip(found, adjusted, strict=True))


def _compare_means(
    name: str,
    original: Floats,
    retrained: Floats,
    clusters: Sequence[object],
    rng: np.random.Generator,
) -> Comparison:
    deltas = difference(original, retrained)
    p = significance.approximate_randomisation(deltas, clusters, rng)
    interval = significance.paired_bootstrap(deltas, clusters, rng)
    return Comparison(name, float(np.mean(original)), float(np.mean(retrained)), interval, p, p)


def _compare_corpora(
    name: str, counts: Counts, clusters: Sequence[object], rng: np.random.Generator
) -> Comparison:
    both = counts.original, counts.retrained
    first, second = (float(counts.score(each.sum(axis=0)[None])[0]) for each in both)
    p = significance.corpus_randomisation(*both, counts.score, clusters, rng)
    interval = significance.corpus_bootstrap(*both, counts.score, clusters, rng)
    return Comparison(name, first, second, interval, p, p)


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
    groups: Mapping[str, Sequence[Collection[str]]],
    rng: np.random.Generator,
) -> tuple[Slice, ...]:
    """Bound the difference within each label of each group (tag, language, length, quintile).

    An item has as many labels of a group as it is given: a clip may bear several tags.
    """
    found = []
    for group, labels in groups.items():
        if len(labels) != len(deltas):
            raise ValueError(f"Group {group} has {len(labels)} labels for {len(deltas)} items.")
        for label in sorted({label for each in labels for label in each}):
            members = [place for place, each in enumerate(labels) if label in each]
            videos = [clusters[place] for place in members]
            interval = significance.paired_bootstrap(deltas[members], videos, rng)
            found.append(Slice(group, label, interval))
    return tuple(found)


def quintiles(values: Floats) -> list[tuple[str]]:
    """Return "Q1" (lowest) to "Q5" for each value; equal values share a quintile."""
    edges = np.quantile(values, (0.2, 0.4, 0.6, 0.8))
    return [(f"Q{place + 1}",) for place in np.searchsorted(edges, values, side="right")]


def worst(deltas: Floats, n: int = N_WORST) -> NDArray[np.intp]:
    """Return the places of the worst regressions, worst first; only those that lost."""
    order = np.argsort(deltas, kind="stable")[:n]
    return np.asarray(order[deltas[order] <= -TIE], dtype=np.intp)
