"""What becomes of a task besides its captions: experts, a manager's shelf, gold."""

from collections.abc import Sequence

from django.db import transaction

from portal.errors import Conflict, InvalidInput
from portal.models import (
    AuditEntry,
    Event,
    GoldReference,
    Task,
)
from portal.models.tasks import ParkReason, TaskState
from portal.models.texts import clean_caption

# A gold task is answered by everybody; the column's range is the only bound.
GOLD_SLOTS = 32_000


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


@transaction.atomic
def make_gold(*, task_id: int, references: Sequence[str], actor: str) -> Task:
    """Make a task one whose right answers are known; everybody may then be given it once."""
    task = Task.objects.select_for_update().select_related("project").get(pk=task_id)
    texts = [clean_caption(text, "references") for text in references]
    if not texts:
        raise InvalidInput.on("references", "A gold task needs at least one right answer.")
    if task.is_evaluation:
        raise Conflict(
            "An evaluation video cannot be gold: its answers would be seen by everybody."
        )
    if task.n_captions and task.is_open:
        raise Conflict(f"{task} has captions already; settle it first.")
    task.is_gold = True
    task.reopen()
    task.n_wanted = GOLD_SLOTS
    task.save(update_fields=["is_gold", "state", "closed_at", "park_reason", "n_wanted"])
    GoldReference.objects.filter(task=task).delete()
    GoldReference.objects.bulk_create(GoldReference(task=task, text=text) for text in texts)
    AuditEntry.objects.record(
        action="task.made_gold", on=task, project_id=task.project_id, actor=actor
    )
    return task
