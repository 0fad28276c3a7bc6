"""Tasks open once, stand in order, are set aside and come back."""

import pytest

from portal.errors import Conflict, InvalidInput, TaskClosed
from portal.models import Task
from portal.services import predictions, tasks
from portal.services.predictions import PredictionItem
from tests.factories import AnnotationFactory, ProjectFactory, TaskFactory, VideoFactory

pytestmark = pytest.mark.django_db


def test_a_task_opens_once_and_takes_over_what_is_said_again():
    project = ProjectFactory()
    task, created = tasks.open_one(project=project, video_id="v", uncertainty=0.2)
    again, created_again = tasks.open_one(project=project, video_id="v", difficulty_level=10)
    assert (created, created_again, again.pk) == (True, False, task.pk)
    assert (task.difficulty, again.difficulty) == (pytest.approx(-0.6), 1.0)
    assert again.uncertainty == 0.2


def test_the_more_uncertain_and_the_more_valuable_stand_before_the_others():
    project = ProjectFactory()
    sure, _ = tasks.open_one(project=project, video_id="sure", uncertainty=0.1)
    unsure, _ = tasks.open_one(project=project, video_id="unsure", uncertainty=0.9)
    assert unsure.virtual_due < sure.virtual_due
    valued = tasks.set_value(task_id=sure.pk, business_value=4, due_at=None, actor="user:m")
    assert valued.virtual_due < sure.virtual_due
    assert {part["name"] for part in valued.why_next["parts"]} == {"uncertainty", "business"}


@pytest.mark.parametrize(
    "fields", [{"difficulty_level": 3}, {"start": 2.0, "end": 1.0}, {"start": 9.0}]
)
def test_what_no_task_can_be_is_refused(fields):
    project = ProjectFactory()
    VideoFactory(project=project, video_id="v", clip_seconds=4.0)
    with pytest.raises(InvalidInput):
        tasks.open_one(project=project, video_id="v", **fields)
    assert not Task.objects.exists()


def test_a_task_of_a_predicted_segment_knows_its_prediction():
    project = ProjectFactory(uncertain_share=0.0, control_share=0.0, evaluation_share=0.0)
    predictions.ingest(
        project=project,
        items=[PredictionItem(video_id="v", caption="a dog", model_version="m", uncertainty=0.3)],
    )
    task, _ = tasks.open_one(project=project, video_id="v")
    assert task.prediction.caption == "a dog"
    assert task.uncertainty == 0.3


def test_opening_for_the_same_predictions_twice_is_harmless():
    project = ProjectFactory(uncertain_share=1.0)
    report = predictions.ingest(
        project=project,
        items=[PredictionItem(video_id="v", caption="a dog", model_version="m")],
    )
    for _ in range(2):
        tasks.open_for(prediction_ids=[report.rows[0].prediction.pk])
    assert Task.objects.count() == 1


def test_a_parked_task_comes_back_with_room():
    task = TaskFactory(n_wanted=1, n_taken=1)
    tasks.park(task_id=task.pk, reason="unsafe", actor="user:m")
    with pytest.raises(TaskClosed):
        tasks.park(task_id=task.pk, reason="unsafe", actor="user:m")
    back = tasks.unpark(task_id=task.pk, actor="user:m")
    assert (back.state, back.park_reason, back.n_wanted) == ("open", "", 2)


def test_gold_needs_answers_and_never_comes_from_an_evaluation_video():
    gold = tasks.make_gold(task_id=TaskFactory().pk, references=["a dog", "a hound"], actor="m")
    assert gold.is_gold
    assert gold.references.count() == 2
    with pytest.raises(InvalidInput):
        tasks.make_gold(task_id=TaskFactory().pk, references=[], actor="m")
    held_out = TaskFactory(video__is_evaluation=True)
    with pytest.raises(Conflict):
        tasks.make_gold(task_id=held_out.pk, references=["a dog"], actor="m")
    begun = AnnotationFactory().task
    with pytest.raises(Conflict):
        tasks.make_gold(task_id=begun.pk, references=["a dog"], actor="m")
