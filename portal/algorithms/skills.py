"""How often somebody is right, overall and by domain tag, and on a task of some difficulty.

Sums of posterior correctness go in: gold counts as 0 or 1, an ordinary answer as the probability
that it was right. All shapes broadcast.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

PRIOR_RIGHT = 4.0
PRIOR_WRONG = 2.0
TAG_SHRINKAGE = 6.0
LEAST_ACCURACY = 0.03
MOST_ACCURACY = 0.97

LEVELS = {1: -1.0, 5: 0.0, 10: 1.0}
REFERENCE_PERCENTILES = (20.0, 50.0, 80.0)


def overall(sum_right: ArrayLike, n: ArrayLike) -> Floats:
    """Return the posterior mean of a person's rate of right answers under a Beta(4, 2) prior."""
    right, count = np.asarray(sum_right, dtype=np.float64), np.asarray(n, dtype=np.float64)
    return np.asarray((PRIOR_RIGHT + right) / (PRIOR_RIGHT + PRIOR_WRONG + count))


def by_tag(sum_right: ArrayLike, n: ArrayLike, person: ArrayLike) -> Floats:
    """Return the rate of right answers within a tag, drawn towards the person's own overall rate.

    p_jd = (6 p_j + sum) / (6 + n); without answers in the tag it is p_j.
    """
    right, count = np.asarray(sum_right, dtype=np.float64), np.asarray(n, dtype=np.float64)
    drawn = TAG_SHRINKAGE * np.asarray(person, dtype=np.float64)
    return np.asarray((drawn + right) / (TAG_SHRINKAGE + count))


def difficulty(uncertainty: float, level: int | None = None) -> float:
    """Return a task's difficulty in logits: -1, 0, 1 for the levels 1, 5, 10, else 2(U - 1/2)."""
    if level is None:
        return 2.0 * (uncertainty - 0.5)
    if level not in LEVELS:
        raise ValueError(f"A difficulty level is one of 1, 5 and 10, not {level}.")
    return LEVELS[level]


def accuracy(reliability: ArrayLike, difficulty: ArrayLike) -> Floats:
    """Return the chance of a right answer, logistic(logit p - b), kept within [.03, .97].

    Difficulty 0 leaves the reliability as it is; one logit more costs an even person 23 points.
    """
    rate = np.clip(np.asarray(reliability, dtype=np.float64), 1e-6, 1.0 - 1e-6)
    odds = rate / (1.0 - rate) * np.exp(-np.asarray(difficulty, dtype=np.float64))
    return np.asarray(np.clip(odds / (1.0 + odds), LEAST_ACCURACY, MOST_ACCURACY))


def reference_people(reliabilities: Floats) -> Floats:
    """Return three imagined people at the 20th, 50th and 80th percentile of each column.

    `reliabilities` (people, tags) gives (3, tags); shape (people,) gives (3,). With nobody known
    the three stand around the prior.
    """
    if len(reliabilities) == 0:
        prior = PRIOR_RIGHT / (PRIOR_RIGHT + PRIOR_WRONG)
        ladder = np.asarray([prior - 0.17, prior, prior + 0.17])
        return np.asarray(np.multiply.outer(ladder, np.ones(reliabilities.shape[1:])))
    return np.asarray(np.percentile(reliabilities, REFERENCE_PERCENTILES, axis=0))
