"""Whether the captions of one task fall into two coherent readings of the clip."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

MIN_PEOPLE = 2  # one dissenter is an outlier, two are a reading
MIN_COHERENCE = 0.45
MAX_BRIDGE = 0.5  # likeness across, as a share of the looser side's likeness within
CLEAR_OPPOSITION = 0.4  # mean contradiction across at which coherence need not be shown


def two_readings(
    meaning: Matrix, opposed: Matrix, people: Sequence[int]
) -> tuple[list[int], list[int]] | None:
    """Find two sides of k captions, each by two people or more; None without them.

    Sides either contradict each other, or are each coherent and far apart. `meaning` is (k, k) in
    [0, 1], `opposed` the same for contradictions, `people` who speaks, copies of the prediction as
    one. Sides are positions, by average-linkage clustering cut at two.
    """
    if len(meaning) < 2 * MIN_PEOPLE:
        return None
    compatible = meaning * (1 - opposed)
    left, right = halves(compatible)
    if min(len({people[i] for i in side}) for side in (left, right)) < MIN_PEOPLE:
        return None
    across = np.ix_(left, right)
    if opposed[across].mean() >= CLEAR_OPPOSITION:
        return left, right
    within = min(_mean_within(compatible, side) for side in (left, right))
    is_split = within >= MIN_COHERENCE and compatible[across].mean() <= MAX_BRIDGE * within
    return (left, right) if is_split else None


def halves(likeness: Matrix) -> tuple[list[int], list[int]]:
    """Merge the likest groups by average linkage until two are left; ties by position."""
    groups = [[i] for i in range(len(likeness))]
    while len(groups) > 2:
        pairs = [(i, j) for i in range(len(groups)) for j in range(i + 1, len(groups))]
        i, j = max(
            pairs,
            key=lambda pair: float(likeness[np.ix_(groups[pair[0]], groups[pair[1]])].mean()),
        )
        groups[i] = groups[i] + groups.pop(j)
    return groups[0], groups[1]


def _mean_within(likeness: Matrix, side: Sequence[int]) -> float:
    block = likeness[np.ix_(side, side)]
    n = len(side)
    return float((block.sum() - np.trace(block)) / (n * (n - 1)))
