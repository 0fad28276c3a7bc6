"""What opens a retraining by itself: count, schedule, drift; and what each batch holds."""

import json
from datetime import time, timedelta

import pytest
from django.utils import timezone

from portal.adapters import stores
from portal.algorithms import control
from portal.errors import Conflict, InvalidInput
from portal.models import Consensus, MiniBatch, Project, RetrainJob, Surprise
from portal.services import retraining, surprises
from tests.factories import (
    ConsensusFactory,
    PredictionFactory,
    ProjectFactory,
    TaskFactory,
    VersionFactory,
    VideoFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path) -> None:
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()


def a_project(**fields) -> Project:
    project = ProjectFactory(**{"batch_size": 100, "cooldown_hours": 0.0} | fields)
    PredictionFactory(project=project)
    return project


def settle(project: Project, n: int = 1, **fields) -> list[Consensus]:
    return ConsensusFactory.create_batch(n, task__project=project, **fields)


def due(project: Project) -> RetrainJob | None:
    return retraining.request_if_due(project_id=project.pk)


def finish(job: RetrainJob, ago: timedelta = timedelta(0)) -> None:
    moment = timezone.now() - ago
    RetrainJob.objects.filter(pk=job.pk).update(state="rejected", created_at=moment)


# --- schedule -------------------------------------------------------------------------------------


def test_a_schedule_retrains_on_what_is_new_and_waits_for_something_new():
    project = a_project(retrain_hours=24.0)
    Project.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert due(project) is None
    settle(project)
    job = due(project)
    assert (job.reason, job.batch.mini_batch_id) == ("schedule", "schedule-1")
    finish(job, timedelta(hours=23))
    settle(project)
    assert due(project) is None
    finish(job, timedelta(hours=24))
    assert due(project).reason == "schedule"


def test_a_weekly_turn_is_taken_once():
    now = timezone.now()
    ago = now - timedelta(minutes=30)
    project = a_project(retrain_weekday=ago.weekday(), retrain_at=time(ago.hour, ago.minute))
    settle(project)
    assert due(project) is None  # the project is younger than the turn
    Project.objects.update(created_at=now - timedelta(days=3))
    job = due(project)
    assert job.reason == "schedule"
    RetrainJob.objects.update(state="failed")
    settle(project)
    assert due(project) is None


def test_without_a_schedule_few_captions_start_nothing():
    project = a_project()
    Project.objects.update(created_at=timezone.now() - timedelta(days=365))
    settle(project, 3)
    assert due(project) is None


def test_the_cool_down_and_an_active_run_hold_every_trigger():
    project = a_project(retrain_hours=1.0, cooldown_hours=5.0)
    Project.objects.update(created_at=timezone.now() - timedelta(hours=9))
    settle(project)
    job = due(project)
    settle(project)
    RetrainJob.objects.update(created_at=timezone.now() - timedelta(hours=6))
    assert due(project) is None  # it still runs
    finish(job, timedelta(hours=4))
    assert due(project) is None  # it has only just run
    finish(job, timedelta(hours=6))
    assert due(project) is not None


# --- drift ----------------------------------------------------------------------------------------


@pytest.fixture
def small_window(monkeypatch) -> None:
    monkeypatch.setattr(control, "WINDOW", 4)


def points(project: Project, values: list[float]) -> None:
    version = project.versions.get()
    for value in values:
        (row,) = settle(project)
        Surprise.objects.create(project=project, version=version, consensus=row, value=value)


BASELINE = [0.2, 0.3, 0.2, 0.3]


def test_a_model_that_drifts_from_people_is_retrained(small_window):
    project = a_project()
    points(project, [*BASELINE, 0.3, 0.2, 0.3, 0.3])
    assert due(project) is None
    points(project, [0.8, 0.9, 0.8, 0.9])
    assert due(project).reason == "drift"


def test_the_same_drift_is_answered_once(small_window):
    project = a_project()
    points(project, BASELINE + [0.9] * 4)
    finish(due(project))
    settle(project)
    assert due(project) is None
    points(project, [0.9] * 4)
    assert due(project).reason == "drift"


def test_drift_is_not_watched_where_it_is_not_wanted(small_window):
    project = a_project(retrains_on_drift=False)
    points(project, BASELINE + [0.9] * 4)
    assert due(project) is None
    assert not surprises.owing().exists()


# --- measuring ------------------------------------------------------------------------------------


def predicted(project: Project, said: str, stands: str, **fields) -> Consensus:
    prediction = PredictionFactory(
        project=project, version=project.versions.get(), caption=said, **fields
    )
    return ConsensusFactory(
        task__project=project,
        task__video=prediction.video,
        task__prediction=prediction,
        caption=stands,
    )


