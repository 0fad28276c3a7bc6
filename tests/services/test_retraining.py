"""Retraining: who may ask for it, what a trainer is told, what its reports do."""

import hashlib
import io
import json
import threading
from datetime import timedelta

import pytest
from django.conf import settings as portal_settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from portal.adapters import signatures, stores
from portal.errors import Conflict, InvalidInput, NotFound, SignatureInvalid
from portal.models import (
    BatchItem,
    Callback,
    Consensus,
    Delivery,
    Event,
    MiniBatch,
    ModelVersion,
    Project,
    RetrainJob,
)
from portal.services import projects, retraining, videos
from tests.factories import (
    BatchFactory,
    ConsensusFactory,
    EndpointFactory,
    JobFactory,
    PredictionFactory,
    ProjectFactory,
    TaskFactory,
    VersionFactory,
    VideoFactory,
)

pytestmark = pytest.mark.django_db
BASE = "https://portal.example"


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path) -> None:
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()


def settled(project: Project, n: int = 1, **fields) -> list[int]:
    rows = ConsensusFactory.create_batch(n, task__project=project, **fields)
    return [row.task_id for row in rows]


def asked(project: Project, task_ids: list[int], batch: str = "b1", **fields):
    version = fields.pop("version", None) or VersionFactory(project=project)
    return retraining.request(
        project=project, version=version, mini_batch_id=batch, task_ids=task_ids, **fields
    )


def frozen(n: int = 2, **fields) -> RetrainJob:
    project = ProjectFactory()
    EndpointFactory(project=project)
    job, _ = asked(project, settled(project, n), **fields)
    retraining.freeze(job_id=job.pk)
    job.refresh_from_db()
    return job


def content_of(job: RetrainJob) -> bytes:
    return stores.configured().path(job.batch.manifest_key).read_bytes()


def lines_of(job: RetrainJob) -> list[dict]:
    return [json.loads(line) for line in content_of(job).splitlines()]


def report(job: RetrainJob, seq: int, status: str, webhook_id: str = "", **news) -> RetrainJob:
    body = json.dumps({"seq": seq, "status": status, **news}).encode()
    endpoint = job.project.endpoints.first() or EndpointFactory(project=job.project)
    taken = retraining.record_callback(
        job=job, endpoint=endpoint, webhook_id=webhook_id or f"m{seq}", body=body
    )
    return taken.job


# --- asking ---------------------------------------------------------------------------------------


def test_the_same_batch_with_the_same_tasks_is_the_same_job():
    project = ProjectFactory()
    version, tasks = VersionFactory(project=project), settled(project, 3)
    job, is_new = asked(project, tasks, version=version)
    again, is_new_again = asked(project, [*reversed(tasks), tasks[0]], version=version)
    assert (is_new, is_new_again) == (True, False)
    assert again == job
    assert BatchItem.objects.count() == 3


def test_a_known_batch_with_other_tasks_or_another_version_is_a_conflict():
    project = ProjectFactory()
    version, tasks = VersionFactory(project=project), settled(project, 2)
    asked(project, tasks, version=version)
    for other in ({"task_ids": tasks[:1], "version": version}, {"task_ids": tasks}):
        with pytest.raises(Conflict):
            asked(project, **other)
    assert RetrainJob.objects.count() == 1


def test_a_version_in_retraining_is_a_conflict_until_the_job_ends():
    project = ProjectFactory()
    version, tasks = VersionFactory(project=project), settled(project, 2)
    job, _ = asked(project, tasks[:1], "b1", version=version)
    with pytest.raises(Conflict, match=str(job.uid)):
        asked(project, tasks[1:], "b2", version=version)
    retraining.cancel(job=job, actor="user:m")
    assert asked(project, tasks[1:], "b2", version=version)[1]


def test_the_database_itself_refuses_a_second_open_job_of_one_version():
    job = JobFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        JobFactory(project=job.project, version=job.version)


def test_the_database_itself_refuses_an_evaluation_video_in_a_batch():
    consensus = ConsensusFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        BatchItem.objects.create(
            batch=BatchFactory(), task=consensus.task, consensus=consensus, is_evaluation_video=True
        )


