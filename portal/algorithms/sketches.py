"""A small histogram that says how unsure a value is beside the others of its model version.

Raw uncertainties of two models do not compare; their ranks do. A sketch is 256 counters, so it
fits in one row, merges by addition in any order, and forgets by subtraction. A rank is wrong by
at most half the share of the values that fell into the same bin.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

BINS = 256
# A young sketch knows little: twenty imagined values, spread evenly over [0, 1], speak with the
# real ones and have fallen silent by the hundredth.
PRIOR = 20.0
GROWN = 100.0
# Half of the bins follow the value, half its logit within these bounds: confident models crowd
# near 0 and cold ones near 1, where even bins would see nothing but ties.
LOGIT_BOUND = 8.0
UNCERTAIN_SHARE = 0.30


def _bins(values: Floats) -> NDArray[np.intp]:
    inside = np.clip(values, 1e-12, 1.0 - 1e-12)
    logit = np.clip(np.log(inside / (1.0 - inside)) / LOGIT_BOUND, -1.0, 1.0)
    position = 0.5 * values + 0.25 * (1.0 + logit)
    return np.minimum((position * BINS).astype(np.intp), BINS - 1)


def _checked(values: ArrayLike) -> Floats:
    array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if not np.isfinite(array).all() or (array < 0.0).any() or (array > 1.0).any():
        raise ValueError("A sketch takes values between 0 and 1 only.")
    return array


@dataclass(frozen=True, eq=False)
class Sketch:
    """The distribution of one model version's uncertainties; adding returns a new sketch."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, dtype=np.int64))

    def __post_init__(self) -> None:
        if self.counts.shape != (BINS,) or (self.counts < 0).any():
            raise ValueError(f"A sketch is {BINS} counts of at least 0, not {self.counts.shape}.")

    @classmethod
    def from_list(cls, counts: Iterable[int]) -> "Sketch":
        """Read a sketch back from its stored counters; an empty list is an empty sketch."""
        stored = list(counts)
        return cls(np.asarray(stored, dtype=np.int64)) if stored else cls()

    def to_list(self) -> list[int]:
        """Return the counters as plain integers, ready for a JSON column."""
        return [int(count) for count in self.counts]

    @property
    def n(self) -> int:
        """How many values the sketch holds."""
        return int(self.counts.sum())

    def add(self, values: ArrayLike) -> "Sketch":
        """Return the sketch with these values counted."""
        return Sketch(self.counts + self._histogram(values))

    def remove(self, values: ArrayLike) -> "Sketch":
        """Return the sketch without these values; ValueError for what was never added."""
        return Sketch(self.counts - self._histogram(values))

    def merge(self, other: "Sketch") -> "Sketch":
        """Return the sketch of both sets of values."""
        return Sketch(self.counts + other.counts)

    def rank(self, value: float, tie: float = 0.5) -> float:
        """Return the share of the version's values that lie below this one, in [0, 1].

        Ties stand in the middle by default. A caller that must open an exact share of a version
        whose values are all alike passes a fixed fraction of the task instead (sampling.fraction).
        """
        return float(self.ranks([value], [tie])[0])

    def ranks(self, values: ArrayLike, ties: ArrayLike = 0.5) -> Floats:
        """Return the rank of each value, shape (k,), against the sketch as it stands."""
        array = _checked(values)
        bins = _bins(array)
        same = self.counts[bins]
        below = np.cumsum(self.counts)[bins] - same
        imagined = PRIOR * max(0.0, 1.0 - self.n / GROWN)
        total = self.n + imagined
        share = (below + same * np.asarray(ties, dtype=np.float64) + imagined * array) / total
        return np.clip(share, 0.0, 1.0)

    @staticmethod
    def _histogram(values: ArrayLike) -> NDArray[np.int64]:
        return np.bincount(_bins(_checked(values)), minlength=BINS).astype(np.int64)


def is_uncertain(rank: float, share: float = UNCERTAIN_SHARE) -> bool:
    """Say whether a rank falls into the most uncertain share of its model version."""
    return rank > 1.0 - share
