"""Whether a series fell for good at some point: the split of largest contrast."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Fall:
    """The means before and after the split at `at`, and the contrast in standard errors."""

    at: int
    before: float
    after: float
    contrast: float


def steepest(values: Sequence[float], margin: int) -> Fall | None:
    """Find the split, `margin` or more from either end, whose means fall the most.

    The contrast uses the standard deviation of the whole, and is the largest of n tries: 5 is rare
    by chance where 2 would not be. None where nothing falls or there are fewer than 2·margin.
    """
    series = np.asarray(values, dtype=np.float64)
    spread = max(float(series.std()) if len(series) else 0.0, 1e-9)
    best: Fall | None = None
    for at in range(margin, len(series) - margin + 1):
        before, after = float(series[:at].mean()), float(series[at:].mean())
        error = spread * (1 / at + 1 / (len(series) - at)) ** 0.5
        contrast = (before - after) / error
        if contrast > (best.contrast if best else 0.0):
            best = Fall(at, before, after, contrast)
    return best
