"""Accepting a prediction by REST."""

import pytest

from portal.models import Assignment, Verification
from tests.factories import (
    AnnotationFactory,
    AnnotatorFactory,
    AssignmentFactory,
    PredictionFactory,
    TaskFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def lease(project):
    """A lease under which somebody is shown what the model says."""
    prediction = PredictionFactory(project=project, caption="a red ball rolls left")
    task = TaskFactory(project=project, video=prediction.video, prediction=prediction)
    AnnotationFactory(task=task, text="a red ball is rolling left")
    person = AnnotatorFactory(project=project, annotator_id="ana")
    return AssignmentFactory(task=task, annotator=person, prediction_shown=prediction)


def accept(api, held, **body):
    return api.post(f"tasks/{held.task_id}/verifications", {"annotator_id": "ana"} | body)


def test_an_accept_is_created_under_the_running_lease(api, lease):
    answer = accept(api, lease, lease=str(lease.token), watched_seconds=3.9)
    assert answer.status_code == 201
    body = answer.json()
    assert body["id"] == Verification.objects.get().pk
    assert (body["annotator_id"], body["watched_seconds"]) == ("ana", 3.9)
    assert Assignment.objects.get(pk=lease.pk).state == "submitted"
    assert accept(api, lease, watched_seconds=3.9).status_code == 409


def test_a_refused_accept_says_what_is_missing(api, lease):
    answer = accept(api, lease, watched_seconds=1)
    assert answer.status_code == 400
    assert "3.2 s" in answer.text
    assert accept(api, lease).status_code == 400
    assert not Verification.objects.exists()
