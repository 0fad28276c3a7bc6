"""The entrance exam gates a project, tells what it may, and blocks nobody for want of gold."""

import pytest

from portal.errors import NotAllowed
from portal.models import AuditEntry
from portal.services import annotations, annotators, assignments, tasks
from tests.factories import (
    AnnotationFactory,
    AnnotatorFactory,
    GoldReferenceFactory,
    ProjectFactory,
    TaskFactory,
)

pytestmark = pytest.mark.django_db
RIGHT, WRONG = "a small red circle moves left", "people are cooking some rice"


@pytest.fixture
def project():
    """Two right of two, twice; gold itself is off, so that nothing else serves any."""
    project = ProjectFactory(exam_size=2, exam_pass=1.0, exam_attempts=2)
    for _ in range(6):
        GoldReferenceFactory(task__project=project, task__n_wanted=99)
    return project


@pytest.fixture
def ordinary(project):
    return TaskFactory(project=project, n_wanted=5)


@pytest.fixture
def person(project):
    return AnnotatorFactory(project=project)


def answer(person, *texts):
    """Claim and answer as often; return the tasks."""
    answered = []
    for text in texts:
        lease = assignments.claim(annotator=person)
        caption = annotations.submit(
            task=lease.task, annotator=person, text=text, token=lease.token
        )
        if lease.task.is_gold:
            annotators.grade_gold(annotation_id=caption.pk)
        answered.append(lease)
    return answered


def test_before_passing_only_gold_is_served_and_after_it_the_rest(person, ordinary):
    first, second, third = answer(person, RIGHT, RIGHT, "a dog")
    assert first.task.is_gold
    assert second.why_chosen["reason"] == "gold: exam"
    assert (second.why_chosen["attempt"], second.why_chosen["place"]) == (1, 2)
    assert third.task == ordinary


def test_a_second_attempt_comes_on_other_clips(person, ordinary):
    leases = answer(person, RIGHT, WRONG, RIGHT, RIGHT, "a dog")
    assert len({lease.task_id for lease in leases}) == 5
    assert leases[2].why_chosen["attempt"] == 2
    assert leases[4].task == ordinary


def test_whoever_has_used_every_attempt_waits_for_a_manager(person, ordinary):
    answer(person, RIGHT, WRONG, WRONG, RIGHT)
    with pytest.raises(NotAllowed, match="every attempt"):
        assignments.claim(annotator=person)
    annotators.grant_attempt(annotator=person, actor="user:mona")
    assert AuditEntry.objects.filter(action="annotator.granted_attempt").exists()
    person.refresh_from_db()
    answer(person, RIGHT, RIGHT)
    assert assignments.claim(annotator=person).task == ordinary


def test_no_way_leads_around_the_exam(person, ordinary):
    with pytest.raises(NotAllowed, match="exam"):
        assignments.claim(annotator=person, task=ordinary)
    with pytest.raises(NotAllowed, match="exam"):
        annotations.submit(task=ordinary, annotator=person, text="a dog", without_lease=True)
    assert assignments.plan(project=person.project) == []


def test_an_empty_pool_blocks_nobody(ordinary):
    project = ProjectFactory(exam_size=2)
    task = TaskFactory(project=project)
    person = AnnotatorFactory(project=project)
    assert assignments.claim(annotator=person).task == task


def test_the_percentile_has_no_say(project, ordinary):
    person = AnnotatorFactory(project=project, reliability=1.0, n_residuals=500)
    assert assignments.claim(annotator=person).task.is_gold


def test_an_exam_switched_on_later_counts_gold_answered_before(project, ordinary):
    person = AnnotatorFactory(project=project)
    for task in project.tasks.filter(is_gold=True)[:2]:
        AnnotationFactory(task=task, author=person, gold_score=0.9)
    assert assignments.claim(annotator=person).task == ordinary


# --- the gauge -----------------------------------------------------------------------------------
def test_the_gauge_names_who_runs_out_of_unseen_gold():
    project = ProjectFactory(gold_first=2)
    golds = [GoldReferenceFactory(task__project=project, task__n_wanted=99).task for _ in range(6)]
    fresh, seen = AnnotatorFactory.create_batch(2, project=project)
    for task in golds[:5]:
        AnnotationFactory(task=task, author=seen, gold_score=0.9)
    stock = tasks.stock_of(project=project)
    assert stock.n_gold == 6
    assert [(left.annotator, left.n_unseen) for left in stock.people] == [(seen, 1), (fresh, 6)]
    assert stock.low == [stock.people[0]]
    assert stock.sentence == "1 person runs out of unseen gold; the first has 1 clips left."


def test_who_may_do_nothing_but_gold_and_has_none_is_counted():
    project = ProjectFactory(gold_first=2)
    AnnotatorFactory(project=project, state="quarantined")
    AnnotatorFactory(project=project, state="paused")
    stock = tasks.stock_of(project=project)
    assert stock.n_stranded == 1
    assert len(stock.people) == 1


def test_a_project_without_gold_has_no_gauge():
    assert tasks.stock_of(project=ProjectFactory()) is None
