"""What prioritising saves: model errors found per caption, beside the random control slice.

What a running project can honestly tell is not how good a model would have become with other
labels, but how much its labels corrected: e = 1 - similarity(model's caption, people's consensus),
summed over the tasks and divided by the captions they cost, for hard tasks cost more. Control tasks
are drawn at random, but served in the order of their uncertainty like all others, so those that
have settled are no random sample: they are weighted back, stratum of uncertainty by stratum, to all
control tasks there are. That is unbiased as long as, at equal uncertainty, when a control task
settles has nothing to do with how wrong the model was. Two cautions: errors of near-duplicates
count twice, and an error found is not an error unlearnt; comparing retrained models says that.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

N_STRATA = 5
LEAST_TASKS = 20
LEAST_VIDEOS = 8
LEAST_IN_STRATUM = 3
RESAMPLES = 2_000
LOW, HIGH = 0.025, 0.975
MOST_POINTS = 60


@dataclass(frozen=True)
class Labels:
    """Settled tasks in the order they settled: the model's error, captions spent, uncertainty."""

    errors: Floats
    costs: Floats
    uncertainty: Floats  # rank, 0 to 1
    videos: Sequence[object]

    def __len__(self) -> int:
        return len(self.errors)


@dataclass(frozen=True)
class Lift:
    """Model errors found per caption, prioritised and at random, and their ratio, with 95 %.

    `curve` holds (captions spent, share of captions saved so far, low, high); its band carries the
    control slice's uncertainty.
    """

    prioritised: float
    control: float
    ratio: float
    low: float
    high: float
    n_prioritised: int
    n_control: int
    n_captions: int
    curve: Sequence[tuple[float, float, float, float]]

    @property
    def n_at_random(self) -> int:
        """How many captions of random tasks would have found as many errors."""
        return round(self.n_captions * self.ratio)

    @property
    def is_sure(self) -> bool:
        """Whether the interval leaves "no difference" out."""
        return self.low > 1.0 or self.high < 1.0

    @property
    def saved(self) -> float:
        """The share of captions saved; below 0 where random order had been better."""
        return saving(self.ratio)


def saving(ratio: float) -> float:
    """Return 1 - 1/ratio: captions not needed, as a share of those that random order needs."""
    return 1.0 - 1.0 / ratio


def measure(
    prioritised: Labels, control: Labels, pool: Floats, rng: np.random.Generator
) -> Lift | None:
    """Compare prioritised tasks with the control slice; None where too few have settled.

    `pool` (m,) holds the uncertainty ranks of all control tasks, settled or not. Videos are drawn
    with replacement, 2,000 times.
    """
    if not (_is_enough(prioritised) and _is_enough(control)):
        return None
    edges = _edges(control.uncertainty, pool)
    weights = np.histogram(pool, edges)[0].astype(np.float64)
    ours = _totals(prioritised, np.asarray([-math.inf, math.inf]))
    theirs = _totals(control, edges)
    whole = np.asarray([1.0])
    here = float(_rates(ours.sum(axis=0, keepdims=True), whole)[0])
    there = float(_rates(theirs.sum(axis=0, keepdims=True), weights)[0])
    if there <= 0.0:
        return None
    first = _rates(_drawn(ours, rng), whole)
    second = np.maximum(_rates(_drawn(theirs, rng), weights), 1e-9)
    low, high = np.quantile(first / second, (LOW, HIGH))
    bounds = np.quantile(second, (LOW, HIGH))
    return Lift(
        prioritised=here,
        control=there,
        ratio=here / there,
        low=float(low),
        high=float(high),
        n_prioritised=len(prioritised),
        n_control=len(control),
        n_captions=int(prioritised.costs.sum()),
        curve=_curve(prioritised, there, float(bounds[0]), float(bounds[1])),
    )


def _is_enough(labels: Labels) -> bool:
    return (
        len(labels) >= LEAST_TASKS
        and len(set(labels.videos)) >= LEAST_VIDEOS
        and float(labels.costs.sum()) > 0.0
        and float(labels.errors.sum()) > 0.0
    )


def _edges(settled: Floats, pool: Floats) -> Floats:
    """Cut the pool into equally full strata, joining those in which hardly anything has settled."""
    cuts = np.quantile(pool, np.linspace(0.0, 1.0, N_STRATA + 1)[1:-1])
    edges = [-math.inf]
    for cut in [*np.unique(cuts).tolist(), math.inf]:
        inside = (settled >= edges[-1]) & (settled < cut)
        if inside.sum() >= LEAST_IN_STRATUM:
            edges.append(cut)
    inner = edges[1:-1] if len(edges) > 1 else []
    return np.asarray([-math.inf, *inner, math.inf])


def _totals(labels: Labels, edges: Floats) -> Floats:
    """Sum tasks, errors and captions of each video and stratum: (videos, strata, 3)."""
    places: dict[object, int] = {}
    codes = [places.setdefault(video, len(places)) for video in labels.videos]
    strata = np.searchsorted(edges, labels.uncertainty, side="right") - 1
    totals = np.zeros((len(places), len(edges) - 1, 3))
    rows = np.column_stack([np.ones(len(labels)), labels.errors, labels.costs])
    np.add.at(totals, (np.asarray(codes), strata), rows)
    return totals


def _drawn(totals: Floats, rng: np.random.Generator) -> Floats:
    """Redraw the videos: (resamples, strata, 3)."""
    n = len(totals)
    draws = rng.multinomial(n, np.full(n, 1.0 / n), size=RESAMPLES).astype(np.float64)
    return np.asarray(np.tensordot(draws, totals, axes=1))


def _rates(totals: Floats, weights: Floats) -> Floats:
    """Return errors per caption, strata weighted: (m, strata, 3) to (m,)."""
    counts = totals[:, :, 0]
    shares = np.where(counts > 0.0, weights / np.maximum(counts, 1.0), 0.0)
    errors, costs = ((shares * totals[:, :, column]).sum(axis=1) for column in (1, 2))
    return np.asarray(errors / np.maximum(costs, 1e-12))


def _curve(
    labels: Labels, rate: float, low: float, high: float
) -> list[tuple[float, float, float, float]]:
    spent, found = labels.costs.cumsum(), labels.errors.cumsum()
    step = max(1, -(-(len(labels) - LEAST_TASKS + 1) // MOST_POINTS))
    places = range(len(labels) - 1, LEAST_TASKS - 2, -step)
    return [
        (float(spent[at]), _saved(each, rate), _saved(each, high), _saved(each, low))
        for at in reversed(places)
        if (each := float(found[at] / max(spent[at], 1e-9))) >= 0.0
    ]


def _saved(ours: float, theirs: float) -> float:
    return 1.0 - theirs / max(ours, 1e-9)
