"""Who is given what: leases, gold, skips, pushes."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from portal.errors import Conflict, InvalidInput, NotAllowed, NotFound, ProjectPaused
from portal.models import Assignment, Task
from portal.services import annotations, assignments
from tests.factories import (
    AnnotationFactory,
    AnnotatorFactory,
    AssignmentFactory,
    GoldReferenceFactory,
    PredictionFactory,
    ProjectFactory,
    TaskFactory,
    VoteFactory,
)

pytestmark = pytest.mark.django_db


def end_lease(assignment: Assignment) -> None:
    Assignment.objects.filter(pk=assignment.pk).update(
        expires_at=timezone.now() - timedelta(seconds=1)
    )


def test_a_claim_gives_the_task_that_is_due_first_and_says_why():
    project = ProjectFactory()
    later, sooner = TaskFactory(project=project), TaskFactory(project=project)
    Task.objects.filter(pk=sooner.pk).update(virtual_due=timezone.now() - timedelta(hours=20))
    assignment = assignments.claim(annotator=AnnotatorFactory(project=project))
    assert assignment.task == sooner
    assert assignment.why_chosen["n_candidates"] == 2
    assert later.n_taken == 0


def test_a_second_claim_gives_the_running_lease_back():
    project = ProjectFactory()
    TaskFactory.create_batch(2, project=project)
    annotator = AnnotatorFactory(project=project)
    first = assignments.claim(annotator=annotator)
    assert assignments.claim(annotator=annotator) == first
    assert Assignment.objects.count() == 1


def test_no_work_is_none_and_a_paused_project_or_person_is_refused():
    annotator = AnnotatorFactory()
    assert assignments.claim(annotator=annotator) is None
    annotator.project.is_paused = True
    with pytest.raises(ProjectPaused):
        assignments.claim(annotator=annotator)
    with pytest.raises(NotAllowed):
        assignments.claim(annotator=AnnotatorFactory(state="paused"))


def test_another_projects_task_cannot_be_asked_for_by_name():
    with pytest.raises(NotFound):
        assignments.claim(annotator=AnnotatorFactory(), task=TaskFactory())


def test_nobody_gets_a_task_they_answered_or_skipped():
    task = TaskFactory(n_wanted=5)
    answered, skipped = AnnotatorFactory.create_batch(2, project=task.project)
    lease = assignments.claim(annotator=answered)
    annotations.submit(task=task, annotator=answered, text="a dog runs", token=lease.token)
    lease = assignments.claim(annotator=skipped)
    assignments.skip(token=lease.token, annotator=skipped, reason="unplayable")
    assert assignments.claim(annotator=answered) is None
    assert assignments.claim(annotator=skipped) is None


def test_an_expired_lease_frees_its_slot_and_revives_with_a_new_token():
    task = TaskFactory(n_wanted=1)
    first, second = AnnotatorFactory.create_batch(2, project=task.project)
    lease = assignments.claim(annotator=first)
    assert assignments.claim(annotator=second) is None
    end_lease(lease)
    assert assignments.expire_stale() == 1
    assert assignments.expire_stale() == 0
    task.refresh_from_db()
    assert task.n_taken == 0
    again = assignments.claim(annotator=first)
    assert (again.pk, again.slot) == (lease.pk, 0)
    assert again.token != lease.token


def test_ones_own_stale_lease_expires_on_the_next_claim():
    task = TaskFactory(n_wanted=1)
    annotator = AnnotatorFactory(project=task.project)
    end_lease(assignments.claim(annotator=annotator))
    assert assignments.claim(annotator=annotator).task == task


def test_a_heartbeat_extends_a_running_lease_and_refuses_an_ended_one():
    task = TaskFactory()
    annotator = AnnotatorFactory(project=task.project)
    lease = assignments.claim(annotator=annotator)
    soon = timezone.now() + timedelta(minutes=1)
    Assignment.objects.filter(pk=lease.pk).update(expires_at=soon)
    assert assignments.heartbeat(token=lease.token, annotator=annotator).expires_at > soon
    end_lease(lease)
    with pytest.raises(Conflict):
        assignments.heartbeat(token=lease.token, annotator=annotator)
    with pytest.raises(NotFound):
        assignments.heartbeat(token=lease.token, annotator=AnnotatorFactory(project=task.project))


def test_a_released_task_may_come_again():
    task = TaskFactory()
    annotator = AnnotatorFactory(project=task.project)
    lease = assignments.claim(annotator=annotator)
    assignments.release(token=lease.token, annotator=annotator)
    assert assignments.claim(annotator=annotator).task == task


def test_two_skips_for_one_reason_park_the_task():
    task = TaskFactory(n_wanted=5)
    for reason, state in (("unplayable", "open"), ("unsafe", "open"), ("unplayable", "parked")):
        annotator = AnnotatorFactory(project=task.project)
        lease = assignments.claim(annotator=annotator)
        assignments.skip(token=lease.token, annotator=annotator, reason=reason)
        task.refresh_from_db()
        assert task.state == state
    assert (task.park_reason, task.n_taken) == ("unplayable", 0)


def test_an_unknown_skip_reason_is_refused_and_keeps_the_lease():
    task = TaskFactory()
    annotator = AnnotatorFactory(project=task.project)
    lease = assignments.claim(annotator=annotator)
    with pytest.raises(InvalidInput):
        assignments.skip(token=lease.token, annotator=annotator, reason="bored")
    assert assignments.claim(annotator=annotator) == lease


def test_a_newcomer_meets_gold_first_and_never_the_same_gold_twice():
    project = ProjectFactory(gold_first=4)
    TaskFactory.create_batch(3, project=project)
    gold = GoldReferenceFactory(task__project=project, task__n_wanted=100).task
    annotator = AnnotatorFactory(project=project)
    lease = assignments.claim(annotator=annotator)
    assert lease.task == gold
    assert lease.why_chosen["reason"] == "gold: newcomer"
    assignments.release(token=lease.token, annotator=annotator)
    assert not assignments.claim(annotator=annotator).task.is_gold


def test_without_unseen_gold_nobody_is_blocked():
    task = TaskFactory(project=ProjectFactory(gold_first=4))
    assert assignments.claim(annotator=AnnotatorFactory(project=task.project)).task == task


def test_the_quarantined_get_gold_only():
    project = ProjectFactory(gold_first=4)
    TaskFactory(project=project)
    annotator = AnnotatorFactory(project=project, state="quarantined")
    assert assignments.claim(annotator=annotator) is None


@pytest.mark.parametrize(
    ("shown_to", "is_expert", "slot", "is_shown"),
    [
        ("nobody", True, 1, False),
        ("experts", False, 1, False),
        ("experts", True, 1, True),
        ("everyone", False, 1, True),
        ("everyone", False, 0, False),
    ],
)
def test_the_prediction_is_shown_as_the_project_says_and_never_to_the_first(
    shown_to, is_expert, slot, is_shown
):
    project = ProjectFactory(prediction_shown_to=shown_to)
    task = TaskFactory(project=project, prediction=PredictionFactory(project=project))
    if slot:
        AssignmentFactory(task=task, slot=0)
    lease = assignments.claim(annotator=AnnotatorFactory(project=project, is_expert=is_expert))
    assert (lease.prediction_shown is not None) == is_shown


def test_the_database_refuses_one_person_too_many():
    task = TaskFactory(n_wanted=1)
    AssignmentFactory(task=task, slot=0, cap=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        AssignmentFactory(task=task, slot=0, cap=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        AssignmentFactory(task=task, slot=1, cap=1)


def test_a_push_hands_out_open_tasks_under_capacity_and_never_twice():
    project = ProjectFactory()
    people = AnnotatorFactory.create_batch(3, project=project)
    tasks = TaskFactory.create_batch(4, project=project, n_wanted=2)
    answered = tasks[0]
    AssignmentFactory(task=answered, annotator=people[0], state="submitted")
    made = assignments.auto_assign(project=project, actor="user:m", capacity=2)
    pairs = {(a.task_id, a.annotator_id) for a in made}
    assert len(pairs) == len(made) == 6
    assert (answered.pk, people[0].pk) not in pairs
    assert assignments.claim(annotator=people[0]) in made
    assert assignments.auto_assign(project=project, actor="user:m", capacity=2) == []


def test_a_claim_costs_the_same_at_one_and_at_fifty_tasks(django_assert_max_num_queries):
    project = ProjectFactory()
    TaskFactory(project=project)
    for n in (1, 50):
        TaskFactory.create_batch(n, project=project)
        with django_assert_max_num_queries(16):
            assignments.claim(annotator=AnnotatorFactory(project=project))


def test_a_lease_on_a_task_that_closed_is_not_given_back_again():
    project = ProjectFactory()
    closing, other = TaskFactory(project=project), TaskFactory(project=project)
    person = AnnotatorFactory(project=project)
    lease = assignments.claim(annotator=person, task=closing)
    Task.objects.filter(pk=closing.pk).update(state="settled")
    assert assignments.claim(annotator=person).task == other
    closing.refresh_from_db()
    lease.refresh_from_db()
    assert (lease.state, closing.n_taken) == ("expired", 0)


def test_who_has_scored_a_tasks_captions_is_not_asked_for_a_blind_one():
    task = TaskFactory(n_wanted=2)
    reviewer = AnnotatorFactory(project=task.project)
    VoteFactory(annotation=AnnotationFactory(task=task), voter=reviewer)
    assert assignments.claim(annotator=reviewer) is None
    assert assignments.auto_assign(project=task.project, actor="user:m") == []
    other = AnnotatorFactory(project=task.project)
    assert assignments.claim(annotator=other).task == task
