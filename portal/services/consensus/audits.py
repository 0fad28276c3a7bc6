"""A blind expert look at a random share of what captions agreed on: was the consensus right?

The expert writes what they see before the caption that stands is unveiled, then finds it right or
wrong. That is what confidence is calibrated on; a caption found wrong goes to the experts as a
dispute, with the auditor's words.
"""

from django.db import transaction
from django.utils import timezone

from portal import signals
from portal.errors import Conflict, InvalidInput, NotAllowed, TaskClosed
from portal.models import AuditEntry, Consensus, Project, Review, ReviewLease, Task, User
from portal.models.consensus import ConsensusStatus
from portal.models.reviews import FINDINGS, Decision
from portal.models.taskstates import TaskState
from portal.models.texts import clean_caption
from portal.services.consensus.leases import check_free
from portal.services.consensus.settling import lock
from portal.signals import announce

MOST_TRIED = 20


def next_audit(*, project: Project, user: User, after: int = 0) -> ReviewLease | None:
    """Give this expert the audit they are at, or the next that nobody is at; None without any.

    `after` leaves out the one that they put off last.
    """
    mine = Task.objects.awaiting_audit_by(user.pk, project.pk).select_related("video", "project")
    begun = mine.filter(review_lease__reviewer=user)
    for task in [*begun[:1], *mine.exclude(pk=after)[:MOST_TRIED]]:
        lease = ReviewLease.objects.take(task.pk, user)
        if lease.reviewer_id == user.pk:
            lease.task = task
            return lease
    return None


@transaction.atomic
def write_blind(*, task: Task, user: User, words: str) -> ReviewLease:
    """Keep what the expert wrote before the unveiling; what was written once stays."""
    words = clean_caption(words, "words")
    locked = lock(task.pk)
    _check_may_audit(locked, user)
    lease = ReviewLease.objects.take(locked.pk, user)
    if not lease.words:
        lease.words = words
        lease.save(update_fields=["words"])
    return lease


@transaction.atomic
def audit(*, task: Task, reviewer: User, finding: str, reason: str = "") -> Review:
    """Record whether the caption that stands is right, as an expert who wrote first sees it.

    A wrong one stands no longer: the task goes to the experts, with this reason. Raises Conflict
    where the expert has not written their own words, TaskClosed where there is nothing to audit.
    """
    if finding not in FINDINGS:
        raise InvalidInput.on("finding", f"finding is one of {', '.join(FINDINGS)}.")
    if finding == Decision.REFUTE or reason.strip():
        reason = clean_caption(reason, "reason")
    locked = lock(task.pk)
    standing = _check_may_audit(locked, reviewer)
    lease = ReviewLease.objects.filter(task=locked, reviewer=reviewer).first()
    if lease is None or not lease.words:
        raise Conflict(f"Write what happens in {locked} before you judge what others wrote.")
    record = Review.objects.create(
        task=locked,
        consensus=standing,
        reviewer=reviewer,
        decision=finding,
        annotation=standing.annotation,
        text=lease.words,
        reason=reason.strip(),
        is_audit=True,
        probability=locked.audit_probability,
    )
    locked.audited_at = timezone.now()
    if finding == Decision.REFUTE:
        _contest(locked, standing, record)
    locked.save()
    lease.delete()
    AuditEntry.objects.record(
        action=f"task.audit.{finding}",
        on=locked,
        project_id=locked.project_id,
        actor=f"user:{reviewer}",
        user=reviewer,
    )
    announce(signals.review_recorded, task_id=locked.pk, review_id=record.pk)
    return record


def _check_may_audit(task: Task, user: User) -> Consensus:
    standing = Consensus.objects.standing().filter(task=task).first()
    is_owed = task.is_audited and task.audited_at is None and task.state == TaskState.SETTLED
    if standing is None or standing.status != ConsensusStatus.ACCEPTED or not is_owed:
        raise TaskClosed(f"{task} waits for no audit any more; take the next one.")
    check_free(task, user)
    if not Task.objects.awaiting_audit_by(user.pk, task.project_id).filter(pk=task.pk).exists():
        raise NotAllowed("You have captioned or judged this task; another expert audits it.")
    return standing


def _contest(task: Task, standing: Consensus, record: Review) -> None:
    """Let the caption stand no longer; `escalate` then hands the task to the experts."""
    task.reopen()
    contested = Consensus.objects.create(
        task=task,
        project=task.project,
        number=Consensus.objects.retire(task.pk),
        status=ConsensusStatus.DISPUTED,
        caption=standing.caption,
        annotation=standing.annotation,
        agreement=standing.agreement,
        confidence=standing.confidence,
        is_split=standing.is_split,
        method=standing.method,
        inputs=standing.inputs,
        candidates=standing.candidates,
        of_revision=standing.of_revision,
        refit=standing.refit,
        is_credited=True,
        reason=f"An audit found it wrong: {record.reason}",
    )
    announce(signals.consensus_contested, task_id=task.pk, consensus_id=contested.pk)