def test_unknown_foreign_and_held_out_tasks_are_named_and_change_nothing():
    project = ProjectFactory()
    fine = settled(project)
    held_out = settled(project, task__video=VideoFactory(project=project, is_evaluation=True))
    for bad in ([999_999], settled(ProjectFactory()), held_out):
        with pytest.raises(InvalidInput, match=str(bad[0])) as refused:
            asked(project, fine + bad)
        assert refused.value.errors[0]["field"] == "labeled_task_ids"
    assert not MiniBatch.objects.exists()


def test_a_task_without_a_final_consensus_is_a_conflict_that_names_it():
    project = ProjectFactory()
    open_task = TaskFactory(project=project)
    interim = settled(project, status="interim")
    for bad in (open_task.pk, interim[0]):
        with pytest.raises(Conflict, match=str(bad)):
            asked(project, [bad, *settled(project)])
    assert not MiniBatch.objects.exists()


@pytest.mark.parametrize("tasks", [[], list(range(1, 10_002))])
def test_an_empty_or_endless_batch_is_refused(tasks):
    with pytest.raises(InvalidInput):
        asked(ProjectFactory(), tasks)


def test_a_retired_version_is_not_retrained():
    project = ProjectFactory()
    with pytest.raises(Conflict, match="retired"):
        asked(project, settled(project), version=VersionFactory(project=project, state="retired"))


def test_a_persons_decision_weighs_fully_and_a_consensus_its_confidence():
    project = ProjectFactory()
    sure = settled(project, status="decided", confidence=0.3)
    guess = settled(project, confidence=0.3)
    asked(project, sure + guess)
    weights = dict(BatchItem.objects.values_list("task_id", "weight"))
    assert (weights[sure[0]], weights[guess[0]]) == (1.0, 0.3)


# --- by count ---------------------------------------------------------------------------------


def due_project(**fields) -> Project:
    fields = {"batch_size": 3, "cooldown_hours": 0.0} | fields
    project = ProjectFactory(**fields)
    PredictionFactory(project=project)
    return project


def test_enough_new_captions_open_a_job_on_all_of_them_once():
    project = due_project()
    settled(project, 2)
    assert retraining.request_if_due(project_id=project.pk) is None
    tasks = settled(project, 2)
    job = retraining.request_if_due(project_id=project.pk)
    assert job.reason == "count"
    assert job.version == ModelVersion.objects.get()
    assert job.batch.items.count() == 4
    assert retraining.request_if_due(project_id=project.pk) is None
    assert set(tasks) <= set(job.batch.items.values_list("task_id", flat=True))


def test_captions_that_were_used_do_not_count_and_those_of_a_failed_run_do_again():
    project = due_project()
    settled(project, 3)
    job = retraining.request_if_due(project_id=project.pk)
    report(job, 1, "failed", error={"code": "oom", "message": "out of memory"})
    assert projects.progress(project=project).n_new_consensus == 3
    second = retraining.request_if_due(project_id=project.pk)
    assert second is not None
    assert second.batch.mini_batch_id != job.batch.mini_batch_id
    report(second, 1, "succeeded", "other", model={"version": "v2"})
    assert retraining.request_if_due(project_id=project.pk) is None
    assert projects.progress(project=project).n_new_consensus == 0


def test_between_two_retrainings_lies_the_pause():
    project = due_project(cooldown_hours=1.0)
    settled(project, 3)
    job = retraining.request_if_due(project_id=project.pk)
    report(job, 1, "succeeded", model={"version": "v2"})
    settled(project, 3)
    assert retraining.request_if_due(project_id=project.pk) is None
    RetrainJob.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    assert retraining.request_if_due(project_id=project.pk) is not None


def test_held_out_videos_neither_count_nor_train():
    project = due_project()
    for _ in range(4):
        settled(project, task__video=VideoFactory(project=project, is_evaluation=True))
    settled(project, 2)
    assert retraining.request_if_due(project_id=project.pk) is None
    settled(project, 1)
    assert retraining.request_if_due(project_id=project.pk).batch.items.count() == 3


def test_the_promoted_version_is_retrained_before_any_newer_one():
    project = due_project()
    current = VersionFactory(project=project, state="current")
    PredictionFactory(project=project)
    settled(project, 3)
    assert retraining.request_if_due(project_id=project.pk).version == current


def test_nothing_is_retrained_before_a_model_has_spoken():
    project = ProjectFactory(batch_size=1, cooldown_hours=0.0)
    settled(project, 2)
    assert retraining.request_if_due(project_id=project.pk) is None


