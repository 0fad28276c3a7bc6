"""Retraining over the API: triggered, announced, reported on, cancelled."""

import json
import time
import uuid

import pytest
from django.conf import settings

from portal.adapters import signatures
from portal.models import Delivery, RetrainJob
from portal.services import retraining, webhooks
from tests import factories
from tests.api.conftest import problem


@pytest.fixture
def version(project):
    return factories.VersionFactory(project=project, name="captioner-1")


@pytest.fixture
def tasks(project, version) -> list[int]:
    rows = factories.ConsensusFactory.create_batch(3, task__project=project)
    return [row.task_id for row in rows]


def trigger(api, tasks, batch="batch-1", **more):
    body = {"model_version": "captioner-1", "mini_batch_id": batch, "labeled_task_ids": tasks}
    return api.post("retraining/trigger", body | more)


def test_a_trigger_answers_the_job_and_the_payload(api, tasks) -> None:
    answer = trigger(api, tasks)

    assert answer.status_code == 201
    body = answer.json()
    assert body["job"]["n_tasks"] == 3
    assert set(body["webhook"]) == {"type", "timestamp", "data"}
    data = body["webhook"]["data"]
    assert data["run_id"] == body["job"]["id"]
    assert data["batch"]["id"] == "batch-1"
    assert data["manifest"]["records"] == 3
    assert data["callback"]["url"].endswith(f"/api/v1/retraining/{data['run_id']}/events")


def test_the_same_batch_again_is_the_same_job(api, tasks) -> None:
    first = trigger(api, tasks)
    again = trigger(api, tasks[::-1])

    assert again.status_code == 200
    assert again.json()["job"]["id"] == first.json()["job"]["id"]
    assert RetrainJob.objects.count() == 1


def test_other_tasks_under_a_known_batch_are_a_conflict(api, tasks) -> None:
    trigger(api, tasks)

    problem(trigger(api, tasks[:2]), 409)


def test_a_trigger_during_a_run_is_a_conflict(api, tasks) -> None:
    trigger(api, tasks)

    problem(trigger(api, tasks, batch="batch-2"), 409)
    assert RetrainJob.objects.count() == 1


def test_an_unknown_version_is_not_there(api, tasks) -> None:
    problem(trigger(api, tasks, model_version="captioner-9"), 404)


@pytest.mark.parametrize("ids", [[], ["1"], [1.0], [True], [-1], "1", None, [[1]], [2**63]])
def test_task_ids_are_a_list_of_numbers(api, version, ids) -> None:
    refused = problem(trigger(api, ids), 400)

    assert "labeled_task_ids" in str(refused["errors"]) or ids == [2**63]


def test_unknown_foreign_and_evaluation_tasks_are_named(api, tasks, project) -> None:
    foreign = factories.ConsensusFactory().task_id
    held = factories.ConsensusFactory(
        task__project=project,
        task__video=factories.VideoFactory(project=project, is_evaluation=True),
    ).task_id

    for pk in (foreign, 10**12, held):
        refused = problem(trigger(api, [*tasks, pk]), 400, field="labeled_task_ids")
        assert str(pk) in refused["detail"]
    assert not RetrainJob.objects.exists()


def test_a_task_without_a_final_consensus_is_a_conflict(api, version, project) -> None:
    task = factories.TaskFactory(project=project)

    assert str(task.pk) in problem(trigger(api, [task.pk]), 409)["detail"]


