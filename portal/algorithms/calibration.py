"""What a model's uncertainty has meant so far: fitted against how far people's captions were."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_CONSENSUSES = 200


@dataclass(frozen=True, eq=False)
class Isotonic:
    """A rising step function through `xs`, straight between the steps, flat outside."""

    xs: Floats
    ys: Floats

    def predict(self, values: Floats) -> Floats:
        """Return the fitted value at each point."""
        return np.asarray(np.interp(values, self.xs, self.ys), dtype=np.float64)


@dataclass(frozen=True)
class Bin:
    """One dot of a reliability diagram: mean said, mean found, how many, standard error."""

    said: float
    found: float
    n: int
    error: float


def fit_isotonic(xs: Floats, ys: Floats, weights: Floats | None = None) -> Isotonic:
    """Fit the rising function with the least weighted squared error, by pooling violators.

    Equal xs are pooled first. Ayer et al., "An empirical distribution function for sampling with
    incomplete information", 1955.
    """
    if len(xs) == 0 or xs.shape != ys.shape:
        raise ValueError(f"Isotonic regression of shapes {xs.shape} and {ys.shape} is impossible.")
    mass = np.ones_like(xs) if weights is None else np.asarray(weights, dtype=np.float64)
    places, inverse = np.unique(xs, return_inverse=True)
    totals = np.bincount(inverse, weights=mass)
    means = np.bincount(inverse, weights=mass * ys) / totals
    blocks: list[tuple[float, float, int]] = []
    for mean, total in zip(means.tolist(), totals.tolist(), strict=True):
        size = 1
        while blocks and blocks[-1][0] >= mean:
            before, weight, length = blocks.pop()
            mean = (before * weight + mean * total) / (weight + total)
            total, size = weight + total, length + size
        blocks.append((mean, total, size))
    fitted = np.repeat([block[0] for block in blocks], [block[2] for block in blocks])
    return Isotonic(places, fitted)


def reliability_bins(
    said: Floats, found: Floats, n_bins: int = 10, weights: Floats | None = None
) -> tuple[Bin, ...]:
    """Group predictions into equally full bins and compare what was said with what was found.

    With weights, which average 1 or not, the means are weighed and the error is that of a weighed
    mean; bins are equally full of points, not of weight.
    """
    mass = np.ones_like(said) if weights is None else np.asarray(weights, dtype=np.float64)
    if said.shape != found.shape or mass.shape != said.shape:
        raise ValueError(f"Shapes {said.shape}, {found.shape} and {mass.shape} do not compare.")
    order = np.argsort(said, kind="stable")
    parts = np.array_split(order, min(n_bins, max(len(order), 1)))
    return tuple(_bin(said[part], found[part], mass[part]) for part in parts if len(part))


def _bin(said: Floats, found: Floats, mass: Floats) -> Bin:
    share = mass / mass.sum()
    mean = float(share @ found)
    n = len(found)
    spread = float(np.square(share) @ np.square(found - mean)) * n / (n - 1) if n > 1 else 0.0
    return Bin(float(share @ said), mean, n, float(np.sqrt(spread)))


def calibration_error(bins: tuple[Bin, ...]) -> float:
    """The mean distance of found from said over the bins, weighed by their points; 0 without."""
    n = sum(each.n for each in bins)
    return sum(abs(each.found - each.said) * each.n for each in bins) / n if n else 0.0
