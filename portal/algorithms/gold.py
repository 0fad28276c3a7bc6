"""When a task with a known answer is served, and what its answers may lead to.

Gold alone is absolute evidence: agreement with others says how someone compares, not whether they
are right. Nothing here bans anybody; it proposes, and a manager decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from portal.algorithms.evidence import Caption, weigh
from portal.algorithms.parameters import Parameters

# A gold answer is right when it is at least this like one of the accepted ones, contradictions
# taken off: halfway between two captions of different clips and two of one clip.
RIGHT = 0.35
SAME = 0.45  # a caption so like the decided one, and against nothing in it, is accepted too
FIRST = 4
FIRST_OPEN_SIGN_UP = 8
RATE = 0.04
RATE_WHEN_UNRELIABLE = 0.25
UNRELIABLE = 0.60
PRIOR_RIGHT = 4.0
PRIOR_WRONG = 2.0

QUARANTINE_AFTER = 8
QUARANTINE_BELOW = 0.40
RELEASE_ABOVE = 0.50
RELEASE_AFTER, RELEASE_WINDOW = 4, 8  # answers since: at least so many, the newest so many count
LOW_STOCK, LOW_DAYS = 3, 7.0


class Reason(StrEnum):
    """Why gold is served now."""

    QUARANTINED = "quarantined"
    NEWCOMER = "newcomer"
    UNRELIABLE = "unreliable"
    CHANCE = "chance"


@dataclass(frozen=True)
class Policy:
    """A project's rules; `first` 0 turns gold off altogether."""

    first: int = FIRST
    rate: float = RATE
    rate_when_unreliable: float = RATE_WHEN_UNRELIABLE


@dataclass(frozen=True)
class Record:
    """What is known of one annotator: gold answered, how much of it well, unseen gold left."""

    n_answered: int
    n_unseen: int
    sum_right: float = 0.0
    is_quarantined: bool = False

    @property
    def trust(self) -> float:
        """The share of gold answered well, drawn towards two thirds while there is little of it."""
        return (PRIOR_RIGHT + self.sum_right) / (PRIOR_RIGHT + PRIOR_WRONG + self.n_answered)


def reason_to_serve(record: Record, draw: float, policy: Policy | None = None) -> Reason | None:
    """Say why this annotator's next task should be gold, or None for ordinary work.

    `draw` is an even random number in [0, 1). An empty pool never blocks: without unseen gold the
    answer is None, whatever else holds. The shown reliability has no say: it is a percentile, and
    two in five honest people stand below .4 of it by definition.
    """
    policy = policy or Policy()
    if record.n_unseen <= 0 or policy.first <= 0:
        return None
    if record.is_quarantined:
        return Reason.QUARANTINED
    if record.n_answered < policy.first:
        # Among the rest, not all at once: the very first task is gold, then every other one.
        return Reason.NEWCOMER if record.n_answered == 0 or draw < 0.5 else None
    if record.trust < UNRELIABLE:
        rate = max(policy.rate, policy.rate_when_unreliable)
        return Reason.UNRELIABLE if draw < rate else None
    return Reason.CHANCE if draw < policy.rate else None


def proposes_quarantine(n_answered: int, accuracy: float) -> bool:
    """Say whether a manager should be asked to give this annotator gold only."""
    return n_answered >= QUARANTINE_AFTER and accuracy < QUARANTINE_BELOW


def likeness_to_first(texts: Sequence[str]) -> NDArray[np.float64]:
    """How like the first each text is by its words, (k,) in [0, 1]; 0 for what contradicts it."""
    captions = [Caption(key=at, text=text, author=at) for at, text in enumerate(texts)]
    evidence = weigh(captions, Parameters(), None)
    return np.where(evidence.opposed[0] > 0, 0.0, evidence.likeness[0])


def accuracy(marks: Sequence[float]) -> float:
    """The share of gold answers that were right; 0 without any."""
    return sum(mark >= RIGHT for mark in marks) / len(marks) if marks else 0.0


def releases(marks: Sequence[float]) -> bool:
    """Say whether gold answered in quarantine, oldest first, ends it.

    The newest eight count, from four on; the gap between .40 and .50 stops flapping.
    """
    return len(marks) >= RELEASE_AFTER and accuracy(marks[-RELEASE_WINDOW:]) > RELEASE_ABOVE


def runs_low(record: Record, policy: Policy | None = None, per_day: float = 0.0) -> bool:
    """Say whether a manager should be warned that this annotator runs out of unseen gold.

    That is: fewer than three left, fewer than they still have to answer, or, at the rate at which
    they answer gold, less than a week's worth.
    """
    policy = policy or Policy()
    if policy.first <= 0:
        return False
    if record.n_unseen < max(LOW_STOCK, policy.first - record.n_answered):
        return True
    return record.n_unseen < LOW_DAYS * per_day
