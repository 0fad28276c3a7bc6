"""What a model's doubts were worth: its uncertainty beside how far people's captions were from its.

Likeness is by wording: thousands of captions are compared while a page waits.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from portal.algorithms.calibration import (
    LEAST_CONSENSUSES,
    Bin,
    Isotonic,
    fit_isotonic,
    reliability_bins,
)
from portal.algorithms.similarity import lexical
from portal.models import Consensus, Project

NEWEST = 2000
LEAST_OF_A_KIND = 10


@dataclass(frozen=True)
class Found:
    """How far the model's captions were from what people agreed on, with a 95 % half-width."""

    n: int
    mean: float
    half: float


@dataclass(frozen=True)
class Doubts:
    """Uncertainty against what was found; bins and curve are absent until there is enough."""

    n: int
    n_needed: int
    bins: tuple[Bin, ...]
    curve: Isotonic | None
    chosen: Found | None  # tasks that were asked because of their uncertainty
    drawn: Found | None  # the control slice

    @property
    def gain(self) -> float | None:
        """How much more there is to correct in a chosen clip than in one drawn at random."""
        if self.chosen is None or self.drawn is None or self.drawn.mean <= 0.0:
            return None
        return self.chosen.mean / self.drawn.mean


def doubts(*, project: Project) -> Doubts:
    """Compare the newest consensuses with the captions that their tasks were opened for."""
    final = Consensus.objects.final().filter(
        project=project, task__is_gold=False, task__prediction__isnull=False
    )
    rows = list(
        final.order_by("-pk").values_list(
            "caption", "task__prediction__caption", "task__uncertainty",
            "task__is_control", "task__is_evaluation", "task__is_requested",
        )[:NEWEST]
    )  # fmt: skip
    said = np.array([row[2] for row in rows], dtype=np.float64)
    found = np.array([1.0 - lexical(row[0], row[1], {}) for row in rows], dtype=np.float64)
    is_drawn = np.array([row[3] and not row[4] for row in rows], dtype=bool)
    is_chosen = np.array([not any(row[3:]) for row in rows], dtype=bool)
    is_enough = len(rows) >= LEAST_CONSENSUSES
    return Doubts(
        n=len(rows),
        n_needed=LEAST_CONSENSUSES,
        bins=reliability_bins(said, found) if is_enough else (),
        curve=fit_isotonic(said, found) if is_enough else None,
        chosen=_found(found[is_chosen]),
        drawn=_found(found[is_drawn]),
    )


def _found(values: NDArray[np.float64]) -> Found | None:
    if len(values) < LEAST_OF_A_KIND:
        return None
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    return Found(len(values), float(values.mean()), float(half))
