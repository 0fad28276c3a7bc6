"""Votes: on others' words only, the newest counts."""

import pytest
from django.db import IntegrityError, transaction

from portal.errors import (
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    OwnCaption,
    TaskClosed,
)
from portal.models import Vote
from portal.services import votes
from tests.factories import (
    AnnotationFactory,
    AnnotatorFactory,
    ConsensusFactory,
    TaskFactory,
    VoteFactory,
)

pytestmark = pytest.mark.django_db


def voter_of(task):
    return AnnotatorFactory(project=task.project)


def test_a_second_vote_replaces_the_first_and_raises_the_revision_each_time():
    annotation = AnnotationFactory()
    voter = voter_of(annotation.task)
    for score in (0.2, 0.9):
        votes.cast(task=annotation.task, voter=voter, score=score, annotation_id=annotation.pk)
    annotation.task.refresh_from_db()
    assert (Vote.objects.get().score, annotation.task.revision) == (0.9, 3)


@pytest.mark.parametrize("score", [-0.01, 1.01, float("nan"), float("inf")])
def test_a_score_outside_0_to_1_is_refused(score):
    annotation = AnnotationFactory()
    with pytest.raises(InvalidInput):
        votes.cast(task=annotation.task, voter=voter_of(annotation.task), score=score)
    assert not Vote.objects.exists()


def test_nobody_votes_on_their_own_words_by_name_or_by_leaving_the_name_out():
    annotation = AnnotationFactory()
    for annotation_id in (annotation.pk, None):
        with pytest.raises(OwnCaption):
            votes.cast(
                task=annotation.task,
                voter=annotation.author,
                score=1.0,
                annotation_id=annotation_id,
            )


def test_the_database_refuses_a_vote_on_ones_own_words():
    annotation = AnnotationFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        VoteFactory(annotation=annotation, voter=annotation.author)


def test_without_a_name_the_vote_is_on_the_leading_caption_that_is_not_ones_own():
    task = TaskFactory(n_wanted=3)
    trailing, leading, own = (AnnotationFactory(task=task) for _ in range(3))
    ConsensusFactory(
        task=task,
        status="interim",
        candidates=[
            {"annotation_id": own.pk, "score": 0.9},
            {"annotation_id": leading.pk, "score": 0.7},
            {"annotation_id": trailing.pk, "score": 0.1},
        ],
    )
    assert votes.cast(task=task, voter=own.author, score=1.0).annotation == leading


def test_captions_that_do_not_stand_take_no_votes():
    annotation = AnnotationFactory(state="withdrawn")
    voter = voter_of(annotation.task)
    with pytest.raises(Conflict):
        votes.cast(task=annotation.task, voter=voter, score=1.0, annotation_id=annotation.pk)
    with pytest.raises(Conflict):
        votes.cast(task=annotation.task, voter=voter, score=1.0)
    with pytest.raises(NotFound):
        votes.cast(
            task=annotation.task, voter=voter, score=1.0, annotation_id=AnnotationFactory().pk
        )


def test_a_settled_task_takes_no_votes():
    annotation = AnnotationFactory(task__state="settled")
    with pytest.raises(TaskClosed):
        votes.cast(task=annotation.task, voter=voter_of(annotation.task), score=1.0)


def test_gold_answers_take_no_votes():
    annotation = AnnotationFactory(task=TaskFactory(is_gold=True, n_wanted=10))
    with pytest.raises(TaskClosed):
        votes.cast(task=annotation.task, voter=voter_of(annotation.task), score=0.5)


@pytest.mark.parametrize("state", ["quarantined", "paused"])
def test_whoever_is_kept_from_ordinary_work_scores_nothing(state):
    annotation = AnnotationFactory(task__n_wanted=1)
    voter = AnnotatorFactory(project=annotation.task.project, state=state)
    with pytest.raises(NotAllowed):
        votes.cast(task=annotation.task, voter=voter, score=1.0)
    assert not type(annotation).objects.reviewable_by(voter).exists()
