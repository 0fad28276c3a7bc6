"""A run's page tells what happened, each attempt and report; the dashboard charts drift."""

from datetime import timedelta

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone

from portal.models import Callback, DeliveryAttempt, Surprise
from tests.factories import (
    ConsensusFactory,
    DeliveryFactory,
    EndpointFactory,
    EvaluationFactory,
    JobFactory,
    PredictionFactory,
)


def a_run(project, **fields):
    """A run of which everything is on record: announced, tried three times, reported on."""
    start = timezone.now() - timedelta(hours=2)
    job = JobFactory(project=project, created_at=start, heard_at=timezone.now(), **fields)
    delivery = DeliveryFactory(
        endpoint=EndpointFactory(project=project, url="https://trainer.example/hook"),
        event__type="retraining.requested",
        event__data={"run_id": str(job.uid)},
        event__created_at=start + timedelta(seconds=1),
        state="delivered",
        n_attempts=3,
    )
    for number, (status, error) in enumerate([(503, ""), (None, "did not answer"), (204, "")], 1):
        moment = start + timedelta(minutes=5 * number)
        DeliveryAttempt.objects.create(
            delivery=delivery, number=number, status=status, error=error, milliseconds=20,
            created_at=moment,
        )  # fmt: skip
    reports = [(1, "accepted", None, "counted"), (3, "running", 0.4, "counted")]
    reports += [(2, "running", 0.2, "overtaken"), (None, "checkpointing", None, "unknown")]
    for minute, (seq, status, progress, outcome) in enumerate(reports, 16):
        Callback.objects.create(
            job=job, endpoint=delivery.endpoint, webhook_id=f"m{minute}", body_sha256="0" * 64,
            seq=seq, status=status, progress=progress, outcome=outcome,
            created_at=start + timedelta(minutes=minute),
        )  # fmt: skip
    return job, delivery


@pytest.fixture
def drifted(project):
    """A project whose model has come to lie further from its people, sixty captions ago."""
    prediction = PredictionFactory(project=project)
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.beta(2, 6, 420), rng.beta(4, 5, 160)])
    for value in values:
        row = ConsensusFactory(task__project=project)
        Surprise.objects.create(
            project=project, version=prediction.version, consensus=row, value=value
        )
    return prediction.version


def page(client, row, name):
    return client.get(reverse(f"admin:portal_{name}_change", args=[row.pk])).content.decode()


def test_a_runs_page_shows_each_attempt_and_each_report_in_order(client, project):
    job, _ = a_run(project, state="running")
    text = page(client, job, "retrainjob")
    steps = [
        "requested", "run announced", "503 in 20 ms", "did not answer in 20 ms", "204 in 20 ms",
        "trainer: accepted", "message 3, 40%", "overtaken by a newer one", "checkpointing",
    ]  # fmt: skip
    places = [text.index(step) for step in steps]
    assert places == sorted(places)
    assert "1: 503 in 20 ms; 2: did not answer in 20 ms; 3: 204 in 20 ms" in text


def test_a_runs_page_says_why_it_ended_and_what_it_was_compared_to(client, project):
    error = {"code": "no_predictions", "message": "The trainer posted nothing."}
    job, _ = a_run(project, state="timed_out", error=error, finished_at=timezone.now())
    evaluation = EvaluationFactory(project=project, job=job)
    text = page(client, job, "retrainjob")
    assert "The trainer posted nothing. (no_predictions)" in text
    assert reverse("pages:evaluation", args=[evaluation.pk]) in text


def test_a_deliverys_page_shows_its_attempts(client, project):
    _, delivery = a_run(project)
    text = page(client, delivery, "delivery")
    assert "503 in 20 ms" in text
    assert "did not answer" in text


def test_a_foreign_run_has_no_page(client, foreign):
    for name in ("retrainjob", "delivery"):
        url = reverse(f"admin:portal_{name}_change", args=[foreign[name].pk])
        assert client.get(url).status_code == 404


def test_the_dashboard_charts_drift_and_says_what_follows(client, drifted):
    text = client.get("/admin/").content.decode()
    assert f"Drift of {drifted.name}" in text
    assert "Above the limit." in text
    assert "baseline 0.2" in text


def test_a_young_model_has_no_chart_yet(client, project):
    PredictionFactory(project=project)
    text = client.get("/admin/").content.decode()
    assert "400 more, and there is a baseline" in text
