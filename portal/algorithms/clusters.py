"""Whether the captions of one task fall into two coherent readings of the clip."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

MIN_PEOPLE = 2  # one dissenter is an outlier, two are a reading
MIN_COHERENCE = 0.45
MAX_BRIDGE = 0.6  # likeness across, as a share of the looser side's likeness within


def two_readings(likeness: Matrix, authors: Sequence[int], copies: NDArray[np.bool_]) -> bool:
    """Say whether k captions split into two sides, each coherent and by two people or more.

    `likeness` is (k, k) in [0, 1]; copies of the prediction speak as one person. Average-linkage
    clustering cut at two; never true for fewer than four captions.
    """
    people = [-1 if copy else author for author, copy in zip(authors, copies, strict=True)]
    if len(likeness) < 2 * MIN_PEOPLE:
        return False
    left, right = halves(likeness)
    if min(len({people[i] for i in side}) for side in (left, right)) < MIN_PEOPLE:
        return False
    within = min(_mean_within(likeness, side) for side in (left, right))
    across = float(likeness[np.ix_(left, right)].mean())
    return within >= MIN_COHERENCE and across <= MAX_BRIDGE * within


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