def test_a_models_caption_is_measured_against_what_people_agreed_on(settings):
    settings.ENCODER = "none"
    project = a_project()
    same = predicted(project, "a dog runs", "a dog runs")
    other = predicted(project, "a red car stops", "two people are dancing")
    settle(project)  # nobody predicted it
    assert list(surprises.owing()) == [project]
    assert surprises.measure(project_id=project.pk) == 2
    assert surprises.measure(project_id=project.pk) == 0
    assert not surprises.owing().exists()
    assert same.surprise.value == pytest.approx(0.0, abs=1e-6)
    assert other.surprise.value > 0.8
    assert surprises.chart(version=project.versions.get()) is None


# --- batches --------------------------------------------------------------------------------------


def test_a_cumulative_batch_holds_everything_and_says_how_much_is_new():
    project = a_project(batch_size=2, batch_kind="cumulative")
    first = settle(project, 3)
    job = due(project)
    assert (job.batch.kind, job.batch.n_new, job.batch.items.count()) == ("cumulative", 3, 3)
    finish(job)
    settle(project, 2)
    again = due(project)
    retraining.freeze(job_id=again.pk)
    again.refresh_from_db()
    said = retraining.payload(again, "https://x.example")["data"]
    assert said["batch"] == {
        "id": "count-2",
        "kind": "cumulative",
        "new_count": 2,
        "total_count": 5,
    }
    assert said["manifest"]["records"] == 5
    lines = stores.configured().path(again.batch.manifest_key).read_text().splitlines()
    ids = [json.loads(line)["task_id"] for line in lines]
    assert len(set(ids)) == 5
    assert {row.task_id for row in first} <= set(ids)


def test_an_incremental_batch_never_holds_a_task_twice():
    project = a_project(batch_size=2)
    first = settle(project, 2)
    job = due(project)
    finish(job)
    settle(project, 3)
    items = due(project).batch.items
    assert items.count() == 3
    assert not items.filter(task__in=[row.task for row in first]).exists()


def test_a_batch_asked_for_by_hand_is_of_the_projects_kind():
    project = a_project(batch_kind="cumulative")
    version = project.versions.get()
    settle(project, 2)
    ask = {"project": project, "version": version}
    job = retraining.request_now(mini_batch_id="m1", **ask)
    with pytest.raises(Conflict, match="being retrained"):
        retraining.request_now(mini_batch_id="m2", **ask)
    finish(job)
    with pytest.raises(Conflict, match="used in a batch"):
        retraining.request_now(mini_batch_id="m2", **ask)
    settle(project)
    with pytest.raises(Conflict, match="another id"):
        retraining.request_now(mini_batch_id="m1", **ask)
    with pytest.raises(InvalidInput):
        retraining.request_now(mini_batch_id="", **ask)
    assert retraining.request_now(mini_batch_id="m2", **ask).batch.items.count() == 3
    assert MiniBatch.objects.count() == 2


def test_a_project_is_retrained_once_at_a_time_whatever_the_version():
    project = a_project()
    rows = settle(project, 2)
    ask = {"project": project, "task_ids": [rows[0].task_id]}
    retraining.request(version=project.versions.get(), mini_batch_id="b1", **ask)
    other = VersionFactory(project=project)
    with pytest.raises(Conflict, match="being retrained"):
        retraining.request(version=other, mini_batch_id="b2", **ask)


# --- what is told ---------------------------------------------------------------------------------

DATA = {
    "run_id", "idempotency_key", "project", "reason", "base_model", "batch", "manifest",
    "excluded_eval", "callback",
}  # fmt: skip
LINE = {
    "task_id", "video", "start", "end", "language", "caption", "references", "consensus", "weight",
    "model_caption", "model_version", "uncertainty", "split", "tags",
}  # fmt: skip


def test_payload_and_manifest_have_the_keys_of_the_reference():
    project = a_project(batch_size=1)
    VideoFactory(project=project, is_evaluation=True)
    TaskFactory(project=project)
    settle(project)
    job = due(project)
    retraining.freeze(job_id=job.pk)
    job.refresh_from_db()
    data = retraining.payload(job, "https://x.example")["data"]
    line = json.loads(stores.configured().path(job.batch.manifest_key).read_text())
    assert set(data) == DATA
    assert set(data["base_model"]) == {"name", "version", "uri"}
    assert set(data["batch"]) == {"id", "kind", "new_count", "total_count"}
    assert set(data["manifest"]) == {"url", "expires_at", "sha256", "bytes", "records", "format"}
    assert data["excluded_eval"]["count"] == 1
    assert set(data["callback"]) == {"url", "token", "heartbeat_s"}
    assert set(line) == LINE
    # video_id beside the reference's four: predictions of the new version are posted by it.
    assert set(line["video"]) == {"video_id", "url", "sha256", "mime", "duration"}
    assert set(line["consensus"]) == {"confidence", "n_captions", "n_votes", "method"}
    assert line["weight"] == line["consensus"]["confidence"]