def test_what_is_due_is_found_without_an_announcement():
    project = due_project()
    settled(project, 3)
    settled(due_project(), 2)
    assert retraining.request_all_due() == 1
    assert retraining.request_all_due() == 0
    assert RetrainJob.objects.get().project == project


@pytest.mark.django_db(transaction=True)
def test_many_triggers_at_once_open_one_job():
    project = due_project()
    settled(project, 3)
    opened, start = [], threading.Barrier(8)

    def trigger() -> None:
        start.wait()
        try:
            opened.append(retraining.request_if_due(project_id=project.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=trigger) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 8
    assert sum(job is not None for job in opened) == 1
    assert RetrainJob.objects.count() == 1


# --- freezing ---------------------------------------------------------------------------------


def test_the_written_manifest_is_what_the_payload_says():
    job = frozen(3)
    said = retraining.payload(job=job, base_url=BASE)["data"]
    content = content_of(job)
    assert hashlib.sha256(content).hexdigest() == said["manifest"]["sha256"]
    assert len(content) == said["manifest"]["bytes"]
    assert said["manifest"]["records"] == 3 == len(lines_of(job))
    assert said["idempotency_key"] == f"{job.uid}:{said['manifest']['sha256']}"
    assert said["callback"]["url"] == f"{BASE}/api/v1/retraining/{job.uid}/events"
    assert said["batch"] == {"id": "b1", "kind": "incremental", "new_count": 3, "total_count": 3}


def test_the_payload_before_the_file_is_written_is_that_after_it():
    project = ProjectFactory()
    job, _ = asked(project, settled(project, 2))
    before = retraining.payload(job=job, base_url=BASE)["data"]["manifest"]
    retraining.freeze(job_id=job.pk)
    job = RetrainJob.objects.get()
    after = retraining.payload(job=job, base_url=BASE)["data"]["manifest"]
    assert (before["sha256"], before["bytes"]) == (after["sha256"], after["bytes"])


def test_a_manifest_line_says_what_stands_for_the_clip_and_what_the_model_said():
    project = ProjectFactory(language="de")
    prediction = PredictionFactory(project=project, caption="ein Hund", uncertainty=0.4)
    consensus = ConsensusFactory(
        task__project=project,
        task__video=prediction.video,
        task__prediction=prediction,
        task__start_ms=500,
        task__end_ms=1500,
        caption="eine Katze läuft",
        candidates=[{"caption": "eine Katze läuft"}, {"caption": "Katze rennt"}],
        inputs={"votes": [{"vote": 1}]},
    )
    job, _ = asked(project, [consensus.task_id])
    retraining.freeze(job_id=job.pk)
    (line,) = lines_of(RetrainJob.objects.get())
    assert (line["caption"], line["language"], line["split"]) == ("eine Katze läuft", "de", "train")
    assert line["references"] == ["eine Katze läuft", "Katze rennt"]
    assert (line["start"], line["end"]) == (0.5, 1.5)
    assert (line["model_caption"], line["uncertainty"]) == ("ein Hund", 0.4)
    assert (line["consensus"]["n_captions"], line["consensus"]["n_votes"]) == (2, 1)
    assert line["video"]["url"] is None  # no file lies behind it


def test_freezing_twice_announces_once_and_keeps_one_file():
    job = frozen()
    before = list(portal_settings.FILES_DIR.rglob("*.jsonl"))
    retraining.freeze(job_id=job.pk)
    assert job.state == "dispatching"
    assert Event.objects.filter(type="retraining.requested").count() == 1
    assert Delivery.objects.count() == 1
    assert list(portal_settings.FILES_DIR.rglob("*.jsonl")) == before
    assert len(before) == 1


def test_a_freeze_that_lost_the_race_leaves_no_file(monkeypatch):
    project = ProjectFactory()
    job, _ = asked(project, settled(project))

    class Slow(stores.LocalStore):
        def incoming(self, **fields):
            RetrainJob.objects.filter(pk=job.pk).update(state="cancelled")
            return super().incoming(**fields)

    monkeypatch.setattr(stores, "configured", lambda: Slow(portal_settings.FILES_DIR))
    retraining.freeze(job_id=job.pk)
    assert list(portal_settings.FILES_DIR.rglob("*.jsonl")) == []
    assert not Event.objects.exists()


def test_a_video_erased_before_the_freeze_is_in_no_manifest():
    project = ProjectFactory()
    tasks = settled(project, 2)
    job, _ = asked(project, tasks)
    videos.erase(video=Consensus.objects.get(task_id=tasks[0]).task.video, actor="user:m")
    retraining.freeze(job_id=job.pk)
    assert [line["task_id"] for line in lines_of(RetrainJob.objects.get())] == tasks[1:]


def test_a_batch_whose_every_video_was_erased_fails_and_says_so():
    project = ProjectFactory()
    (task_id,) = settled(project)
    job, _ = asked(project, [task_id])
    videos.erase(video=Consensus.objects.get().task.video, actor="user:m")
    retraining.freeze(job_id=job.pk)
    job.refresh_from_db()
    assert (job.state, job.error["code"]) == ("failed", "empty_batch")


def test_a_manifest_link_is_signed_for_its_own_path_and_lasts_a_week():
    job = frozen()
    link = retraining.manifest_link(job=job, base_url=BASE)
    path, _, query = link.removeprefix(BASE).partition("?")
    given = dict(pair.split("=") for pair in query.split("&"))
    key, days = portal_settings.FIELD_KEY, timezone.now().timestamp() + 6.9 * 86_400
    signatures.check_link(path, **given, key=key, now=days)
    with pytest.raises(SignatureInvalid):
        signatures.check_link(path, **given, key=key, now=days + 86_400)
    assert path == f"/api/v1/retraining/{job.uid}/manifest"


def test_clips_in_the_manifest_are_linked_with_the_hash_of_what_is_served(settings):
    settings.BASE_URL = BASE
    project = ProjectFactory()
    key = stores.configured().put(io.BytesIO(b"clip"), suffix=".mp4", max_bytes=9).key
    video = VideoFactory(project=project, file_key=key, sha256="ab" * 32)
    job, _ = asked(project, settled(project, task__video=video))
    retraining.freeze(job_id=job.pk)
    entry = lines_of(RetrainJob.objects.get())[0]["video"]
    path, _, query = entry["url"].removeprefix(BASE).partition("?")
    given = dict(pair.split("=") for pair in query.split("&"))
    week = timezone.now().timestamp() + 7 * 86_400
    signatures.check_link(path, **given, key=portal_settings.FIELD_KEY, now=week)
    assert entry["sha256"] == "ab" * 32


# --- reports ------------------------------------------------------------------------------------


def test_reports_move_a_job_to_its_new_version():
    job = frozen()
    report(job, 1, "accepted", external_run={"system": "mlflow", "run_id": "7"})
    report(job, 2, "running", progress=0.5, metrics={"loss": 0.25})
    job = report(job, 3, "succeeded", model={"version": "v2", "sha256": "a" * 64, "uri": "s3://m"})
    assert (job.state, job.progress, job.seq) == ("succeeded", 1.0, 3)
    assert job.metrics == {"loss": 0.25}
    assert job.external_run["system"] == "mlflow"
    assert (job.new_version.name, job.new_version.base) == ("v2", job.version)
    assert job.new_version.uri == "s3://m"


def test_a_replayed_report_changes_nothing():
    job = frozen()
    report(job, 1, "running", progress=0.5)
    again = report(job, 1, "running", progress=0.5)
    assert (again.seq, again.progress) == (1, 0.5)
    assert Callback.objects.count() == 1


def test_another_body_under_a_known_id_is_a_conflict():
    job = frozen()
    report(job, 1, "running", "m1")
    with pytest.raises(Conflict):
        report(job, 2, "running", "m1")


def test_reports_in_any_order_and_number_end_as_if_each_came_once():
    outcomes = set()
    for order in ((1, 2, 3), (3, 2, 1), (2, 3, 1, 2, 3, 1), (3, 3, 1, 2)):
        job = frozen(batch=f"b{order}")
        for seq in order:
            status = {1: "accepted", 2: "running", 3: "succeeded"}[seq]
            news = {"model": {"version": "v2"}} if seq == 3 else {"progress": 0.1}
            report(job, seq, status, **news)
        job.refresh_from_db()
        outcomes.add((job.state, job.seq, job.progress, job.new_version.name))
    assert outcomes == {("succeeded", 3, 1.0, "v2")}


def test_a_restarted_trainer_that_accepts_again_does_not_set_the_job_back():
    job = frozen()
    report(job, 1, "running", progress=0.6)
    assert report(job, 2, "accepted").state == "running"


@pytest.mark.parametrize("last", ["failed", "succeeded"])
def test_a_job_that_has_ended_takes_no_more_news_and_forgets_the_message(last):
    job = frozen()
    report(job, 2, last, model={"version": "v2"})
    with pytest.raises(Conflict):
        report(job, 3, "running")
    assert report(job, 1, "running").state == last
    assert set(Callback.objects.values_list("webhook_id", flat=True)) == {"m2", "m1"}


def test_another_projects_trainer_cannot_report():
    job = frozen()
    with pytest.raises(NotFound):
        retraining.record_callback(
            job=job, endpoint=EndpointFactory(), webhook_id="m", body=b'{"seq": 1}'
        )


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{", b'{"seq":1}', b'{"seq":0,"status":"running"}',
     b'{"seq":1.5,"status":"running"}', b'{"seq":true,"status":"running"}',
     b'{"seq":99999999999,"status":"running"}', b'{"seq":1,"status":7}', b'{"type":"a\\u0000"}',
     b'{"seq":1,"status":"running","progress":1.1}', b'{"seq":1,"status":"running","progress":NaN}',
     b'{"seq":1,"status":"running","metrics":{"loss":1e999}}',
     b'{"seq":1,"status":"running","metrics":{"lo\\u0000ss":1}}',
     b'{"seq":1,"status":"running","extra":1}', b'{"seq":1,"status":"succeeded"}',
     b'{"seq":1,"status":"succeeded","model":{"version":""}}',
     b'{"seq":1,"status":"failed","error":{"message":"\\u0000"}}',
     b'{"seq":1,"status":"failed","error":{"message":"\\ud800"}}', b"\xff\xfe", b"[" * 100_000],
)  # fmt: skip
def test_a_body_that_is_no_report_is_refused_and_changes_nothing(body):
    job = frozen()
    with pytest.raises(InvalidInput):
        retraining.record_callback(
            job=job, endpoint=job.project.endpoints.get(), webhook_id="m", body=body
        )
    job.refresh_from_db()
    assert (job.state, job.seq) == ("dispatching", 0)
    assert not Callback.objects.exists()


