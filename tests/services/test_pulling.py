"""Pull: who fits, how much they may hold, what comes next, and that "nothing" is never false."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.errors import AlreadyAnswered, AtCapacity
from portal.models import Annotator, Assignment, Pool, Task
from portal.services import annotations, assignments, tasks
from portal.services.assignments import looking
from tests.factories import (
    AnnotationFactory,
    AnnotatorFactory,
    AssignmentFactory,
    PredictionFactory,
    ProjectFactory,
    TaskFactory,
    VideoFactory,
)

pytestmark = pytest.mark.django_db


def open_tagged(project, *tags):
    """Open the task of a new clip with these tags, as a prediction does."""
    video = VideoFactory(project=project, tags=list(tags), is_evaluation=True)
    tasks.open_for(prediction_ids=[PredictionFactory(project=project, video=video).pk])
    return Task.objects.get(video=video)


def test_tags_put_tasks_into_pools_and_alike_needs_into_one():
    project = ProjectFactory()
    plain = open_tagged(project, "surgery")
    first = open_tagged(project, "needs:mri", "needs:CT")
    second = open_tagged(project, "needs:ct", "needs:mri", "heart")
    german, _ = tasks.open_one(
        project=project, video_id=VideoFactory(project=project, tags=["lang:de"]).video_id
    )
    assert plain.pool == 0
    assert first.pool == second.pool != german.pool
    assert [str(pool) for pool in Pool.objects.order_by("number")] == ["ct, mri", "de"]


def test_clips_go_only_to_those_who_speak_the_language_and_have_the_skill():
    project = ProjectFactory(language="en")
    english, skilled, german = (
        open_tagged(project, *tags) for tags in ((), ("needs:mri",), ("lang:de",))
    )
    people = {
        english: AnnotatorFactory(project=project),
        skilled: AnnotatorFactory(project=project, skills="MRI, ct"),
        german: AnnotatorFactory(project=project, languages="de-AT, de"),
    }
    assert assignments.claim(annotator=people[german]).task == german
    lease = assignments.claim(annotator=people[english])
    assert lease.task == english
    annotations.submit(
        task=english, annotator=people[english], text="a dog runs", token=lease.token
    )
    assert assignments.claim(annotator=people[english]) is None
    given = set()
    for _ in range(2):
        lease = assignments.claim(annotator=people[skilled])
        given.add(lease.task)
        annotations.submit(
            task=lease.task, annotator=people[skilled], text="a cat", token=lease.token
        )
    assert given == {english, skilled}
    assert assignments.claim(annotator=people[skilled]) is None


def test_a_daily_limit_refuses_with_the_reason_and_counts_today_alone():
    project = ProjectFactory()
    person = AnnotatorFactory(project=project, daily_limit=1)
    yesterday = AnnotationFactory(task=TaskFactory(project=project), author=person)
    Assignment.objects.filter(annotation=yesterday).update(
        submitted_at=timezone.now() - timedelta(days=1)
    )
    TaskFactory.create_batch(2, project=project)
    lease = assignments.claim(annotator=person)
    annotations.submit(task=lease.task, annotator=person, text="a dog", token=lease.token)
    with pytest.raises(AtCapacity, match="1 today"):
        assignments.claim(annotator=person)


def test_an_open_limit_of_one_leaves_nothing_to_reserve():
    project = ProjectFactory()
    TaskFactory.create_batch(2, project=project)
    person = AnnotatorFactory(project=project, open_limit=1)
    lease = assignments.claim(annotator=person)
    with pytest.raises(AtCapacity, match="1 of at most 1"):
        assignments.reserve(annotator=person)
    assert assignments.claim(annotator=person) == lease


def test_one_active_and_one_reserved_lease_whose_clock_starts_when_it_is_opened():
    project = ProjectFactory()
    TaskFactory.create_batch(4, project=project)
    person = AnnotatorFactory(project=project)
    assert assignments.reserve(annotator=person) is None  # nobody reserves ahead of no work
    active = assignments.claim(annotator=person)
    reserved = assignments.reserve(annotator=person)
    assert reserved == assignments.reserve(annotator=person)
    assert (reserved.hold, reserved.opened_at) == ("reserved", None)
    assert reserved.task != active.task
    assert assignments.claim(annotator=person) == active
    annotations.submit(task=active.task, annotator=person, text="a dog", token=active.token)
    earlier = timezone.now() - timedelta(minutes=20)
    Assignment.objects.filter(pk=reserved.pk).update(leased_at=earlier)
    opened = assignments.claim(annotator=person)
    assert opened == reserved
    opened.refresh_from_db()
    assert opened.hold == "active"
    assert opened.opened_at == opened.leased_at > earlier
    assert opened.expires_at - opened.opened_at == timedelta(minutes=30)
    caption = annotations.submit(
        task=opened.task, annotator=person, text="a cat", token=opened.token
    )
    assert caption.seconds < 60


def test_a_reserved_lease_expires_like_any_other_and_is_not_opened_then():
    project = ProjectFactory()
    TaskFactory.create_batch(2, project=project, n_wanted=1)
    person = AnnotatorFactory(project=project)
    active, reserved = assignments.claim(annotator=person), assignments.reserve(annotator=person)
    gone = timezone.now() - timedelta(seconds=1)
    Assignment.objects.filter(pk=reserved.pk).update(expires_at=gone)
    assert assignments.expire_stale() == 1
    other = AnnotatorFactory(project=project)
    assert assignments.claim(annotator=other).task == reserved.task
    annotations.submit(task=active.task, annotator=person, text="a dog", token=active.token)
    assert assignments.claim(annotator=person) is None


def test_who_gives_a_task_back_gives_the_reserved_one_back_too():
    project = ProjectFactory()
    TaskFactory.create_batch(2, project=project)
    person = AnnotatorFactory(project=project)
    active = assignments.claim(annotator=person)
    assignments.reserve(annotator=person)
    assignments.release(token=active.token, annotator=person)
    assert set(Assignment.objects.values_list("state", flat=True)) == {"released"}
    assert set(Task.objects.values_list("n_taken", flat=True)) == {0}


def test_an_answered_task_asked_for_by_name_is_refused():
    annotation = AnnotationFactory(task=TaskFactory(n_wanted=3))
    with pytest.raises(AlreadyAnswered):
        assignments.claim(annotator=annotation.author, task=annotation.task)


def test_a_lease_runs_three_times_as_long_as_a_caption_takes_but_not_below_the_projects_minutes():
    slow = ProjectFactory(lease_minutes=15)
    task = TaskFactory(project=slow, n_wanted=30)
    for _ in range(20):
        AnnotationFactory(task=task, author__project=slow, seconds=600.0)
    lease = assignments.claim(annotator=AnnotatorFactory(project=slow))
    assert lease.expires_at - lease.leased_at == timedelta(minutes=30)
    quick = TaskFactory(project__lease_minutes=15)
    lease = assignments.claim(annotator=AnnotatorFactory(project=quick.project))
    assert lease.expires_at - lease.leased_at == timedelta(minutes=15)


def test_a_remembered_look_is_not_believed_when_it_finds_nothing():
    task = TaskFactory()
    person = AnnotatorFactory(project=task.project)
    later = task.virtual_due + timedelta(hours=1)
    Annotator.objects.filter(pk=person.pk).update(
        look_from=later, look_until=timezone.now() + timedelta(hours=1)
    )
    person.refresh_from_db()
    assert assignments.claim(annotator=person).task == task


def test_a_long_look_past_much_done_work_is_remembered_for_a_while(monkeypatch):
    monkeypatch.setattr(looking, "MANY_DONE", 3)
    monkeypatch.setattr(looking, "LONG_SECONDS", 0.0)
    project = ProjectFactory()
    person = AnnotatorFactory(project=project)
    for task in TaskFactory.create_batch(3, project=project):
        AssignmentFactory(task=task, annotator=person, state="submitted")
    waiting = TaskFactory(project=project)
    assert assignments.claim(annotator=person).task == waiting
    person.refresh_from_db()
    assert person.look_from == waiting.virtual_due
    assert person.look_until is not None


def test_the_choice_is_explained_by_its_candidates_scores_and_reason():
    project = ProjectFactory()
    TaskFactory.create_batch(3, project=project)
    why = assignments.claim(annotator=AnnotatorFactory(project=project)).why_chosen
    assert (why["reason"], why["n_candidates"], why["place"]) == ("best", 3, 0)
    assert len(why["best"]) == 3
    assert why["score"] == why["best"][0][1]
    late = TaskFactory()
    Task.objects.filter(pk=late.pk).update(virtual_due=timezone.now() - timedelta(hours=20))
    why = assignments.claim(annotator=AnnotatorFactory(project=late.project)).why_chosen
    assert why["reason"] == "overdue"
