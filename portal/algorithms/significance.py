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
Score = Callable[[Floats], Floats]  # sums of k statistics, (m, k), to m scores

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

    `deltas` (n,), `clusters` n ids. Three corrections make 95 % mean 95 %: the percentiles follow
    the skewness (BCa: Efron 1987; of a mean z0 equals a), are widened for few clusters as a t
    interval would be (Hesterberg 2015), and count unequal clusters as the fewer equal ones that
    they are worth (Carter, Schnepel and Steigerwald 2017).
    """
    sums, sizes = _by_cluster(deltas, clusters)
    totals = np.column_stack([sums, sizes])
    return _bounded(totals, _ratio, sizes, rng, n_resamples, confidence)


def corpus_bootstrap(
    original: Floats,
    retrained: Floats,
    score: Score,
    clusters: Sequence[object],
    rng: np.random.Generator,
    *,
    n_resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Bound the difference of a corpus metric, recomputed from summed statistics in each resample.

    `original` and `retrained` (n, k) hold an item's sufficient statistics; `score` takes sums
    (m, k) and returns (m,), as BLEU does with its n-gram counts: a corpus score is no mean of
    sentence scores.
    """
    codes = _codes(clusters)
    sizes = np.bincount(codes).astype(np.float64)
    both = np.hstack([_summed(each, codes, len(sizes)) for each in (original, retrained)])
    return _bounded(both, _gain(score, original.shape[1]), sizes, rng, n_resamples, confidence)


def corpus_randomisation(
    original: Floats,
    retrained: Floats,
    score: Score,
    clusters: Sequence[object],
    rng: np.random.Generator,
    *,
    n_trials: int = TRIALS,
) -> float:
    """Return the two-sided p of a corpus metric's difference, exchanging the models by video."""
    codes = _codes(clusters)
    n_clusters, width = int(codes.max()) + 1, original.shape[1]
    first, second = (_summed(each, codes, n_clusters) for each in (original, retrained))
    total, gap = (first + second).sum(axis=0), second - first
    gain = _gain(score, width)

    def differences(signs: Floats) -> Floats:
        moved = signs @ gap
        return gain(np.hstack([(total - moved) / 2.0, (total + moved) / 2.0]))

    found = abs(float(differences(np.ones((1, n_clusters)))[0]))
    return _randomised(differences, found, n_clusters, rng, n_trials)


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
    found = abs(float(sums.sum()))
    return _randomised(lambda signs: signs @ sums, found, len(sums), rng, n_trials)


def holm(p_values: ArrayLike) -> Floats:
    """Return p-values adjusted for being several (Holm 1979), in the order given, at most 1."""
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    factors = len(values) - np.arange(len(values))
    stepped = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    adjusted = np.empty_like(stepped)
    adjusted[order] = stepped
    return adjusted


def student_quantile(confidence: float, freedom: float) -> float:
    """Return the t quantile by Cornish and Fisher's expansion: exact to .01 from 5 degrees on."""
    z = NormalDist().inv_cdf(confidence)
    v = float(freedom)
    first = (z**3 + z) / 4.0
    second = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0
    third = (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0
    return z + first / v + second / v**2 + third / v**3


def _bounded(
    totals: Floats,
    statistic: Score,
    sizes: Floats,
    rng: np.random.Generator,
    n_resamples: int,
    confidence: float,
) -> Interval:
    """Bound a statistic of summed clusters, `totals` (g, k), of so many items each."""
    n_clusters, n_items = len(sizes), int(sizes.sum())
    value = float(statistic(totals.sum(axis=0, keepdims=True))[0])
    if n_clusters < 2:
        return Interval(value, -math.inf, math.inf, math.inf, n_items, n_clusters)
    draws = rng.multinomial(n_clusters, np.full(n_clusters, 1.0 / n_clusters), size=n_resamples)
    drawn = statistic(draws @ totals)
    skew = _acceleration(statistic(np.asarray(totals.sum(axis=0) - totals)))
    low, high = np.quantile(drawn, _levels(confidence, sizes, skew))
    error = float(drawn.std(ddof=1)) * math.sqrt(n_clusters / (n_clusters - 1))
    return Interval(value, float(low), float(high), error, n_items, n_clusters)


def _acceleration(left_out: Floats) -> float:
    """A sixth of the skewness of a statistic, from its values with each cluster left out."""
    pulls = left_out.mean() - left_out
    spread = float((pulls**2).sum()) ** 1.5
    return float((pulls**3).sum()) / (6.0 * spread) if spread > 0.0 else 0.0


def _levels(confidence: float, sizes: Floats, skew: float) -> tuple[float, float]:
    """Return which quantiles of the resamples bound the statistic at this confidence."""
    n_clusters = len(sizes)
    worth = max(float(sizes.sum() ** 2 / (sizes**2).sum()), 2.0)
    reach = math.sqrt(n_clusters / (n_clusters - 1)) * student_quantile(confidence, worth - 1.0)
    low, high = (skew + (skew + z) / (1.0 - skew * (skew + z)) for z in (-reach, reach))
    return NormalDist().cdf(low), NormalDist().cdf(high)


def _randomised(
    differences: Callable[[Floats], Floats],
    found: float,
    n_clusters: int,
    rng: np.random.Generator,
    n_trials: int,
) -> float:
    """Return the share of trials, with random signs of the clusters, as extreme as `found`."""
    least = found * (1.0 - EQUAL) - EQUAL
    extreme = 0
    for start in range(0, n_trials, CHUNK):
        n = min(CHUNK, n_trials - start)
        signs = np.asarray(2.0 * rng.integers(0, 2, size=(n, n_clusters)) - 1.0, np.float64)
        extreme += int((np.abs(differences(signs)) >= least).sum())
    return (extreme + 1) / (n_trials + 1)


def _ratio(totals: Floats) -> Floats:
    return np.asarray(totals[:, 0] / totals[:, 1])


def _gain(score: Score, width: int) -> Score:
    return lambda totals: score(totals[:, width:]) - score(totals[:, :width])


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
