"""Put tasks in order: the one key that they are served by, recomputed by events alone."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Protocol, cast

from django.db import transaction

from portal.algorithms import priority, reserves, sampling, skills
from portal.algorithms.diversity import crowding
from portal.models import (
    Consensus,
    Project,
    Task,
)
from portal.models.taskstates import TaskState
from portal.models.writes import update_each
from portal.services.tasks.reading import place_key

PRICED = ("uncertainty", "difficulty", "difficulty_level", "priority", "virtual_due", "why_next")
KEY = ("priority", "virtual_due", "why_next")


class Sliced(Protocol):
    """What says whether a task belongs to a slice, and where in it."""

    video_id: int
    start_ms: int
    end_ms: int
    is_evaluation: bool
    is_control: bool
    is_requested: bool


class Priced(Sliced, Protocol):
    """What the key is made of and written to: a task, or one that is about to be."""

    uncertainty: float
    difficulty: float
    difficulty_level: int | None
    similarity: float
    n_same_video: int
    n_captions: int
    business_value: float
    due_at: datetime | None
    created_at: datetime
    priority: float
    virtual_due: datetime
    why_next: Any


def set_uncertainty(task: Priced, uncertainty: float, level: int | None = None) -> None:
    """Set a task's uncertainty and, from the level or else from it, its difficulty."""
    task.uncertainty = uncertainty
    task.difficulty_level = level or task.difficulty_level
    task.difficulty = skills.difficulty(uncertainty, task.difficulty_level)


def price(task: Priced, project: Project, *, agreement: float | None = None) -> None:
    """Compute the one key that the task is served by; the caller saves."""
    standing, crowded, named = _standing(task, project)
    due_at = _due_at(task, project)
    answer = priority.key(
        uncertainty=standing,
        created_at=task.created_at.timestamp(),
        crowding=crowded,
        conflict=priority.conflict(task.n_captions, agreement),
        is_begun=task.n_captions > 0,
        business=task.business_value,
        horizon_hours=project.horizon_hours,
        due_at=due_at.timestamp() if due_at else None,
        lead_hours=project.lease_minutes / 60.0,
        weights=priority.Weights(
            uncertainty=project.uncertainty_weight,
            conflict=project.conflict_weight,
            begun=project.finish_weight,
            business=project.business_weight,
        ),
        named=named,
    )
    task.priority = answer.score
    task.virtual_due = datetime.fromtimestamp(answer.virtual_due, tz=UTC)
    task.why_next = answer.why()


def _standing(task: Priced, project: Project) -> tuple[float, float, tuple[str, str] | None]:
    """What stands for U and R: a slice is served at random places, whatever a model says."""
    if not is_in_slice(task):
        return task.uncertainty, crowding(task.similarity, task.n_same_video), None
    if task.is_evaluation:
        work = project.evaluation_serving_share
        why = f"Its video is kept for evaluation, which {work:.0%} of the work is reserved for."
    else:
        why = (
            "Drawn at random, to measure what choosing by uncertainty saves; "
            "its place is random too."
        )
    name = "evaluation" if task.is_evaluation else "control"
    return slice_standing(task, project), crowding(task.similarity, 0), (name, why)


def is_in_slice(task: Sliced) -> bool:
    """Whether a task is there for evaluation or as a control, and not because it was asked for."""
    return not task.is_requested and (task.is_evaluation or task.is_control)


def slice_standing(task: Sliced, project: Project) -> float:
    """Return the rank among uncertainties, in [0, 1], that a slice's member is served at."""
    key = place_key(task.video_id, task.start_ms, task.end_ms)
    place = sampling.fraction(key, salt=f"order/{project.evaluation_salt}")
    if task.is_evaluation:
        work = project.evaluation_serving_share
        return reserves.standing(place, items=project.evaluation_share, work=work)
    share = project.control_share
    return reserves.standing(place, items=share, work=share)


def _due_at(task: Priced, project: Project) -> datetime | None:
    """The task's own deadline, else the one that the project gives to all."""
    if task.due_at is not None or project.due_hours is None:
        return task.due_at
    return task.created_at + timedelta(hours=project.due_hours)


@transaction.atomic
def reprioritise(*, task_ids: Sequence[int]) -> int:
    """Recompute the key of these tasks where they are open; says how many there were."""
    tasks = list(
        Task.objects.lock_all(task_ids)
        .filter(state=TaskState.OPEN, is_gold=False)
        .select_related("project")
    )
    price_all(tasks)
    save_each(tasks, KEY)
    return len(tasks)


def price_all(tasks: Sequence[Task]) -> None:
    """Price tasks with the agreement that their captions have so far; the caller saves."""
    begun = [task.pk for task in tasks if task.n_captions > 1]
    agreements = dict(
        Consensus.objects.standing().filter(task__in=begun).values_list("task_id", "agreement")
    )
    for task in tasks:
        price(task, task.project, agreement=agreements.get(task.pk))


def save_each(tasks: Sequence[Task], names: Sequence[str]) -> int:
    """Save these fields of many tasks in one statement."""
    read = attributes(names)
    return update_each(Task, names, [(task.pk, *read(task)) for task in tasks])


def attributes(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what reads these fields off a task, a related row as its id."""
    columns = [cast(Any, Task._meta.get_field(name)).attname for name in names]
    return attrgetter(*columns)
