"""Accept a shown prediction as it is: a vote for the model's caption, after watching the clip."""

from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from portal import signals
from portal.algorithms import verification
from portal.errors import AlreadyAnswered, InvalidInput, LeaseExpired, NotAllowed, TaskClosed
from portal.models import (
    Annotation,
    AnnotationRevision,
    Annotator,
    Assignment,
    Guideline,
    Task,
    Verification,
)
from portal.models.assignments import AssignmentState
from portal.signals import announce

MOST_SECONDS = 24 * 3600.0
FASTEST = 2.0  # the player's highest speed
WRONG = 0.0  # the mark of an accepted planted prediction


@transaction.atomic
def accept(
    *,
    task: Task,
    annotator: Annotator,
    watched_seconds: float,
    token: UUID | None = None,
    seconds: float | None = None,
) -> Verification:
    """Record that somebody accepts the prediction their lease shows, and announce it.

    It takes their slot like a caption. Raises NotAllowed where no prediction was shown (the first
    answer of each task is written blind), InvalidInput where too little of the clip was watched,
    AlreadyAnswered for a second answer, LeaseExpired and TaskClosed as a caption does.
    """
    for name, value in (("watched_seconds", watched_seconds), ("seconds", seconds or 0.0)):
        if not 0 <= value <= MOST_SECONDS:
            raise InvalidInput.on(name, f"{name} lies between 0 and 86400.", "range")
    rows = Task.objects.select_for_update(of=("self",)).select_related("project", "video")
    locked = rows.get(pk=task.pk)
    _check_takes_answers(locked, annotator)
    lease = _lease(locked, annotator, token)
    if lease.shown_caption is None:
        raise NotAllowed("No prediction was shown under this lease: this answer is written blind.")
    _check_was_watched(locked, lease, watched_seconds)
    _finish(lease)
    made = Verification.objects.create(
        task=locked,
        annotator=annotator,
        assignment=lease,
        prediction=lease.prediction_shown,
        watched_seconds=watched_seconds,
        seconds=seconds if seconds is not None else _measured(lease),
    )
    if locked.is_gold:
        _mark(lease)
    else:
        Task.objects.raise_revision(locked.pk)
        announce(signals.prediction_accepted, task_id=locked.pk, verification_id=made.pk)
    return made


def _check_takes_answers(task: Task, annotator: Annotator) -> None:
    mine = {"task": task, "annotator": annotator}
    captioned = Annotation.objects.filter(task=task, author=annotator)
    if captioned.exists() or Verification.objects.filter(**mine).exists():
        raise AlreadyAnswered(f"{annotator} has answered {task} already.")
    if not task.takes_evidence:
        raise TaskClosed(f"{task} is {task.get_state_display()} and takes no more answers.")


def _lease(task: Task, annotator: Annotator, token: UUID | None) -> Assignment:
    mine = Assignment.objects.live().filter(task=task, annotator=annotator)
    if token is not None:
        mine = mine.filter(token=token)
    lease = mine.select_related("prediction_shown", "task").first()
    if lease is None:
        raise LeaseExpired(f"{annotator} holds no running lease on {task}; ask for work again.")
    return lease


def _check_was_watched(task: Task, lease: Assignment, watched_seconds: float) -> None:
    """Believe neither a share too small nor more than could have been seen since the opening."""
    start, end = task.segment
    length = (end if end is not None else task.video.clip_seconds or 0.0) - start
    if length <= 0:
        raise InvalidInput.on(
            "watched_seconds", "The clip's length is not known yet; write a caption.", "no_length"
        )
    spent = _measured(lease)
    could_have = watched_seconds if spent is None else min(watched_seconds, spent * FASTEST)
    if not verification.is_watched(could_have, length):
        least = verification.LEAST_WATCHED
        raise InvalidInput.on(
            "watched_seconds",
            f"Watch at least {least:.0%} of the clip ({least * length:.1f} s) before accepting; "
            f"{could_have:.1f} s were watched.",
            "not_watched",
        )


def _measured(lease: Assignment) -> float | None:
    if lease.opened_at is None:
        return None
    return max(0.0, (Assignment.objects.clock() - lease.opened_at).total_seconds())


def _finish(lease: Assignment) -> None:
    """Turn the running lease into a submitted one; the update is the fence."""
    hit = Assignment.objects.live().filter(pk=lease.pk, token=lease.token)
    if not hit.update(state=AssignmentState.SUBMITTED, submitted_at=Now(), draft=""):
        raise LeaseExpired("This lease has ended; ask for work again.")


def _mark(lease: Assignment) -> None:
    """A planted prediction was accepted: whoever accepts a wrong caption has answered wrong."""
    text = lease.shown_caption or ""
    answer = Annotation.objects.create(
        task_id=lease.task_id,
        author_id=lease.annotator_id,
        assignment=lease,
        text=text,
        guideline=Guideline.objects.newest_of(lease.task.project_id),
        gold_score=WRONG,
    )
    AnnotationRevision.objects.create(annotation=answer, number=1, text=text)
    Task.objects.count_caption(lease.task_id, 1)
    Annotator.objects.count_gold(lease.annotator_id, is_right=False)
    announce(signals.gold_marked, annotator_id=lease.annotator_id)
