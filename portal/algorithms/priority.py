"""The one static key that orders open tasks, and why a task stands where it does.

Every task ages at the same rate, so ageing never changes the order: a virtual due time, computed
once and stored in one indexed column, serves the most valuable task first and still starves none.
It changes only with events (prediction, caption, vote, neighbouring consensus, edit).
"""

import math
from dataclasses import dataclass

HOUR = 3600.0
DEFAULT_HORIZON_HOURS = 24.0
HORIZON_PER_WAIT = 8.0
LEAST_BUSINESS = 0.25
MOST_BUSINESS = 4.0
# The oldest task is served before anything better once it is this share of the horizon too late.
OVERDUE_SHARE = 0.25
MUCH_ALIKE = 0.3  # below this factor a clip is nearly what has been chosen, or of one video with it


@dataclass(frozen=True)
class Weights:
    """How much each reason counts; managers set the first three per project."""

    uncertainty: float = 0.70
    conflict: float = 0.20
    begun: float = 0.10
    business: float = 0.15


@dataclass(frozen=True)
class Part:
    """One reason for a task's place: its raw value, what it adds to the score, and in words."""

    name: str
    value: float
    contribution: float
    sentence: str


@dataclass(frozen=True)
class Priority:
    """A score, its virtual due time (epoch seconds), and its parts, heaviest first."""

    score: float
    virtual_due: float
    parts: tuple[Part, ...]

    def why(self) -> dict[str, object]:
        """Return the explanation as plain data, ready to be stored beside the key."""
        return {
            "score": round(self.score, 4),
            "virtual_due": round(self.virtual_due, 3),
            "parts": [
                {
                    "name": part.name,
                    "value": round(part.value, 4),
                    "contribution": round(part.contribution, 4),
                    "sentence": part.sentence,
                }
                for part in self.parts
            ],
        }


def key(
    *,
    uncertainty: float,
    created_at: float,
    crowding: float = 1.0,
    conflict: float = 0.0,
    is_begun: bool = False,
    business: float = 1.0,
    horizon_hours: float = DEFAULT_HORIZON_HOURS,
    due_at: float | None = None,
    lead_hours: float = 0.0,
    weights: Weights | None = None,
    named: tuple[str, str] | None = None,
) -> Priority:
    """Compute a task's score S and virtual due time, min(created + H(1 - S), due - lead).

    S = clip(.7 U R + .2 C + .1 F, 0, 1) + .15 log2(business), with the rank-normalised uncertainty
    U, the crowding factor R and the conflict C in [0, 1], F = 1 for a begun task, business value
    between a quarter and four. Times are epoch seconds; a smaller virtual due is served sooner.
    `named` is the name of U and the sentence that explains it, where it is no uncertainty.
    """
    weights = weights or Weights()
    _check_shares(uncertainty=uncertainty, crowding=crowding, conflict=conflict)
    if horizon_hours <= 0.0:
        raise ValueError(f"The horizon is longer than 0 hours, not {horizon_hours}.")
    doubled = math.log2(min(max(business, LEAST_BUSINESS), MOST_BUSINESS))
    unsure = weights.uncertainty * uncertainty * crowding
    disputed = weights.conflict * conflict
    begun = weights.begun * float(is_begun)
    worth = weights.business * doubled
    score = min(max(unsure + disputed + begun, 0.0), 1.0) + worth
    earned = created_at + horizon_hours * HOUR * (1.0 - score)
    deadline = math.inf if due_at is None else due_at - lead_hours * HOUR
    name, sentence = named or ("uncertainty", _say_uncertainty(uncertainty, crowding))
    parts = [
        Part(name, uncertainty, unsure, sentence),
        Part("conflict", conflict, disputed, "The captions so far disagree."),
        Part("begun", float(is_begun), begun, "Others have begun it; it waits to be finished."),
        Part("business", business, worth, f"A manager set its value to {business:g}."),
    ]
    told = [part for part in parts if part.contribution != 0.0]
    if deadline < earned:
        sooner = (earned - deadline) / (horizon_hours * HOUR)
        told.append(Part("deadline", deadline, sooner, "Its deadline is near."))
    told.sort(key=lambda part: -abs(part.contribution))
    return Priority(score, min(earned, deadline), tuple(told))


def conflict(n_captions: int, agreement: float | None) -> float:
    """Return how much a task's captions disagree, in [0, 1]; 0 below two captions."""
    if n_captions < 2 or agreement is None:
        return 0.0
    return min(max(1.0 - agreement, 0.0), 1.0)


def horizon_hours(mean_wait_hours: float | None) -> float:
    """Return the horizon that suits a project whose tasks wait this long in plain order.

    Eight times the mean first-in-first-out wait lets the best decile go at once while the worst
    wait stays below three times that of the plain order; a day where nothing is known yet.
    """
    if mean_wait_hours is None or mean_wait_hours <= 0.0:
        return DEFAULT_HORIZON_HOURS
    return HORIZON_PER_WAIT * mean_wait_hours


def is_overdue(virtual_due: float, now: float, horizon: float = DEFAULT_HORIZON_HOURS) -> bool:
    """Say whether a task is so late (a quarter of the horizon, in hours) that it goes first."""
    return now - virtual_due > OVERDUE_SHARE * horizon * HOUR


def _check_shares(**shares: float) -> None:
    for name, value in shares.items():
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{name} lies between 0 and 1, not at {value}.")


def _say_uncertainty(rank: float, crowding: float) -> str:
    sentence = f"The model is less sure of it than of {rank:.0%} of its captions"
    if crowding < MUCH_ALIKE:
        return f"{sentence}, but much like it has been chosen already (× {crowding:.2f})."
    if crowding < 0.995:
        return f"{sentence}; some like it has been chosen (× {crowding:.2f})."
    return f"{sentence}."
