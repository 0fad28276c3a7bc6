"""What becomes of a lease: opened, extended, given back, skipped, revoked, run out."""

from uuid import UUID

from django.db import transaction

from portal.errors import Conflict, InvalidInput, NotFound
from portal.models import Annotator, Assignment, AuditEntry, Task
from portal.models.assignments import AssignmentState, Hold
from portal.models.taskstates import ParkReason
from portal.services.assignments.capacity import LONGEST_LEASE, lease_lasts

SKIPS_TO_PARK = 2


def expire_stale() -> int:
    """Free the slots of leases that ran out; says how many."""
    over = Assignment.objects.stale()
    return sum(give_up_over(pk) for pk in over.values_list("pk", flat=True)[:1000])


@transaction.atomic
def give_up_over(pk: int) -> bool:
    """End a lease that nothing can come of any more; False where it runs after all."""
    if not Assignment.objects.ended().filter(pk=pk).exists():  # extended in the meantime
        return False
    return Assignment.objects.give_up(pk, AssignmentState.EXPIRED)


@transaction.atomic
def heartbeat(*, token: UUID, annotator: Annotator) -> Assignment:
    """Extend a running lease by the project's lease time, up to half a day in all."""
    assignment = _running(token, annotator)
    until = Assignment.objects.clock() + lease_lasts(annotator)
    assignment.expires_at = max(
        assignment.expires_at, min(until, assignment.leased_at + LONGEST_LEASE)
    )
    assignment.save(update_fields=["expires_at"])
    return assignment


def _running(token: UUID, annotator: Annotator) -> Assignment:
    """Lock the annotator's lease under this token; refuse one that has ended."""
    rows = Assignment.objects.select_for_update(of=("self",)).select_related("task")
    assignment = rows.filter(token=token, annotator=annotator).first()
    if assignment is None:
        raise NotFound("There is no such lease of yours; ask for work again.")
    if not Assignment.objects.live().filter(pk=assignment.pk).exists():
        raise Conflict("This lease has ended; ask for work again.")
    return assignment


def _lock_task(token: UUID, annotator: Annotator) -> Task:
    """Lock the task that a lease is on; whoever locks both begins with the task."""
    rows = Task.objects.select_for_update(of=("self",))
    task = rows.filter(assignments__token=token, assignments__annotator=annotator).first()
    if task is None:
        raise NotFound("There is no such lease of yours; ask for work again.")
    return task


def release(*, token: UUID, annotator: Annotator) -> None:
    """Give a leased task back; it may come again.

    Whoever gives one back is leaving: what was reserved for them goes back too, each in its own
    transaction, for locks on two tasks at once could cross.
    """
    _release(token, annotator)
    reserved = Assignment.objects.filter(
        annotator=annotator, state=AssignmentState.LEASED, hold=Hold.RESERVED
    )
    for pk in list(reserved.values_list("pk", flat=True)):
        _give_back(pk)


@transaction.atomic
def _release(token: UUID, annotator: Annotator) -> None:
    _lock_task(token, annotator)
    Assignment.objects.give_up(_running(token, annotator).pk, AssignmentState.RELEASED)


@transaction.atomic
def _give_back(pk: int) -> None:
    Assignment.objects.give_up(pk, AssignmentState.RELEASED)


@transaction.atomic
def skip(*, token: UUID, annotator: Annotator, reason: str) -> None:
    """Skip a leased task for good; a second skip for one reason parks it for a manager."""
    if reason not in ParkReason.values:
        raise InvalidInput.on(
            "reason", f"reason is one of {', '.join(ParkReason.values)}.", "choice"
        )
    task = _lock_task(token, annotator)
    assignment = _running(token, annotator)
    Assignment.objects.give_up(assignment.pk, AssignmentState.SKIPPED, skip_reason=reason)
    alike = Assignment.objects.filter(
        task=task, state=AssignmentState.SKIPPED, skip_reason=reason
    ).count()
    if alike >= SKIPS_TO_PARK and task.is_open and not task.is_gold:
        task.park(reason)
        task.save(update_fields=["state", "park_reason"])


@transaction.atomic
def save_draft(*, token: UUID, annotator: Annotator, text: str) -> None:
    """Keep unfinished text with its assignment, whether or not the lease still runs."""
    Assignment.objects.filter(token=token, annotator=annotator).exclude(
        state=AssignmentState.SUBMITTED
    ).update(draft=text[:10_000].replace("\x00", ""))


@transaction.atomic
def revoke(*, assignment: Assignment, actor: str) -> bool:
    """Take a running lease away (a manager); False where it had ended."""
    ended = Assignment.objects.give_up(assignment.pk, AssignmentState.RELEASED)
    if ended:
        AuditEntry.objects.record(
            action="assignment.revoked",
            on=assignment,
            project_id=assignment.annotator.project_id,
            actor=actor,
        )
    return ended


@transaction.atomic
def note_foreign(*, token: UUID, annotator: Annotator) -> bool:
    """Write down that somebody named a lease that is not theirs; False where nobody has it."""
    held = Assignment.objects.filter(token=token, task__project=annotator.project_id)
    lease = held.exclude(annotator=annotator).first()
    if lease is None:
        return False
    AuditEntry.objects.record(
        action="lease.foreign",
        on=lease,
        project_id=annotator.project_id,
        actor=f"annotator:{annotator.annotator_id}",
    )
    return True
