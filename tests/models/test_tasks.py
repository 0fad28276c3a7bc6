"""Questions about tasks that have to stay quick however many there are."""

import pytest
from django.db import connection
from django.utils import timezone

from portal.models import Annotator, Project, Task, Video
from tests.factories import AnnotatorFactory, AssignmentFactory, ProjectFactory, TaskFactory

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


def test_the_next_tasks_are_read_in_the_indexs_order_and_no_further():
    project = ProjectFactory()
    open_many(project)
    annotator = AnnotatorFactory(project=project)
    had_some(annotator)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    plan = Task.objects.open_for(annotator.pk, project.pk)[:64].explain()
    assert "tasks_with_room_by_due" in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan


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
