"""Accepting a shown prediction: a slot, once, after watching; in the consensus and its snapshot."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from portal.errors import (
    AlreadyAnswered,
    InvalidInput,
    LeaseExpired,
    NotAllowed,
    TaskClosed,
)
from portal.models import Annotation, Annotator, Assignment, Consensus, Task, Verification
from portal.services import annotations, assignments, consensus, tasks, verifications
from tests.factories import (
    AnnotatorFactory,
    AssignmentFactory,
    PredictionFactory,
    ProjectFactory,
    TaskFactory,
)

pytestmark = pytest.mark.django_db
SAID = "a red ball rolls to the left"


@pytest.fixture
def project():
    return ProjectFactory(prediction_shown_to="everyone")


@pytest.fixture
def task(project):
    prediction = PredictionFactory(project=project, caption=SAID)
    return TaskFactory(project=project, video=prediction.video, prediction=prediction)


def work(task, text=None, watched=4.0):
    """Let somebody new claim the task; they write `text`, or accept."""
    person = AnnotatorFactory(project=task.project)
    lease = assignments.claim(annotator=person, task=task)
    Assignment.objects.filter(pk=lease.pk).update(opened_at=timezone.now() - timedelta(minutes=1))
    if text is not None:
        return annotations.submit(task=task, annotator=person, text=text, token=lease.token)
    return verifications.accept(
        task=task, annotator=person, watched_seconds=watched, token=lease.token
    )


def settled(task) -> Consensus | None:
    consensus.settle(task_id=task.pk)
    task.refresh_from_db()
    return Consensus.objects.standing().filter(task=task).first()


def test_the_first_answer_of_a_task_is_written_blind(task):
    with pytest.raises(NotAllowed, match="blind"):
        work(task)
    assert not Verification.objects.exists()


def test_an_accept_takes_a_slot_and_raises_the_revision_but_is_no_caption(task):
    work(task, SAID + " fast")
    made = work(task)
    task.refresh_from_db()
    assert (task.n_taken, task.n_captions, task.revision) == (2, 1, 2)
    assert Assignment.objects.get(pk=made.assignment_id).state == "submitted"
    assert Annotation.objects.count() == 1


def test_accepts_and_an_agreeing_blind_caption_settle_the_task_on_the_models_words(task):
    work(task, "the red ball is rolling left")
    work(task)
    work(task)
    stands = settled(task)
    assert (task.state, stands.caption, stands.annotation) == ("settled", SAID, None)
    winner = stands.candidates[0]
    assert (winner["is_model"], winner["is_winner"]) == (True, True)
    assert winner["votes"] > 0
    described = consensus.describe(stands)["candidates"][0]
    assert described["annotation_id"] is None
    assert described["prediction_id"] == task.prediction_id


def test_recomputing_from_the_snapshot_is_identical(task):
    work(task, "the red ball is rolling left")
    work(task)
    work(task, "a ball")
    stands = settled(task)
    again = consensus.recompute(stands)
    assert again.confidence == stands.confidence
    assert again.agreement == stands.agreement
    assert [c.score for c in again.candidates] == [c["score"] for c in stands.candidates]
    # Later records of the voters change what is to come, not what was decided.
    assert stands.inputs["accepts"][0]["weight"] > 0


def test_an_accept_raises_nobodys_reliability(task):
    work(task, "the red ball is rolling left")
    made = work(task)
    work(task)
    settled(task)
    assert not made.annotator.residuals.exists()
    assert Annotator.objects.get(pk=made.annotator_id).n_residuals == 0


def test_accepts_without_a_blind_caption_settle_nothing(task):
    first = work(task, "a ball rolls")
    work(task)
    work(task)
    annotations.withdraw(annotation=first, author=first.author)
    assert settled(task) is None
    shown = AnnotatorFactory(project=task.project)
    lease = assignments.claim(annotator=shown, task=task)
    assert lease.slot == 0
    assert lease.prediction_shown is None


def test_nobody_answers_twice_by_accept_or_caption(task):
    work(task, SAID)
    made = work(task)
    with pytest.raises(AlreadyAnswered):
        verifications.accept(task=task, annotator=made.annotator, watched_seconds=4)
    with pytest.raises(AlreadyAnswered):
        annotations.submit(task=task, annotator=made.annotator, text="a", without_lease=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        Verification.objects.create(
            task=task,
            annotator=made.annotator,
            assignment=AssignmentFactory(task=TaskFactory()),
            watched_seconds=1,
        )


@pytest.mark.parametrize("watched", [0, 3.19, -1, float("nan"), 1e9])
def test_too_little_watched_is_refused_and_the_lease_stays(task, watched):
    work(task, SAID)
    with pytest.raises(InvalidInput):
        work(task, watched=watched)
    assert Assignment.objects.live().count() == 1


def test_more_than_could_have_been_watched_is_not_believed(task):
    work(task, SAID)
    person = AnnotatorFactory(project=task.project)
    lease = assignments.claim(annotator=person, task=task)
    with pytest.raises(InvalidInput, match="were watched"):
        verifications.accept(task=task, annotator=person, watched_seconds=4, token=lease.token)


def test_a_segment_is_measured_by_its_own_length_and_an_unknown_one_not_at_all(task):
    work(task, SAID)
    Task.objects.filter(pk=task.pk).update(start_ms=1000, end_ms=2000)
    assert work(task, watched=0.8).watched_seconds == 0.8
    Task.objects.filter(pk=task.pk).update(start_ms=0, end_ms=0)
    task.video.clip_seconds = None
    task.video.save()
    with pytest.raises(InvalidInput, match="not known yet"):
        work(task)


def test_an_ended_lease_and_a_closed_task_take_no_accept(task):
    work(task, SAID)
    person = AnnotatorFactory(project=task.project)
    lease = assignments.claim(annotator=person, task=task)
    past = timezone.now() - timedelta(minutes=1)
    Assignment.objects.filter(pk=lease.pk).update(expires_at=past, opened_at=past)
    with pytest.raises(LeaseExpired):
        verifications.accept(task=task, annotator=person, watched_seconds=4, token=lease.token)
    Task.objects.filter(pk=task.pk).update(state="settled")
    with pytest.raises(TaskClosed):
        verifications.accept(task=task, annotator=person, watched_seconds=4)


# --- planted wrong predictions -------------------------------------------------------------------
def planted(project):
    made = TaskFactory(project=project, prediction=PredictionFactory(project=project))
    return tasks.make_gold(
        task_id=made.pk, references=[SAID], planted="two cooks stir a pot", actor="m"
    )


def test_accepting_a_planted_prediction_is_a_wrong_gold_answer_and_costs_weight(project, task):
    gold = planted(project)
    made = work(gold)
    assert made.assignment.shown_caption == "two cooks stir a pot"
    person = Annotator.objects.get(pk=made.annotator_id)
    assert (person.n_gold, person.sum_gold) == (1, 0)
    assert Annotation.objects.gold_marks(person.pk)[0][1] == 0.0
    record = Verification.objects.records([person.pk])[person.pk]
    assert (record.n_shown, record.n_accepted) == (1, 1)


def test_writing_instead_is_a_planted_prediction_refused(project):
    answer = work(planted(project), SAID)
    record = Verification.objects.records([answer.author_id])[answer.author_id]
    assert (record.n_shown, record.n_accepted) == (1, 0)


def test_gold_shows_only_what_was_planted(project):
    gold = planted(project)
    gold.planted.delete()
    lease = assignments.claim(annotator=AnnotatorFactory(project=project), task=gold)
    assert lease.shown_caption is None


# --- the model as a candidate --------------------------------------------------------------------
def test_the_model_competes_where_the_project_says_so_and_wins_only_with_support(project, task):
    project.prediction_competes = True
    project.prediction_shown_to = "nobody"
    project.save()
    task.refresh_from_db()
    for text in ("people run", "a dog", "the sky is blue"):
        work(task, text)
    stands = settled(task)
    assert len(stands.candidates) == 4
    assert stands.annotation is not None
    assert consensus.recompute(stands).confidence == stands.confidence


def test_nothing_changes_where_nobody_is_shown_anything(task):
    task.project.prediction_shown_to = "nobody"
    task.project.save()
    work(task, SAID)
    assert not [each for each in settled(task).candidates if each["is_model"]]
