"""An expert decides a disputed task: choose, write, ask for two more, or reject the clip."""

from django.db import transaction

from portal import signals
from portal.algorithms.similarity import mixed
from portal.errors import InvalidInput, NotAllowed, NotFound, TaskClosed
from portal.models import (
    Annotation,
    AuditEntry,
    Consensus,
    Residual,
    Review,
    ReviewLease,
    Task,
    User,
)
from portal.models.annotations import AnnotationState
from portal.models.consensus import ConsensusStatus
from portal.models.reviews import DECISIONS, Decision
from portal.models.taskstates import TaskState
from portal.models.texts import clean_caption
from portal.services.consensus.leases import check_free
from portal.services.consensus.settling import close_with
from portal.signals import announce

MORE_CAPTIONS = 2
# How often a second expert upholds the first; a prior until audits have measured it.
EXPERT_CONFIDENCE = 0.95


@transaction.atomic
def review(
    *,
    task: Task,
    reviewer: User,
    decision: str,
    annotation_id: int | None = None,
    text: str = "",
    reason: str = "",
) -> Review:
    """Record an expert's decision on a disputed task, with its reason, and carry it out.

    Raises NotAllowed for an expert who captioned the task, TaskClosed where it is not disputed,
    Conflict where another expert has it open just now.
    """
    if decision not in DECISIONS:
        raise InvalidInput.on("decision", f"decision is one of {', '.join(DECISIONS)}.")
    reason = clean_caption(reason, "reason")
    locked = (
        Task.objects.select_for_update(of=("self",))
        .select_related("project", "video")
        .get(pk=task.pk)
    )
    _check_may_decide(locked, reviewer)
    check_free(locked, reviewer)
    chosen = _chosen(locked, decision, annotation_id)
    caption = chosen.text if chosen else ""
    if decision == Decision.WRITE:
        caption = clean_caption(text, "text")
    standing = Consensus.objects.standing().filter(task=locked).first()
    record = Review.objects.create(
        task=locked,
        consensus=standing,
        reviewer=reviewer,
        decision=decision,
        annotation=chosen,
        text=caption if decision == Decision.WRITE else "",
        reason=reason,
    )
    _carry_out(locked, record, standing, caption)
    locked.save()
    ReviewLease.objects.filter(task=locked).delete()
    AuditEntry.objects.record(
        action=f"task.review.{decision}",
        on=locked,
        project_id=locked.project_id,
        actor=f"user:{reviewer}",
        user=reviewer,
    )
    announce(signals.review_recorded, task_id=locked.pk, review_id=record.pk)
    return record


def _check_may_decide(task: Task, reviewer: User) -> None:
    if task.state != TaskState.DISPUTED:
        raise TaskClosed(f"{task} is {task.get_state_display()}; only a disputed task is decided.")
    if Annotation.objects.filter(task=task, author__user=reviewer).exists():
        raise NotAllowed("You captioned this task; another expert has to decide it.")


def _chosen(task: Task, decision: str, annotation_id: int | None) -> Annotation | None:
    if decision != Decision.CHOOSE:
        return None
    if annotation_id is None:
        raise InvalidInput.on("annotation_id", "Name the caption that you choose.", "required")
    rows = Annotation.objects.filter(task=task, state=AnnotationState.STANDING)
    annotation = rows.filter(pk=annotation_id).first()
    if annotation is None:
        raise NotFound(f"{task} has no caption {annotation_id}.")
    return annotation


def _carry_out(task: Task, record: Review, standing: Consensus | None, caption: str) -> None:
    if record.decision == Decision.MORE:
        task.reopen(more=MORE_CAPTIONS)
        announce(signals.evidence_weighed, task_id=task.pk)
        return
    if record.decision == Decision.REJECT:
        _write(task, record, standing, "", ConsensusStatus.REJECTED)
        task.close(TaskState.REJECTED, at=record.created_at)
        return
    consensus = _write(task, record, standing, caption, ConsensusStatus.DECIDED)
    _compare_authors(task, caption)
    close_with(task, consensus, TaskState.SETTLED)


def _write(
    task: Task, record: Review, standing: Consensus | None, caption: str, status: ConsensusStatus
) -> Consensus:
    task.settled_revision = task.revision
    return Consensus.objects.create(
        task=task,
        project=task.project,
        number=Consensus.objects.retire(task.pk),
        status=status,
        caption=caption,
        annotation=record.annotation,
        agreement=standing.agreement if standing else 0.0,
        confidence=EXPERT_CONFIDENCE if caption else 0.0,
        is_split=standing.is_split if standing else False,
        method=standing.method if standing else "expert",
        inputs=standing.inputs if standing else {},
        candidates=_with_winner(standing, record),
        of_revision=task.revision,
        refit_id=standing.refit_id if standing else None,
        decided_by=record.reviewer,
        reason=record.reason,
    )


def _with_winner(standing: Consensus | None, record: Review) -> list[dict[str, object]]:
    rows = standing.candidates if standing else []
    return [row | {"is_winner": row["annotation_id"] == record.annotation_id} for row in rows]


def _compare_authors(task: Task, caption: str) -> None:
    """Measure everybody against the expert's words instead of against one another."""
    annotations = list(Annotation.objects.standing().filter(task=task).order_by("id"))
    likeness = mixed([caption, *(a.text for a in annotations)], idf={})[0, 1:]
    mean = float(likeness.mean()) if len(likeness) else 0.0
    Residual.objects.note(
        Residual(
            task=task,
            annotator_id=annotation.author_id,
            value=float(value) - mean,
            n=1,
            disagreed=float(value) < mean,
        )
        for annotation, value in zip(annotations, likeness, strict=True)
    )
