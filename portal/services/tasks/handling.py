"""What becomes of a task besides its captions: experts, a manager's shelf."""

from django.db import transaction

from portal.errors import Conflict, InvalidInput
from portal.models import (
    AuditEntry,
    Event,
    Task,
)
from portal.models.taskstates import ParkReason, TaskState


@transaction.atomic
def escalate(*, task_id: int, actor: str = "consensus") -> bool:
    """Hand an open task to the experts and tell the integrations; False if it is there already."""
    tasks = Task.objects.select_for_update(of=("self",)).select_related("video")
    task = tasks.get(pk=task_id)
    if task.state != TaskState.OPEN:
        return False
    task.dispute()
    task.save(update_fields=["state"])
    AuditEntry.objects.record(
        action="task.escalated", on=task, project_id=task.project_id, actor=actor
    )
    Event.objects.record(
        project_id=task.project_id,
        type="task.disputed",
        data={
            "task_id": task.pk,
            "video_id": task.video.video_id,
            "n_captions": task.n_captions,
        },
    )
    return True


@transaction.atomic
def park(*, task_id: int, reason: str, actor: str) -> Task:
    """Set an open task aside for a manager."""
    if reason not in ParkReason.values:
        raise InvalidInput.on(
            "reason", f"reason is one of {', '.join(ParkReason.values)}.", "choice"
        )
    task = Task.objects.select_for_update().get(pk=task_id)
    task.park(reason)
    task.save(update_fields=["state", "park_reason"])
    AuditEntry.objects.record(
        action="task.parked", on=task, project_id=task.project_id, actor=actor
    )
    return task


@transaction.atomic
def unpark(*, task_id: int, actor: str) -> Task:
    """Ask for captions of a parked task again."""
    task = Task.objects.select_for_update().get(pk=task_id)
    if task.state != TaskState.PARKED:
        raise Conflict(f"{task} is not parked.")
    task.reopen(more=1)
    task.save(update_fields=["state", "park_reason", "closed_at", "n_wanted"])
    AuditEntry.objects.record(
        action="task.unparked", on=task, project_id=task.project_id, actor=actor
    )
    return task