def test_the_manifest_is_read_by_token_or_signed_link_and_resumes(api, caller, tasks) -> None:
    job = trigger(api, tasks).json()["job"]
    retraining.freeze(job_id=RetrainJob.objects.get().pk)
    path = f"retraining/{job['id']}/manifest"

    whole = b"".join(api.get(path).streaming_content)
    shown = api.get(f"retraining/{job['id']}").json()
    link = shown["manifest_url"].removeprefix(settings.BASE_URL)
    signed = caller().get(link)
    rest = caller().get(link, headers={"Range": "bytes=10-"})

    assert len([json.loads(line) for line in whole.splitlines()]) == 3
    assert b"".join(signed.streaming_content) == whole
    assert signed.headers["ETag"] == f'"{shown["manifest_sha256"]}"'
    assert rest.status_code == 206
    assert b"".join(rest.streaming_content) == whole[10:]
    assert caller().get(link, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416
    problem(caller().get(link.replace("signature=", "signature=x")), 404)
    problem(caller().get(path), 401)


def test_a_manifest_that_is_not_written_yet_says_so(api, version, project) -> None:
    job = factories.JobFactory(project=project, version=version)

    problem(api.get(f"retraining/{job.uid}/manifest"), 409)


@pytest.fixture
def endpoint(project):
    return webhooks.add_endpoint(
        project=project, url="https://example.com/hook", events=["ping"], actor="test"
    )


@pytest.fixture(autouse=True)
def reachable(settings) -> None:
    settings.OUTBOUND_ALLOW = ["example.com:443"]


def report(api, job, secret, body, name="msg_1", **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    signed = signatures.sign(secret, name, int(time.time()), raw) | headers
    return api.post(f"retraining/{job['id']}/events", raw, headers=signed)


def test_signed_reports_move_the_job_on(caller, api, tasks, endpoint) -> None:
    job = trigger(api, tasks).json()["job"]
    trainer, secret = caller(), endpoint[1]

    accepted = report(trainer, job, secret, {"seq": 1, "status": "accepted"})
    running = report(
        trainer, job, secret, {"seq": 2, "status": "running", "progress": 0.5}, "msg_2"
    )
    replayed = report(trainer, job, secret, {"seq": 1, "status": "accepted"})
    done = {"seq": 3, "status": "succeeded", "model": {"name": "captioner", "version": "v2"}}
    finished = report(trainer, job, secret, done, "msg_3")

    assert accepted.json() == {"state": "accepted", "seq": 1}
    assert running.json() == {"state": "running", "seq": 2}
    assert replayed.json() == {"state": "running", "seq": 2}
    assert finished.json()["seq"] == 3
    assert api.get(f"retraining/{job['id']}").json()["new_version"] == "v2"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("webhook-signature", "garbage"),
        ("webhook-signature", "v1"),
        ("webhook-signature", "v1,a,b"),
        ("webhook-timestamp", "nan"),
        ("webhook-timestamp", "1e999"),
        ("webhook-timestamp", "0"),
        ("webhook-id", ""),
        ("webhook-id", "other"),
    ],
)
def test_a_report_with_a_broken_signature_is_refused(
    caller, api, tasks, endpoint, header, value
) -> None:
    job = trigger(api, tasks).json()["job"]

    answer = report(caller(), job, endpoint[1], {"seq": 1, "status": "accepted"}, **{header: value})

    problem(answer, 401, "signature_invalid")
    assert RetrainJob.objects.get().seq == 0


def test_an_unsigned_report_is_refused(caller, api, tasks, endpoint) -> None:
    job = trigger(api, tasks).json()["job"]

    problem(caller().post(f"retraining/{job['id']}/events", {"seq": 1, "status": "accepted"}), 401)


def test_another_projects_endpoint_reports_nothing(caller, api, tasks) -> None:
    job = trigger(api, tasks).json()["job"]
    _, foreign = webhooks.add_endpoint(
        project=factories.ProjectFactory(), url="https://example.com/", events=[], actor="test"
    )

    problem(report(caller(), job, foreign, {"seq": 1, "status": "accepted"}), 401)
    problem(report(caller(), {"id": uuid.uuid4()}, foreign, {"seq": 1, "status": "accepted"}), 404)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"seq":1,"seq":2,"status":"accepted"}',
        b'{"seq":1,"status":true}',
        b'{"seq":-1,"status":"accepted"}',
        b'{"seq":1,"status":"accepted","metrics":{"loss":NaN}}',
        b'{"seq":1,"status":"accepted","error":{"message":"\\u0000"}}',
        b'{"seq":1,"status":"accepted","surprise":1}',
        b"[]",
        b"\xff",
    ],
)
def test_a_signed_report_that_is_none_is_refused(caller, api, tasks, endpoint, body) -> None:
    job = trigger(api, tasks).json()["job"]

    problem(report(caller(), job, endpoint[1], body), 400)
    assert RetrainJob.objects.get().seq == 0


def test_a_known_id_with_another_body_is_a_conflict(caller, api, tasks, endpoint) -> None:
    job = trigger(api, tasks).json()["job"]
    report(caller(), job, endpoint[1], {"seq": 1, "status": "accepted"})

    problem(report(caller(), job, endpoint[1], {"seq": 2, "status": "running"}), 409)


def test_a_cancelled_job_stays_cancelled(caller, api, tasks, endpoint) -> None:
    job = trigger(api, tasks).json()["job"]
    path = f"retraining/{job['id']}/cancel"

    assert api.post(path).json()["state"] == "cancelled"
    assert api.post(path).json()["state"] == "cancelled"
    problem(report(caller(), job, endpoint[1], {"seq": 1, "status": "accepted"}), 409)


def test_retraining_is_for_managers_and_tokens_with_the_scope(
    caller, as_role, tasks, project
) -> None:
    _, secret = factories.token_and_secret(project=project, scopes=["annotate"])

    problem(trigger(caller(secret), tasks), 403)
    problem(trigger(as_role("expert"), tasks), 403)
    assert trigger(as_role("manager"), tasks).status_code == 201


def test_lists_and_deliveries_show_the_job(api, tasks, endpoint) -> None:
    trigger(api, tasks)

    assert api.get("retraining?mini_batch_id=batch-1").json()["results"][0]["n_tasks"] == 3
    assert Delivery.objects.count() == 0  # this endpoint wants pings only
