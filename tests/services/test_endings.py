"""Runs that nobody moves: each leaves its state in bounded time, and says why."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.models import Delivery, RetrainJob
from portal.models.retraining import PREDICTION_PATIENCE
from portal.services import retraining, webhooks
from tests.factories import (
    DeliveryFactory,
    EndpointFactory,
    EvaluationFactory,
    JobFactory,
    PredictionFactory,
    VersionFactory,
)

pytestmark = pytest.mark.django_db


def state_of(job: RetrainJob) -> str:
    job.refresh_from_db()
    return job.state


def told(job: RetrainJob, **fields) -> Delivery:
    return DeliveryFactory(
        endpoint__project=job.project,
        event__type="retraining.requested",
        event__data={"run_id": str(job.uid)},
        **fields,
    )


def test_a_run_that_reaches_nobody_says_so_and_goes_on_when_it_is_sent_again():
    job = JobFactory(state="dispatching")
    delivery = told(job, state="exhausted")
    assert retraining.follow() == 1
    assert retraining.follow() == 0
    assert state_of(job) == "dispatch_failed"
    webhooks.redeliver(delivery=delivery)
    assert retraining.follow() == 1
    assert state_of(job) == "dispatching"


def test_a_run_that_is_on_its_way_to_one_of_two_is_still_dispatching():
    job = JobFactory(state="dispatching")
    told(job, state="exhausted")
    told(job, state="pending")
    assert retraining.follow() == 0


def test_a_run_nobody_listens_for_waits_for_an_endpoint(settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.1:9"]
    job = JobFactory(state="dispatching")
    told(job, state="pending", endpoint=EndpointFactory(project=job.project, is_active=False))
    retraining.follow()
    assert state_of(job) == "dispatch_failed"
    webhooks.add_endpoint(project=job.project, url="http://127.0.0.1:9/", events=[], actor="user:m")
    retraining.follow()
    assert state_of(job) == "dispatching"


@pytest.mark.parametrize("state", ["dispatching", "dispatch_failed"])
def test_a_run_that_no_trainer_accepts_ends_after_days(state):
    job = JobFactory(state=state, created_at=timezone.now() - timedelta(days=5, minutes=1))
    if state == "dispatching":
        told(job, state="delivered")
    retraining.follow()
    assert state_of(job) == "timed_out"
    assert job.error["code"] == "not_accepted"


def succeeded(ago: timedelta, **fields) -> RetrainJob:
    job = JobFactory(state="succeeded", heard_at=timezone.now() - ago, **fields)
    RetrainJob.objects.filter(pk=job.pk).update(new_version=VersionFactory(project=job.project))
    job.refresh_from_db()
    return job


def test_a_trainer_that_reports_success_and_predicts_nothing_is_timed_out_and_named():
    job = succeeded(PREDICTION_PATIENCE + timedelta(seconds=1))
    patient = succeeded(PREDICTION_PATIENCE - timedelta(seconds=60))
    assert retraining.follow() == 1
    assert (state_of(job), state_of(patient)) == ("timed_out", "succeeded")
    assert job.error["code"] == "no_predictions"
    assert job.new_version.name in job.error["message"]
    assert job.finished_at is not None


def test_a_version_that_has_spoken_is_compared_instead():
    job = succeeded(PREDICTION_PATIENCE + timedelta(days=1))
    assert not RetrainJob.objects.unevaluated().exists()
    PredictionFactory(project=job.project, version=job.new_version)
    assert retraining.follow() == 0
    assert list(RetrainJob.objects.unevaluated()) == [job]


def test_a_comparison_that_waits_for_somebody_shows_in_the_runs_state():
    job = succeeded(timedelta(0))
    EvaluationFactory(project=job.project, job=job, verdict="promote")
    assert retraining.follow() == 1
    assert retraining.follow() == 0
    assert state_of(job) == "evaluating"
