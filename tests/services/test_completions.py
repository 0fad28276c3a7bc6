"""When a project says that it has run out of work: once, and again after more has been settled."""

import pytest

from portal import jobs
from portal.models import Event, Task
from portal.services import completions
from tests.factories import ConsensusFactory, EndpointFactory, ProjectFactory, TaskFactory

pytestmark = pytest.mark.django_db


def record(project) -> Event | None:
    return completions.record_if_complete(project_id=project.pk)


def test_the_last_open_task_completes_the_project_once():
    project = ProjectFactory()
    EndpointFactory(project=project)
    ConsensusFactory(task__project=project)
    last = TaskFactory(project=project)
    assert record(project) is None
    Task.objects.filter(pk=last.pk).update(state="settled")
    standing = ConsensusFactory(task=last)
    event = record(project)
    assert record(project) is None
    assert event.data == {
        "project": project.slug,
        "consensus_id": standing.pk,
        "n_settled": 2,
        "n_rejected": 0,
        "n_parked": 0,
    }
    assert event.deliveries.count() == 1


def test_new_tasks_arm_it_again_when_they_have_settled():
    project = ProjectFactory()
    ConsensusFactory(task__project=project)
    assert record(project)
    task = TaskFactory(project=project)
    assert record(project) is None
    Task.objects.filter(pk=task.pk).update(state="settled")
    ConsensusFactory(task=task)
    assert record(project)
    assert Event.objects.filter(type="project.completed").count() == 2


@pytest.mark.parametrize("state", ["open", "disputed"])
def test_a_task_that_somebody_still_works_on_keeps_it_incomplete(state):
    project = ProjectFactory()
    ConsensusFactory(task__project=project)
    TaskFactory(project=project, state=state)
    assert record(project) is None


def test_gold_and_parked_tasks_do_not_keep_it_from_completing():
    project = ProjectFactory()
    ConsensusFactory(task__project=project)
    TaskFactory(project=project, is_gold=True)
    TaskFactory(project=project, state="parked", park_reason="unsafe")
    assert record(project).data["n_parked"] == 1


def test_a_project_in_which_nothing_was_settled_completes_nothing():
    assert record(ProjectFactory()) is None
    assert record(TaskFactory(state="rejected").project) is None


def test_the_sweep_finds_a_completion_that_nobody_announced():
    ConsensusFactory(is_credited=True, judge="offline")
    assert jobs.sweep() > 0
    assert jobs.sweep() == 0
    assert Event.objects.get().type == "project.completed"
