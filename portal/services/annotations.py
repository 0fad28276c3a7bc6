"""Captions come in, are corrected and withdrawn. One conditional update decides who submitted."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from portal import signals
from portal.algorithms import exams, gold
from portal.errors import (
    AlreadyAnswered,
    InvalidInput,
    LeaseExpired,
    NotAllowed,
    NotFound,
    PortalError,
    ProjectPaused,
    StaleVersion,
    TaskClosed,
)
from portal.models import (
    Annotation,
    AnnotationRevision,
    Annotator,
    Assignment,
    Guideline,
    Project,
    Task,
    Verification,
)
from portal.models.annotations import AnnotationState
from portal.models.annotators import AnnotatorState
from portal.models.assignments import AssignmentState, Hold
from portal.models.texts import clean_caption
from portal.signals import announce

MOST_SECONDS = 24 * 3600.0


def submit(
    *,
    task: Task,
    annotator: Annotator,
    text: str,
    token: UUID | None = None,
    seconds: float | None = None,
    without_lease: bool = False,
) -> Annotation:
    """Store an annotator's caption under their running lease and announce it.

    Without a token it is this annotator's live lease on the task; `without_lease` takes a free
    slot where they hold none. A refused text is kept as a draft on their assignment, and the
    refusal carries it back (LeaseExpired, AlreadyAnswered, TaskClosed, CaptionBlank, …).
    """
    try:
        return _submit(task, annotator, text, token, _checked(seconds), without_lease)
    except PortalError as refusal:
        _keep_draft(task, annotator, text)
        if isinstance(text, str):
            refusal.extra.setdefault("draft", text)
        raise


def _checked(seconds: float | None) -> float | None:
    if seconds is not None and not 0 <= seconds <= MOST_SECONDS:
        raise InvalidInput.on("seconds", "seconds lies between 0 and 86400.", "range")
    return seconds


@transaction.atomic
def _submit(
    task: Task,
    annotator: Annotator,
    text: str,
    token: UUID | None,
    seconds: float | None,
    without_lease: bool,
) -> Annotation:
    caption = clean_caption(text)
    locked = Task.objects.select_for_update().get(pk=task.pk)
    _check_takes_captions(locked, annotator)
    assignment = _finish_lease(locked, annotator, token, without_lease)
    annotation = Annotation.objects.create(
        task=locked,
        author=annotator,
        assignment=assignment,
        text=caption,
        seconds=seconds if seconds is not None else _measured(assignment),
        guideline=Guideline.objects.newest_of(locked.project_id),
        prediction_shown_id=assignment.prediction_shown_id,
    )
    AnnotationRevision.objects.create(annotation=annotation, number=1, text=caption)
    Task.objects.count_caption(locked.pk, 1)
    # A gold answer is marked against what is known and settles nothing.
    signal = signals.gold_answered if locked.is_gold else signals.annotation_submitted
    announce(signal, task_id=locked.pk, annotation_id=annotation.pk)
    return annotation


def _check_takes_captions(task: Task, annotator: Annotator) -> None:
    if Annotation.objects.filter(task=task, author=annotator).exists():
        raise AlreadyAnswered(f"{annotator} has captioned {task} already; correct that caption.")
    if Verification.objects.filter(task=task, annotator=annotator).exists():
        raise AlreadyAnswered(f"{annotator} has accepted the prediction of {task} already.")
    if not task.takes_evidence:
        raise TaskClosed(f"{task} is {task.get_state_display()} and takes no more captions.")


def _finish_lease(
    task: Task, annotator: Annotator, token: UUID | None, without_lease: bool
) -> Assignment:
    """Turn exactly one running lease into a submitted one; the update is the fence."""
    mine = Assignment.objects.live().filter(task=task, annotator=annotator)
    if token is not None:
        mine = mine.filter(token=token)
    row = mine.first()
    hit = row and mine.filter(pk=row.pk).update(
        state=AssignmentState.SUBMITTED, submitted_at=Now(), draft=""
    )
    if row is not None and hit:
        return row
    if token is None and without_lease:
        return _take_and_finish(task, annotator)
    raise _why_no_lease(task, annotator, token)


def _take_and_finish(task: Task, annotator: Annotator) -> Assignment:
    if task.project.is_paused:
        raise ProjectPaused(f"{task.project} is paused; a manager can open it again.")
    if annotator.state == AnnotatorState.PAUSED:
        raise NotAllowed(f"A manager has paused {annotator}; ask them before going on.")
    if annotator.state == AnnotatorState.QUARANTINED and not task.is_gold:
        raise NotAllowed(f"{annotator} is given gold only; ask for work instead.")
    if not task.is_gold and _has_exam_before_them(task.project, annotator):
        raise NotAllowed(f"{annotator} has to pass the project's exam; ask for work instead.")
    row = None
    had = Assignment.objects.stale().filter(task=task, annotator=annotator).first()
    if had is not None:  # ran out, and the sweep has not come by yet
        Assignment.objects.give_up(had.pk, AssignmentState.EXPIRED)
    if task.is_open:
        row = Assignment.objects.lease(
            task,
            annotator,
            lasts=timedelta(minutes=15),
            why={"reason": "submitted directly"},
            hold=Hold.DIRECT,
        )
    if row is None:
        raise TaskClosed(f"{task} has as many captions as it asks for; nothing was stored.")
    row.state = AssignmentState.SUBMITTED
    row.submitted_at = row.leased_at
    row.save(update_fields=["state", "submitted_at"])
    return row


def _has_exam_before_them(project: Project, annotator: Annotator) -> bool:
    """Whether an exam with clips left for them, or none of its attempts, lies before somebody."""
    n_attempts = project.exam_attempts + annotator.extra_attempts
    rules = exams.Rules(project.exam_size, project.exam_pass, n_attempts)
    marks = Annotation.objects.gold_marks(annotator.pk) if rules.n_clips else ()
    exam = exams.standing([mark >= gold.RIGHT for _, mark in marks], rules)
    if exam.is_open:
        return Task.objects.gold_unseen_by(annotator).exists()
    return exam.bars_ordinary_work


def _why_no_lease(task: Task, annotator: Annotator, token: UUID | None) -> PortalError:
    had = Assignment.objects.filter(task=task, annotator=annotator).first()
    if had is None:
        return NotFound(f"{annotator} was not given {task}; ask for work first.")
    if token is not None and had.token != token and had.state == AssignmentState.LEASED:
        return LeaseExpired(f"That lease on {task} was replaced by a newer one; use the newer.")
    return LeaseExpired(
        f"The lease on {task} has ended. The text is kept; ask for the task again to send it."
    )


def _measured(assignment: Assignment) -> float | None:
    """Seconds from opening the clip, where the page told us when that was."""
    if assignment.opened_at is None:
        return None
    return max(0.0, (Assignment.objects.clock() - assignment.opened_at).total_seconds())


@transaction.atomic
def _keep_draft(task: Task, annotator: Annotator, text: object) -> None:
    if not isinstance(text, str) or not text.strip():
        return
    storable = text[:10_000].encode("utf-8", "ignore").decode().replace("\x00", "")
    Assignment.objects.filter(task=task, annotator=annotator).exclude(
        state=AssignmentState.SUBMITTED
    ).update(draft=storable)


@transaction.atomic
def revise(
    *, annotation: Annotation, author: Annotator, text: str, number: int | None = None
) -> Annotation:
    """Correct one's own caption while its task takes evidence; every wording is kept.

    `number` is the wording that the editor saw; StaleVersion where another came in between.
    """
    caption = clean_caption(text)
    locked = _own(annotation, author)
    if number is not None and number != locked.number:
        raise StaleVersion(f"This caption is at wording {locked.number} now; look at it again.")
    if caption == locked.text:
        return locked
    locked.text = caption
    locked.number += 1
    locked.changed_at = timezone.now()
    locked.save(update_fields=["text", "number", "changed_at"])
    AnnotationRevision.objects.create(annotation=locked, number=locked.number, text=caption)
    Task.objects.raise_revision(locked.task_id)
    announce(signals.annotation_revised, task_id=locked.task_id, annotation_id=locked.pk)
    return locked


@transaction.atomic
def withdraw(*, annotation: Annotation, author: Annotator) -> Annotation:
    """Withdraw one's own caption while its task takes evidence; its slot is free again."""
    locked = _own(annotation, author)
    locked.state = AnnotationState.WITHDRAWN
    locked.changed_at = timezone.now()
    locked.save(update_fields=["state", "changed_at"])
    Assignment.objects.filter(pk=locked.assignment_id).update(state=AssignmentState.WITHDRAWN)
    Task.objects.free_slot(locked.task_id)
    Task.objects.count_caption(locked.task_id, -1)
    announce(signals.annotation_revised, task_id=locked.task_id, annotation_id=locked.pk)
    return locked


def _own(annotation: Annotation, author: Annotator) -> Annotation:
    """Lock the task, then the caption; refuse others' captions and those that have settled."""
    task = Task.objects.select_for_update().get(pk=annotation.task_id)
    locked = Annotation.objects.select_for_update().get(pk=annotation.pk)
    if locked.author_id != author.pk:
        raise NotAllowed("Only its author may change a caption.")
    if locked.state != AnnotationState.STANDING:
        raise TaskClosed(f"This caption is {locked.get_state_display()}; it can no longer change.")
    if task.is_gold or not task.takes_evidence:
        raise TaskClosed("Its task has settled; this caption can no longer change.")
    return locked
