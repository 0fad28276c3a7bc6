"""Captions: one conditional update decides who submitted; nothing typed is lost."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.errors import (
    AlreadyAnswered,
    CaptionBlank,
    InvalidInput,
    LeaseExpired,
    NotAllowed,
    NotFound,
    ProjectPaused,
    StaleVersion,
    TaskClosed,
)
from portal.models import Annotation, AnnotationRevision, Assignment, Project
from portal.services import annotations, assignments
from tests.factories import AnnotationFactory, AnnotatorFactory, TaskFactory

pytestmark = pytest.mark.django_db


def claimed(task=None):
    task = task or TaskFactory()
    annotator = AnnotatorFactory(project=task.project)
    return task, annotator, assignments.claim(annotator=annotator)


def test_a_submit_turns_the_lease_into_an_answer_and_counts_it():
    task, annotator, lease = claimed()
    annotation = annotations.submit(
        task=task, annotator=annotator, text="  a dog\r\nruns ", token=lease.token, seconds=12.5
    )
    task.refresh_from_db()
    lease.refresh_from_db()
    assert (annotation.text, annotation.seconds) == ("a dog\nruns", 12.5)
    assert (task.n_captions, task.n_taken, task.revision) == (1, 1, 1)
    assert lease.state == "submitted"
    assert annotation.revisions.get().text == "a dog\nruns"


def test_a_late_submit_is_refused_keeps_the_text_and_gives_it_back():
    task, annotator, lease = claimed()
    Assignment.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(LeaseExpired) as refusal:
        annotations.submit(task=task, annotator=annotator, text="a dog runs", token=lease.token)
    assert refusal.value.extra["draft"] == "a dog runs"
    assert not Annotation.objects.exists()
    assert assignments.claim(annotator=annotator).draft == "a dog runs"


def test_the_old_token_of_a_revived_lease_no_longer_submits():
    task, annotator, lease = claimed()
    Assignment.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    newer = assignments.claim(annotator=annotator)
    with pytest.raises(LeaseExpired):
        annotations.submit(task=task, annotator=annotator, text="a dog", token=lease.token)
    annotations.submit(task=task, annotator=annotator, text="a dog", token=newer.token)


def test_a_second_caption_by_the_same_person_is_refused():
    task, annotator, lease = claimed()
    annotations.submit(task=task, annotator=annotator, text="a dog", token=lease.token)
    with pytest.raises(AlreadyAnswered):
        annotations.submit(task=task, annotator=annotator, text="a cat", without_lease=True)


def test_a_task_that_was_not_given_cannot_be_answered():
    task = TaskFactory()
    with pytest.raises(NotFound):
        annotations.submit(
            task=task, annotator=AnnotatorFactory(project=task.project), text="a dog"
        )


def test_without_a_lease_a_free_slot_is_taken_and_a_full_task_refused():
    task = TaskFactory(n_wanted=1)
    first, second = AnnotatorFactory.create_batch(2, project=task.project)
    assignments.claim(annotator=first)
    with pytest.raises(TaskClosed):
        annotations.submit(task=task, annotator=second, text="a dog", without_lease=True)
    annotations.submit(task=task, annotator=first, text="a dog", without_lease=True)
    assert Annotation.objects.get().author == first


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", CaptionBlank),
        (" \n\t ", CaptionBlank),
        ("\u200b\u2060\ufeff", CaptionBlank),
        ("\u3164", CaptionBlank),
        ("a\x00b", InvalidInput),
        ("a\x07b", InvalidInput),
        ("a \u202egnp.exe", InvalidInput),
        ("a\ud800", InvalidInput),
        ("a" + "\u0301" * 1000, InvalidInput),
        ("a" * 5001, InvalidInput),
        ("a" * 1_000_000, InvalidInput),
        (7, InvalidInput),
    ],
)
def test_text_that_cannot_stand_is_refused_by_field_and_changes_nothing(text, error):
    task, annotator, lease = claimed()
    with pytest.raises(error) as refusal:
        annotations.submit(task=task, annotator=annotator, text=text, token=lease.token)
    assert refusal.value.errors[0]["field"] == "caption"
    assert not Annotation.objects.exists()
    assert assignments.claim(annotator=annotator) == lease


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("cafe\u0301", "café"),
        ("\u2067כלב רץ\u2069", "כלב רץ"),
        ("İstanbul straße", "İstanbul straße"),
        ("👨‍👩‍👧‍👦 दौड़ता है 狗在跑", "👨‍👩‍👧‍👦 दौड़ता है 狗在跑"),
    ],
)
def test_every_script_is_stored_as_it_is_read(text, stored):
    task, annotator, lease = claimed()
    submitted = annotations.submit(task=task, annotator=annotator, text=text, token=lease.token)
    assert submitted.text == stored


def test_a_correction_keeps_every_wording_and_asks_for_the_newest():
    annotation = AnnotationFactory(text="a dog")
    revised = annotations.revise(
        annotation=annotation, author=annotation.author, text="a brown dog", number=1
    )
    assert (revised.text, revised.number) == ("a brown dog", 2)
    assert list(AnnotationRevision.objects.values_list("text", flat=True)) == [
        "a dog",
        "a brown dog",
    ]
    with pytest.raises(StaleVersion):
        annotations.revise(annotation=annotation, author=annotation.author, text="x", number=1)


def test_saving_the_same_words_changes_nothing():
    annotation = AnnotationFactory(text="a dog")
    annotations.revise(annotation=annotation, author=annotation.author, text="a dog")
    annotation.task.refresh_from_db()
    assert annotation.task.revision == 1


def test_only_the_author_changes_a_caption_and_only_until_it_settles():
    annotation = AnnotationFactory()
    with pytest.raises(NotAllowed):
        annotations.revise(annotation=annotation, author=AnnotatorFactory(), text="mine now")
    annotation.task.state = "settled"
    annotation.task.save()
    with pytest.raises(TaskClosed):
        annotations.withdraw(annotation=annotation, author=annotation.author)


def test_a_withdrawn_caption_frees_its_slot_but_not_for_its_author():
    annotation = AnnotationFactory(task__n_wanted=1)
    annotations.withdraw(annotation=annotation, author=annotation.author)
    task = annotation.task
    task.refresh_from_db()
    assert (task.n_captions, task.n_taken) == (0, 0)
    assert assignments.claim(annotator=annotation.author) is None
    other = assignments.claim(annotator=AnnotatorFactory(project=task.project))
    assert other.slot == 0


@pytest.mark.parametrize("seconds", [-1, 90_000])
def test_an_impossible_time_is_refused(seconds):
    task, annotator, lease = claimed()
    with pytest.raises(InvalidInput):
        annotations.submit(
            task=task, annotator=annotator, text="a dog", token=lease.token, seconds=seconds
        )


def test_a_lease_that_has_just_run_out_does_not_bar_a_direct_submit():
    task = TaskFactory(n_wanted=1)
    person = AnnotatorFactory(project=task.project)
    lease = assignments.claim(annotator=person)
    Assignment.objects.filter(pk=lease.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    annotations.submit(task=task, annotator=person, text="a dog runs", without_lease=True)
    task.refresh_from_db()
    assert (task.n_taken, task.n_captions) == (1, 1)


def test_what_a_manager_paused_takes_no_direct_submit_but_lets_a_running_lease_end():
    task, person, lease = claimed()
    paused = AnnotatorFactory(project=task.project, state="paused")
    with pytest.raises(NotAllowed):
        annotations.submit(task=task, annotator=paused, text="a dog runs", without_lease=True)
    Project.objects.update(is_paused=True)
    other = AnnotatorFactory(project=task.project)
    with pytest.raises(ProjectPaused):
        annotations.submit(task=task, annotator=other, text="a dog runs", without_lease=True)
    annotations.submit(task=task, annotator=person, text="a dog runs", token=lease.token)
    assert Annotation.objects.get().author == person
