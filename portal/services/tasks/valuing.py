"""What tasks are worth and when they are due: one, or as many as a filter finds."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from portal.algorithms import priority
from portal.errors import InvalidInput
from portal.models import AuditEntry, Project, Task
from portal.services.tasks.ordering import KEY, price_all, save_each

# So many are priced anew within a page's patience.
MOST_VALUED = 10_000


def set_value(*, task_id: int, business_value: float, due_at: datetime | None, actor: str) -> Task:
    """Set what a task is worth (¼–4) and when it is due, and put it in its new place."""
    set_values(task_ids=[task_id], business_value=business_value, due_at=due_at, actor=actor)
    return Task.objects.get(pk=task_id)


@transaction.atomic
def set_values(
    *, task_ids: Sequence[int], business_value: float, due_at: datetime | None, actor: str
) -> int:
    """Do the same to many tasks at once; says how many there were."""
    if not priority.LEAST_BUSINESS <= business_value <= priority.MOST_BUSINESS:
        raise InvalidInput.on("business_value", "business_value lies between 0.25 and 4.", "range")
    if len(task_ids) > MOST_VALUED:
        raise InvalidInput.on("task_ids", f"At most {MOST_VALUED} tasks at once.", "too_many")
    rows = Task.objects.lock_all(task_ids).filter(is_gold=False).select_related("project")
    changed = list(rows)
    for task in changed:
        task.business_value, task.due_at = business_value, due_at
    price_all(changed)
    save_each(changed, (*KEY, "business_value", "due_at"))
    _remember(changed, actor, business_value=business_value, due_at=due_at)
    return len(changed)


def _remember(
    changed: Sequence[Task], actor: str, *, business_value: float, due_at: datetime | None
) -> None:
    """Write one line of audit: on the task, or on each project where there are several."""
    details = {"business_value": business_value, "due_at": due_at and due_at.isoformat()}
    if len(changed) == 1:
        task = changed[0]
        AuditEntry.objects.record(
            action="task.valued", on=task, project_id=task.project_id, actor=actor, details=details
        )
        return
    by_project: dict[Project, list[int]] = {}
    for task in changed:
        by_project.setdefault(task.project, []).append(task.pk)
    for project, ids in by_project.items():
        AuditEntry.objects.record(
            action="tasks.valued",
            on=project,
            project_id=project.pk,
            actor=actor,
            details=details | {"n": len(ids), "first": ids[0], "last": ids[-1]},
        )
