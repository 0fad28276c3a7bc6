"""What a person may see of a task: blind to others' work until their own caption is in.

A machine works for many people, so of open tasks it sees no captions at all; managers and readers
caption nothing and see everything.
"""

from dataclasses import dataclass
from typing import Protocol, cast

from django.db.models import Exists, OuterRef, Q, QuerySet

from portal.api.callers import CAPTIONERS, Caller
from portal.models import Annotation, Assignment, Task
from portal.models.members import Role


class _OwnWork(Protocol):
    """What `with_own_work` adds to a task."""

    is_answered: bool
    is_prediction_shown: bool


@dataclass(frozen=True)
class Sight:
    """What one caller may see of one task."""

    of_captions: bool
    of_authors: bool
    of_prediction: bool


def tasks_seen_by(caller: Caller, role: str | None, tasks: "QuerySet[Task]") -> "QuerySet[Task]":
    """Narrow tasks to what the caller may know of: to plain annotators, what they were given."""
    if role != Role.ANNOTATOR:
        return tasks
    given = Assignment.objects.filter(task=OuterRef("pk"), annotator__user=caller.user)
    return tasks.filter(Exists(given))


def with_own_work(caller: Caller, tasks: "QuerySet[Task]") -> "QuerySet[Task]":
    """Note on each task what this person has had of it; `sight_of` asks for that."""
    if caller.user is None:
        return tasks
    answers = Annotation.objects.filter(task=OuterRef("pk"), author__user=caller.user)
    shown = Assignment.objects.filter(
        task=OuterRef("pk"), annotator__user=caller.user, prediction_shown__isnull=False
    )
    return tasks.annotate(is_answered=Exists(answers), is_prediction_shown=Exists(shown))


def sight_of(caller: Caller, role: str | None, task: Task) -> Sight:
    """Return what the caller, in this role, may see of a task that `with_own_work` loaded."""
    if caller.token:
        return Sight(of_captions=not task.is_open, of_authors=True, of_prediction=True)
    if role not in CAPTIONERS:
        return Sight(of_captions=True, of_authors=role == Role.MANAGER, of_prediction=True)
    own = cast(_OwnWork, task)
    shows = task.project.shows_prediction_to(is_expert=role == Role.EXPERT)
    return Sight(
        of_captions=own.is_answered or _is_past_asking(role, task),
        of_authors=False,
        # Some captions are asked for blind even where the project shows what the model said.
        of_prediction=shows and (own.is_answered or own.is_prediction_shown),
    )


def captions_seen_by(
    caller: Caller, role: str | None, captions: "QuerySet[Annotation]"
) -> "QuerySet[Annotation]":
    """Narrow captions to those that the caller may read one by one."""
    if caller.token or role not in CAPTIONERS:
        return captions
    mine = Annotation.objects.filter(task=OuterRef("task"), author__user=caller.user)
    seen = Q(author__user=caller.user) | Q(Exists(mine))
    return captions.filter(seen | Q(task__state="disputed") if role == Role.EXPERT else seen)


def _is_past_asking(role: str | None, task: Task) -> bool:
    """Whether nobody can be asked to caption or audit it any more; a gold task always may be."""
    if task.is_gold or task.is_open:
        return False
    return not task.awaits_audit if role == Role.EXPERT else task.state != "disputed"
