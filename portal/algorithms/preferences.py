"""Blind votes between two captions: which model people prefer, and how surely.

The gate looks again after every vote, so it asks e-values, which stay valid however often one
looks; the sign test's p beside them holds for a single look.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, lgamma, log

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_DECISIVE = 20
EVEN = 0.5
# The retrained captions' share of decisive tasks that is still "not worse", and how small the
# chance of a wrong word on it must be, at whatever look.
TOLERATED = 0.4
SURELY = 0.05
GRID = (np.arange(400) + 0.5) / 400.0
BRADLEY_TERRY_STEPS = 1_000


@dataclass(frozen=True)
class Preference:
    """Tasks on which the newer model was preferred, was not, and neither, with p of the signs."""

    n_better: int
    n_worse: int
    n_even: int
    p_better: float
    p_worse: float

    @property
    def is_not_worse(self) -> bool:
        """Whether the retrained captions surely win more than the tolerated share."""
        is_sure = e_value(self.n_better, self.n_worse, TOLERATED) >= 1.0 / SURELY
        return is_sure and self.n_better + self.n_worse >= LEAST_DECISIVE

    @property
    def is_worse(self) -> bool:
        """Whether people surely prefer the older model."""
        return e_value(self.n_worse, self.n_better, EVEN) >= 1.0 / SURELY


def e_value(n_for: int, n_against: int, share: float) -> float:
    """Return the evidence that the true share of `n_for` exceeds `share`; 20 is one in twenty.

    The mean likelihood ratio of every greater share to this one. Where the truth is no greater it
    ever reaches 1/alpha with a chance of at most alpha (Ville), so the votes may be counted after
    each one. Ramdas et al., "Game-theoretic statistics and safe anytime-valid inference", 2023.
    """
    greater = share + (1.0 - share) * GRID
    logs = n_for * np.log(greater / share) + n_against * np.log((1.0 - greater) / (1.0 - share))
    most = float(logs.max())
    return float(np.exp(min(most, 500.0)) * np.exp(logs - most).mean())


def sign_test(votes: Sequence[int], tasks: Sequence[object]) -> Preference:
    """Test which model is preferred: one sign per task, from the votes on it.

    `votes` are +1 for the newer model, -1 for the older, 0 for both or neither; `tasks` their task
    ids. Voters of one task saw the same pair, so a task speaks once; even tasks are left out.
    """
    if len(votes) != len(tasks):
        raise ValueError(f"{len(votes)} votes need as many tasks, not {len(tasks)}.")
    sums: dict[object, int] = {}
    for vote, task in zip(votes, tasks, strict=True):
        sums[task] = sums.get(task, 0) + vote
    better = sum(total > 0 for total in sums.values())
    worse = sum(total < 0 for total in sums.values())
    n = better + worse
    return Preference(
        better, worse, len(sums) - n, p_better=_tail(better, n), p_worse=_tail(worse, n)
    )


def bradley_terry(wins: Floats, draw_weight: float = 0.1) -> Floats:
    """Return each model's strength, shape (k,), summing to 1; P(i beats j) = s_i / (s_i + s_j).

    `wins[i, j]` counts how often i was preferred to j. A tenth of an imagined draw for each pair
    keeps a model that never lost finite. Minorise-maximise steps of Hunter 2004.
    """
    counts = np.asarray(wins, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or (counts < 0.0).any():
        raise ValueError(f"Wins are a square matrix of counts, not {counts.shape}.")
    counts = counts + draw_weight / 2.0
    np.fill_diagonal(counts, 0.0)
    games, won = counts + counts.T, counts.sum(axis=1)
    strengths = np.full(len(counts), 1.0 / len(counts))
    for _ in range(BRADLEY_TERRY_STEPS):
        pairs = games / (strengths[:, None] + strengths[None, :])
        stepped = won / pairs.sum(axis=1)
        stepped /= stepped.sum()
        if np.abs(stepped - strengths).max() < 1e-12:
            break
        strengths = stepped
    return strengths


def _tail(n_successes: int, n: int) -> float:
    """P(at least so many heads) for a fair coin; 1 where nothing was thrown."""
    logs = (lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) for k in range(n_successes, n + 1))
    return min(sum(exp(each - n * log(2.0)) for each in logs), 1.0)
