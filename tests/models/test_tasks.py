"""Questions about tasks that have to stay quick however many there are."""

import pytest
from django.db import connection
from django.utils import timezone

from portal.models import Annotator, Project, Task, Video
from portal.models.slots import candidates_statement, read_candidates
from tests.factories import (
    AnnotationFactory,
    AnnotatorFactory,
    AssignmentFactory,
    ProjectFactory,
    TaskFactory,
    VoteFactory,
)

pytestmark = pytest.mark.django_db

N_TASKS = 12_000


def open_many(project: Project) -> None:
    videos = Video.objects.bulk_create(
        [Video(project=project, video_id=f"v{n}") for n in range(N_TASKS)], batch_size=2000
    )
    Task.objects.bulk_create([Task(project=project, video=v) for v in videos], batch_size=1000)


def had_some(annotator: Annotator) -> None:
    for task in Task.objects.order_by("virtual_due", "id")[:20]:
        AssignmentFactory(task=task, annotator=annotator, state="submitted")


def plan_of(annotator: Annotator, pools: list[int] | None) -> str:
    statement, values = candidates_statement(
        annotator_pk=annotator.pk, project_id=annotator.project_id, pools=pools, since=None, n=64
    )
    verb = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with connection.cursor() as cursor:
        cursor.execute(f"{verb} {statement}", values)
        return "\n".join(str(row) for row in cursor.fetchall())


def test_the_next_tasks_are_read_in_the_indexs_order_and_no_further():
    project = ProjectFactory()
    open_many(project)
    Task.objects.filter(pk__gt=Task.objects.latest("pk").pk - 100).update(pool=1)
    annotator = AnnotatorFactory(project=project)
    had_some(annotator)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    plan = Task.objects.open_for(annotator.pk, project.pk)[:64].explain()
    for walk, index in (
        (plan, "by_due"),
        (plan_of(annotator, None), "by_due"),
        (plan_of(annotator, [0]), "by_"),
        (plan_of(annotator, [1]), "by_pool"),
        (plan_of(annotator, [0, 1]), "by_pool"),
    ):
        assert f"tasks_with_room_{index}" in walk
        assert "Seq Scan on portal_task" not in walk
        assert "SCAN t" not in walk
        assert "TEMP B-TREE" not in walk
    assert "Sort" not in plan + plan_of(annotator, None) + plan_of(annotator, [0])


def test_what_somebody_did_since_the_statistics_were_taken_is_looked_up_task_by_task():
    project = ProjectFactory()
    open_many(project)
    annotator = AnnotatorFactory(project=project)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    had_some(annotator)
    walk = plan_of(annotator, [0])
    assert "Anti Join" not in walk
    assert "assignments_by_annotator" not in walk
    assert "tasks_with_room_by_" in walk


def test_open_for_leaves_out_what_was_had_and_brings_back_what_was_given_up():
    project = ProjectFactory()
    annotator = AnnotatorFactory(project=project)
    states = ("leased", "submitted", "skipped", "withdrawn", "expired", "released")
    tasks = {state: TaskFactory(project=project) for state in states}
    for state, task in tasks.items():
        AssignmentFactory(task=task, annotator=annotator, state=state, expires_at=timezone.now())
    untouched = TaskFactory(project=project)
    found = set(Task.objects.open_for(annotator.pk, project.pk))
    assert found == {tasks["expired"], tasks["released"], untouched}


def test_candidates_written_by_hand_are_those_of_open_for():
    project = ProjectFactory()
    annotator = AnnotatorFactory(project=project)
    states = ("leased", "submitted", "skipped", "withdrawn", "expired", "released")
    for state in states:
        task = TaskFactory(project=project)
        AssignmentFactory(task=task, annotator=annotator, state=state, expires_at=timezone.now())
    VoteFactory(annotation=AnnotationFactory(task=TaskFactory(project=project)), voter=annotator)
    AnnotationFactory(task=TaskFactory(project=project, n_wanted=1))
    for fields in ({"state": "parked"}, {"is_gold": True}, {"pool": 1}, {"pool": 2}):
        TaskFactory(project=project, **fields)
    TaskFactory()
    asked = Task.objects.open_for(annotator.pk, project.pk)
    for pools, rows in (
        (None, asked),
        ([], asked.none()),
        ([2], asked.filter(pool=2)),
        ([0, 1], asked.filter(pool__in=[0, 1])),
    ):
        found = read_candidates(
            annotator_pk=annotator.pk, project_id=project.pk, pools=pools, since=None, n=64
        )
        assert [each.pk for each in found] == [task.pk for task in rows]
    newest = asked.last()
    found = read_candidates(
        annotator_pk=annotator.pk, project_id=project.pk, pools=None,
        since=newest.virtual_due, n=64,
    )  # fmt: skip
    assert [each.pk for each in found] == [newest.pk]
