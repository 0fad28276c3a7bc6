"""Put tasks in order: the one key that they are served by, recomputed by events alone."""

from collections.abc import Sequence
from datetime import UTC, datetime

from django.db import transaction

from portal.algorithms import priority, skills
from portal.algorithms.diversity import crowding
from portal.errors import InvalidInput
from portal.models import (
    AuditEntry,
    Consensus,
    Project,
    Task,
)
from portal.models.tasks import TaskState

PRICED = ("uncertainty", "difficulty", "difficulty_level", "priority", "virtual_due", "why_next")


def set_uncertainty(task: Task, uncertainty: float, level: int | None = None) -> None:
    """Set a task's uncertainty and, from the level or else from it, its difficulty."""
    task.uncertainty = uncertainty
    task.difficulty_level = level or task.difficulty_level
    task.difficulty = skills.difficulty(uncertainty, task.difficulty_level)


def price(
    task: Task, project: Project, *, n_same_video: int = 0, agreement: float | None = None
) -> None:
    """Compute the one key that the task is served by; the caller saves."""
    answer = priority.key(
        uncertainty=task.uncertainty,
        created_at=task.created_at.timestamp(),
        crowding=crowding(0.0, n_same_video),
        conflict=priority.conflict(task.n_captions, agreement),
        is_begun=task.n_captions > 0,
        business=task.business_value,
        horizon_hours=project.horizon_hours,
        due_at=task.due_at.timestamp() if task.due_at else None,
        weights=priority.Weights(
            uncertainty=project.uncertainty_weight,
            conflict=project.conflict_weight,
            begun=project.finish_weight,
        ),
    )
    task.priority = answer.score
    task.virtual_due = datetime.fromtimestamp(answer.virtual_due, tz=UTC)
    task.why_next = answer.why()


@transaction.atomic
def reprioritise(*, task_ids: Sequence[int]) -> int:
    """Recompute the key of these tasks where they are open; says how many changed place."""
    tasks = list(
        Task.objects.lock_all(task_ids)
        .filter(state=TaskState.OPEN, is_gold=False)
        .select_related("project")
    )
    agreements = dict(
        Consensus.objects.standing().filter(task__in=tasks).values_list("task_id", "agreement")
    )
    for task in tasks:
        price(task, task.project, agreement=agreements.get(task.pk))
    Task.objects.bulk_update(tasks, PRICED, batch_size=200)
    return len(tasks)


@transaction.atomic
def set_value(*, task_id: int, business_value: float, due_at: datetime | None, actor: str) -> Task:
    """Set what a task is worth (¼–4) and when it is due, and put it in its new place."""
    if not priority.LEAST_BUSINESS <= business_value <= priority.MOST_BUSINESS:
        raise InvalidInput.on("business_value", "business_value lies between 0.25 and 4.", "range")
    task = Task.objects.select_for_update().select_related("project").get(pk=task_id)
    task.business_value = business_value
    task.due_at = due_at
    price(task, task.project)
    task.save(update_fields=[*PRICED, "business_value", "due_at"])
    AuditEntry.objects.record(
        action="task.valued",
        on=task,
        project_id=task.project_id,
        actor=actor,
        details={"business_value": business_value},
    )
    return task