def test_a_retrained_model_is_not_its_own_base():
    job = frozen()
    with pytest.raises(InvalidInput):
        report(job, 1, "succeeded", model={"version": job.version.name})
    assert RetrainJob.objects.get().state == "dispatching"


# --- ends ---------------------------------------------------------------------------------------


def test_a_cancelled_job_is_not_delivered_and_frees_its_tasks():
    job = frozen()
    retraining.cancel(job=job, actor="user:m")
    assert retraining.cancel(job=job, actor="user:m").state == "cancelled"
    assert Delivery.objects.get().state == "cancelled"
    assert Consensus.objects.trainable().unbatched().count() == 2
    done = frozen(batch="b2")
    report(done, 1, "succeeded", model={"version": "v2"})
    with pytest.raises(Conflict):
        retraining.cancel(job=done, actor="user:m")


def test_a_trainer_silent_for_twice_its_interval_is_timed_out_and_a_living_one_is_not():
    silent, living = frozen(batch="a"), frozen(batch="b")
    for job in (silent, living):
        report(job, 1, "running")
    RetrainJob.objects.filter(pk=silent.pk).update(heard_at=timezone.now() - timedelta(seconds=121))
    RetrainJob.objects.filter(pk=living.pk).update(heard_at=timezone.now() - timedelta(seconds=110))
    assert retraining.time_out_silent() == 1
    assert retraining.time_out_silent() == 0
    silent.refresh_from_db()
    assert (silent.state, silent.error["code"]) == ("timed_out", "silent")


def test_a_run_that_no_trainer_takes_for_days_ends():
    job = frozen()
    assert retraining.time_out_silent() == 0
    RetrainJob.objects.update(created_at=timezone.now() - timedelta(days=5, minutes=1))
    assert retraining.time_out_silent() == 1
    job.refresh_from_db()
    assert (job.state, job.error["code"]) == ("timed_out", "not_accepted")
    assert Delivery.objects.get().state == "cancelled"
