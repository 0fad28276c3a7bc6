"""Blind votes: hand out pairs of captions fairly, and take people's choices between them."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from django.db import transaction
from django.utils import timezone

from portal import signals
from portal.algorithms import text
from portal.errors import Conflict, InvalidInput, NotFound, OwnCaption
from portal.models import (
    Annotation,
    Annotator,
    EvaluationItem,
    Prediction,
    Preference,
)
from portal.models.annotators import AnnotatorState
from portal.models.preferences import Choice, pairs_open_to
from portal.signals import announce

CHOICES = ("left", "right", "both", "neither")


@dataclass(frozen=True)
class Pair:
    """Two captions of one clip, on the sides that were drawn for this person."""

    item: EvaluationItem
    left: Prediction
    right: Prediction


def next_pair(*, voter: Annotator, after: int = 0) -> Pair | None:
    """Return the pair this person is asked about next: one with the fewest votes, drawn by chance.

    The same until it is answered. `after` passes over one pair (and returns it if it is the last).
    """
    for item in _drawn(voter):
        if item.pk != after and not _is_own(item, voter):
            return pair_of(item, voter)
    return pair_of(*left) if (left := _last(voter, after)) else None


def pair_of(item: EvaluationItem, voter: Annotator) -> Pair:
    """Put the two captions on their sides: by chance, but the same at each look."""
    first, second = _in_order(item)
    return Pair(item, first, second) if _first_is_left(item, voter) else Pair(item, second, first)


@transaction.atomic
def cast(*, item_id: int, voter: Annotator, choice: str) -> tuple[Preference, bool]:
    """Record which side this person prefers; True where it is their first word on the pair.

    A second choice replaces the first. Raises OwnCaption where one side is what they wrote for the
    clip, Conflict where nobody is asked any more.
    """
    if choice not in CHOICES:
        raise InvalidInput.on("choice", f"choice is one of {', '.join(CHOICES)}.", "choice")
    item = _item(item_id, voter)
    if _is_own(item, voter):
        raise OwnCaption("One of these captions is what you wrote; nobody judges their own words.")
    row, is_new = _record(item, voter, choice)
    announce(signals.preference_given, preference_id=row.pk)
    return row, is_new


def _record(item: EvaluationItem, voter: Annotator, choice: str) -> tuple[Preference, bool]:
    first, second = _in_order(item)
    is_left = _first_is_left(item, voter)
    return Preference.objects.update_or_create(
        first=first,
        second=second,
        voter=voter,
        defaults={
            "choice": _meant(choice, first_is_left=is_left),
            "first_was_left": is_left,
            "is_weighed": False,
            "changed_at": timezone.now(),
        },
        create_defaults={
            "project_id": voter.project_id,
            "task_id": item.task_id,
            "choice": _meant(choice, first_is_left=is_left),
            "first_was_left": is_left,
        },
    )


def _item(item_id: int, voter: Annotator) -> EvaluationItem:
    """Return the pair if this person may (still) speak on it."""
    rows = EvaluationItem.objects.select_related(
        "evaluation__project", "original", "retrained", "task"
    )
    item = rows.filter(pk=item_id, evaluation__project_id=voter.project_id).first()
    if item is None:
        raise NotFound(f"There is no pair {item_id} in this project.")
    if not item.evaluation.project.asks_preferences:
        raise Conflict("This project does not ask which caption people prefer.")
    if voter.state != AnnotatorState.ACTIVE:
        raise Conflict(f"{voter} is {voter.get_state_display()}; a manager can change that.")
    if item.is_identical:
        raise Conflict("Both captions say the same; there is nothing to choose.")
    if not type(item.evaluation).objects.undecided().filter(pk=item.evaluation_id).exists():
        raise Conflict("These models have been decided on; votes no longer count.")
    return item


def _drawn(voter: Annotator) -> Iterator[EvaluationItem]:
    """Yield the open pairs, those with the fewest votes first, equals in an order of chance."""
    for _, equals in groupby(pairs_open_to(voter), key=lambda row: row[1]):
        mixed = sorted((pk for pk, _ in equals), key=lambda pk: _chance(voter, f"next/{pk}"))
        for pk in mixed:
            yield _loaded(pk)


def _last(voter: Annotator, after: int) -> tuple[EvaluationItem, Annotator] | None:
    """The pair that was passed over, where no other is left."""
    if not after or not pairs_open_to(voter).filter(pk=after).exists():
        return None
    item = _loaded(after)
    return None if _is_own(item, voter) else (item, voter)


def _loaded(pk: int) -> EvaluationItem:
    rows = EvaluationItem.objects.select_related(
        "original", "retrained", "task__video", "task__project", "evaluation__project"
    )
    return rows.get(pk=pk)


def _is_own(item: EvaluationItem, voter: Annotator) -> bool:
    """Whether either side says what this person wrote for the clip, case and points aside."""
    own = Annotation.objects.filter(task_id=item.task_id, author=voter).first()
    if own is None:
        return False
    said = {text.tokens(item.original.caption), text.tokens(item.retrained.caption)}
    return text.tokens(own.text) in said


def _in_order(item: EvaluationItem) -> tuple[Prediction, Prediction]:
    both = sorted((item.original, item.retrained), key=lambda prediction: prediction.pk)
    return both[0], both[1]


def _first_is_left(item: EvaluationItem, voter: Annotator) -> bool:
    first, second = _in_order(item)
    return int(_chance(voter, f"side/{first.pk}/{second.pk}")[-1], 16) % 2 == 0


def _chance(voter: Annotator, what: str) -> str:
    """Draw by a hash with the project's secret salt, so that nobody can work the sides out."""
    salted = f"{voter.project.evaluation_salt}/{voter.pk}/{what}"
    return hashlib.sha256(salted.encode()).hexdigest()


def _meant(choice: str, *, first_is_left: bool) -> Choice:
    if choice in (Choice.BOTH, Choice.NEITHER):
        return Choice(choice)
    return Choice.FIRST if (choice == "left") == first_is_left else Choice.SECOND
