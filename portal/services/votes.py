"""Review votes: people score others' captions; the newest score of a person counts."""

import math

from django.db import transaction

from portal import signals
from portal.errors import (
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    OwnCaption,
    TaskClosed,
)
from portal.models import Annotation, Annotator, Consensus, Task, Vote
from portal.models.annotations import AnnotationState
from portal.models.annotators import AnnotatorState
from portal.models.texts import clean_caption
from portal.signals import announce


@transaction.atomic
def cast(
    *,
    task: Task,
    voter: Annotator,
    score: float,
    rationale: str = "",
    annotation_id: int | None = None,
) -> Vote:
    """Record one review vote and announce it; a second vote replaces the first.

    Without `annotation_id` the vote is on the leading caption that is not the voter's own.
    Raises OwnCaption for one's own words and TaskClosed where the task has settled.
    """
    if not math.isfinite(score) or not 0.0 <= score <= 1.0:
        raise InvalidInput.on("score", "score lies between 0 and 1.", "range")
    if voter.state != AnnotatorState.ACTIVE:
        raise NotAllowed(f"{voter} is {voter.get_state_display()} and scores no captions now.")
    if rationale:
        rationale = clean_caption(rationale, "rationale")
    locked = Task.objects.select_for_update().get(pk=task.pk)
    if locked.is_gold or not locked.takes_evidence:
        raise TaskClosed(f"Votes on {locked} no longer count.")
    annotation = _choose(locked, voter, annotation_id)
    vote = Vote.objects.record(annotation, voter, score, rationale)  # raises the task's revision
    announce(signals.vote_cast, task_id=locked.pk, vote_id=vote.pk)
    return vote


def _choose(task: Task, voter: Annotator, annotation_id: int | None) -> Annotation:
    if annotation_id is None:
        return _leading(task, voter)
    annotation = Annotation.objects.filter(task=task, pk=annotation_id).first()
    if annotation is None:
        raise NotFound(f"{task} has no caption {annotation_id}.")
    if annotation.author_id == voter.pk:
        raise OwnCaption(f"{voter} wrote this caption and cannot vote on it.")
    if annotation.state != AnnotationState.STANDING:
        raise Conflict(f"Caption {annotation_id} is {annotation.get_state_display()}.")
    return annotation


def _leading(task: Task, voter: Annotator) -> Annotation:
    """The caption that leads by the newest consensus, or the first, leaving out the voter's own."""
    others = list(
        Annotation.objects.standing().filter(task=task).exclude(author=voter).order_by("id")
    )
    if not others:
        if Annotation.objects.standing().filter(task=task).exists():
            raise OwnCaption(f"{task} has only {voter}'s own caption; nobody votes on their own.")
        raise Conflict(f"{task} has no caption to vote on yet.")
    standing = Consensus.objects.standing().filter(task=task).first()
    scores = {
        row["annotation_id"]: row["score"] for row in (standing.candidates if standing else ())
    }
    return max(others, key=lambda annotation: scores.get(annotation.pk, -math.inf))
