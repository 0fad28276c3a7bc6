"""What a person may see of a task: blind to others' work until their own caption is in.

A machine works for many people, so of open tasks it sees no captions at all; managers and readers
caption nothing and see everything.
"""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from portal.api.callers import CAPTIONERS, Caller
from portal.models import Annotation, Assignment, Task
from portal.models.members import Role


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


def with_own_answers(caller: Caller, tasks: "QuerySet[Task]") -> "QuerySet[Task]":
    """Note on each task whether this person has captioned it, so that a list needs one query."""
    if caller.user is None:
        return tasks
    mine = Annotation.objects.filter(task=OuterRef("pk"), author__user=caller.user)
    return tasks.annotate(is_answered=Exists(mine))


def sight_of(caller: Caller, role: str | None, task: Task) -> Sight:
    """Return what the caller, in this role, may see of the task."""
    if caller.token:
        return Sight(of_captions=not task.is_open, of_authors=True, of_prediction=True)
    if role not in CAPTIONERS:
        return Sight(of_captions=True, of_authors=role == Role.MANAGER, of_prediction=True)
    return Sight(
        of_captions=_has_answered(caller, task) or _is_past_asking(role, task),
        of_authors=False,
        of_prediction=task.project.shows_prediction_to(is_expert=role == Role.EXPERT),
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


def _has_answered(caller: Caller, task: Task) -> bool:
    if "is_answered" in task.__dict__:
        return bool(task.__dict__["is_answered"])
    return Annotation.objects.filter(task=task, author__user=caller.user).exists()


def _is_past_asking(role: str | None, task: Task) -> bool:
    """Whether nobody can be asked to caption it any more; a gold task always may be."""
    if task.is_gold or task.is_open:
        return False
    return role == Role.EXPERT or task.state != "disputed"
