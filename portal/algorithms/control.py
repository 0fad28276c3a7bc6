"""Control chart of a mean: has what we measure moved since the beginning?

Shewhart, W. A., Economic Control of Quality of Manufactured Product (1931): a point outside of
three standard errors is a signal. Here a point is the mean over the last `window` values, compared
with the mean over the first ones; the standard error is that of their difference, so that a
baseline which is itself an estimate does not cry wolf.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WINDOW = 200
SIGMAS = 3.0


@dataclass(frozen=True)
class Chart:
    """A baseline, its upper limit, and the moving means after it (one a value, oldest first)."""

    baseline: float
    limit: float
    means: Floats

    @property
    def is_out(self) -> bool:
        """Whether the newest mean lies above the limit."""
        return bool(len(self.means) and self.means[-1] > self.limit)


def control_chart(values: Floats, window: int = WINDOW, sigmas: float = SIGMAS) -> Chart | None:
    """Chart values of shape (n,), oldest first; the first `window` of them are the baseline.

    None below `window` values. No mean shares a value with the baseline, so that there are
    max(0, n − 2·window + 1) of them.
    """
    if values.ndim != 1 or window < 2:
        raise ValueError(f"A chart needs one row of values, not {values.shape}, and a window ≥ 2.")
    if len(values) < window:
        return None
    first = values[:window]
    error = float(first.std(ddof=1)) * np.sqrt(2.0 / window)
    sums = np.concatenate([[0.0], np.cumsum(values[window:])])
    means = (sums[window:] - sums[:-window]) / window
    return Chart(float(first.mean()), float(first.mean()) + sigmas * float(error), means)
