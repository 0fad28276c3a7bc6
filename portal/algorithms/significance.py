"""Whether a difference between two models would survive other videos.

Clips of one video are near-duplicates, so videos are drawn, never clips: counting ten copies as
ten witnesses is the commonest way to promote a model by mistake.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

RESAMPLES = 2_000
TRIALS = 10_000
CONFIDENCE = 0.95
# Sums of the same numbers in another order differ in their last bits; that is no difference.
EQUAL = 1e-12
CHUNK = 1_000


@dataclass(frozen=True)
class Interval:
    """A mean difference with bounds, each of which holds with 95 % confidence on its own.

    Below two clusters nothing is known and the bounds are infinite.
    """

    mean: float
    low: float
    high: float
    error: float
    n: int
    n_clusters: int


def paired_bootstrap(
    deltas: Floats,
    clusters: Sequence[object],
    rng: np.random.Generator,
    *,
    n_resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Bound the mean of paired differences by redrawing clusters with replacement.

    `deltas` (n,), `clusters` n ids. The percentiles are widened for few clusters as a t interval
    would be, else 20 videos would promise 95 % and keep 92. Efron 1979; Hesterberg, "What teachers
    should know about the bootstrap", 2015, for the widening.
    """
    sums, sizes = _by_cluster(deltas, clusters)
    n_clusters, mean = len(sums), float(np.mean(deltas))
    if n_clusters < 2:
        return Interval(mean, -math.inf, math.inf, math.inf, len(deltas), n_clusters)
    draws = rng.multinomial(n_clusters, np.full(n_clusters, 1.0 / n_clusters), size=n_resamples)
    means = (draws @ sums) / (draws @ sizes)
    low, high = np.quantile(means, _widened(confidence, n_clusters))
    error = float(means.std(ddof=1)) * math.sqrt(n_clusters / (n_clusters - 1))
    return Interval(mean, float(low), float(high), error, len(deltas), n_clusters)


def corpus_bootstrap(
    original: Floats,
    retrained: Floats,
    score: Callable[[Floats], float],
    clusters: Sequence[object],
    rng: np.random.Generator,
    *,
    n_resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Bound the difference of a corpus metric, recomputed from summed statistics in each resample.

    `original` and `retrained` (n, k) hold an item's sufficient statistics; `score` takes their sum
    (k,), as BLEU does with its n-gram counts: a corpus score is no mean of sentence scores.
    """
    codes = _codes(clusters)
    n_clusters = int(codes.max()) + 1
    first, second = (_summed(each, codes, n_clusters) for each in (original, retrained))
    mean = score(second.sum(axis=0)) - score(first.sum(axis=0))
    if n_clusters < 2:
        return Interval(mean, -math.inf, math.inf, math.inf, len(codes), n_clusters)
    draws = rng.multinomial(n_clusters, np.full(n_clusters, 1.0 / n_clusters), size=n_resamples)
    means = np.asarray([score(draw @ second) - score(draw @ first) for draw in draws])
    low, high = np.quantile(means, _widened(confidence, n_clusters))
    error = float(means.std(ddof=1)) * math.sqrt(n_clusters / (n_clusters - 1))
    return Interval(mean, float(low), float(high), error, len(codes), n_clusters)


def approximate_randomisation(
    deltas: Floats,
    clusters: Sequence[object],
    rng: np.random.Generator,
    *,
    n_trials: int = TRIALS,
) -> float:
    """Return the two-sided p of the mean difference, exchanging the two models video by video.

    p = (c + 1) / (n + 1) with c the trials at least as extreme: never 0. Noreen 1989, Riezler and
    Maxwell 2005, and sacreBLEU's paired test.
    """
    sums, _ = _by_cluster(deltas, clusters)
    found = abs(float(sums.sum())) * (1.0 - EQUAL) - EQUAL
    extreme = 0
    for start in range(0, n_trials, CHUNK):
        n = min(CHUNK, n_trials - start)
        signs = rng.integers(0, 2, size=(n, len(sums)), dtype=np.int8) * 2.0 - 1.0
        extreme += int((np.abs(signs @ sums) >= found).sum())
    return (extreme + 1) / (n_trials + 1)


def holm(p_values: ArrayLike) -> Floats:
    """Return p-values adjusted for being several (Holm 1979), in the order given, at most 1."""
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    factors = len(values) - np.arange(len(values))
    stepped = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    adjusted = np.empty_like(stepped)
    adjusted[order] = stepped
    return adjusted


def student_quantile(confidence: float, freedom: int) -> float:
    """Return the t quantile by Cornish and Fisher's expansion: exact to .01 from 5 degrees on."""
    z = NormalDist().inv_cdf(confidence)
    v = float(freedom)
    first = (z**3 + z) / 4.0
    second = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0
    third = (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0
    return z + first / v + second / v**2 + third / v**3


def _widened(confidence: float, n_clusters: int) -> tuple[float, float]:
    reach = math.sqrt(n_clusters / (n_clusters - 1)) * student_quantile(confidence, n_clusters - 1)
    tail = NormalDist().cdf(-reach)
    return tail, 1.0 - tail


def _codes(clusters: Sequence[object]) -> NDArray[np.intp]:
    places: dict[object, int] = {}
    return np.asarray([places.setdefault(each, len(places)) for each in clusters], dtype=np.intp)


def _by_cluster(deltas: Floats, clusters: Sequence[object]) -> tuple[Floats, Floats]:
    if deltas.ndim != 1 or len(deltas) != len(clusters) or len(deltas) == 0:
        raise ValueError(f"Differences {deltas.shape} need as many clusters, not {len(clusters)}.")
    if not np.isfinite(deltas).all():
        raise ValueError("Differences must be finite.")
    codes = _codes(clusters)
    sums = np.bincount(codes, weights=deltas).astype(np.float64)
    return sums, np.bincount(codes).astype(np.float64)


def _summed(statistics: Floats, codes: NDArray[np.intp], n_clusters: int) -> Floats:
    if statistics.ndim != 2 or len(statistics) != len(codes) or len(codes) == 0:
        raise ValueError(f"Statistics {statistics.shape} need {len(codes)} rows.")
    summed = np.zeros((n_clusters, statistics.shape[1]))
    np.add.at(summed, codes, statistics)
    return summed
