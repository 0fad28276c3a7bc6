"""Webhooks in: only what is signed, only once, and on disk before the answer."""

import base64
import hmac
import json
import threading
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from standardwebhooks import Webhook

from examples.captioner.receivers import LARGEST_BODY, Receiver, Unverified, verify
from examples.captioner.runs import Runs
from examples.captioner.settings import Project, Settings
from tests.examples.portals import SECRET, TOKEN

OTHER_SECRET = "whsec_" + "QUJD" * 10
EVENT = {"type": "ping", "timestamp": "2026-01-01T00:00:00Z", "data": {}}


def signed(body: bytes, *, secret: str = SECRET, name: str = "msg_1", minutes: float = 0) -> dict:
    moment = datetime.now(UTC) + timedelta(minutes=minutes)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, moment, body.decode()),
    }


@pytest.fixture
def receiver(portal, tmp_path):
    projects = (
        Project("one", portal.url, TOKEN, SECRET),
        Project("two", portal.url, TOKEN, OTHER_SECRET),
    )
    server = Receiver(Settings(projects, tmp_path / "captioner", 0))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.worker.stop()
    server.worker.join(30)
    server.server_close()
    thread.join()


def post(receiver, body: bytes, headers: dict) -> httpx.Response:
    return httpx.post(
        f"http://127.0.0.1:{receiver.server_port}/hook", content=body, headers=headers
    )


def test_the_secret_tells_the_project():
    body = json.dumps(EVENT).encode()
    secrets = {"one": SECRET, "two": OTHER_SECRET}

    assert verify(secrets, signed(body), body) == ("one", EVENT)
    assert verify(secrets, signed(body, secret=OTHER_SECRET), body) == ("two", EVENT)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-signature": "garbage"},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,a,b"},
        {"webhook-signature": "v1,é"},
        {"webhook-signature": ""},
        {"webhook-timestamp": "1_600_000_000"},
        {"webhook-timestamp": "1600000000.9"},
        {"webhook-timestamp": "nan"},
        {"webhook-timestamp": "²"},
        {"webhook-timestamp": ""},
        {"webhook-id": "msg_2"},
    ],
)
def test_a_header_that_does_not_fit_is_refused(change):
    body = json.dumps(EVENT).encode()

    with pytest.raises(Unverified):
        verify({"one": SECRET}, signed(body) | change, body)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_every_header_is_needed(missing):
    body = json.dumps(EVENT).encode()
    headers = {name: value for name, value in signed(body).items() if name != missing}

    with pytest.raises(Unverified):
        verify({"one": SECRET}, headers, body)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_an_old_or_a_future_signature_is_refused(minutes):
    body = json.dumps(EVENT).encode()

    with pytest.raises(Unverified):
        verify({"one": SECRET}, signed(body, minutes=minutes), body)


@pytest.mark.parametrize("body", [b"not json", b"[1]", b"3", b"null"])
def test_a_signed_body_that_is_no_event_is_refused(body):
    with pytest.raises(Unverified):
        verify({"one": SECRET}, signed(body), body)


def test_a_changed_body_is_refused_and_leaves_nothing(receiver, portal):
    body = json.dumps(portal.retraining("run-1", [])).encode()

    assert post(receiver, body + b" ", signed(body)).status_code == 401
    assert list(receiver.runs.all()) == []


def test_another_event_is_taken_and_does_nothing(receiver):
    body = json.dumps(EVENT).encode()

    assert post(receiver, body, signed(body)).status_code == 202
    assert list(receiver.runs.all()) == []


@pytest.mark.parametrize("event", [{}, {"data": {}}, {"data": 3}, {"data": {"run_id": "r"}}])
def test_a_request_that_lacks_what_a_run_needs_is_refused_with_its_name(receiver, event):
    body = json.dumps({"type": "retraining.requested", **event}).encode()

    assert post(receiver, body, signed(body)).status_code == 400
    assert list(receiver.runs.all()) == []


def test_a_body_too_large_and_one_without_length_are_refused_unread(receiver):
    assert post(receiver, b"x" * (LARGEST_BODY + 1), {}).status_code == 413
    url = f"http://127.0.0.1:{receiver.server_port}/"
    assert httpx.post(url, content=iter([b"{}"])).status_code == 411


def test_it_says_that_it_listens(receiver):
    assert httpx.get(f"http://127.0.0.1:{receiver.server_port}/").json() == {"status": "listening"}


def test_the_same_webhook_twice_is_one_run(receiver, portal):
    event = portal.retraining("run-1", [{"task_id": 1, "video": {}, "caption": "a cat"}])
    body = json.dumps(event).encode()
    answers = [post(receiver, body, signed(body)).status_code for _ in range(3)]
    portal.wait_for("run-1", "succeeded")

    assert answers == [202, 202, 202]
    assert [run.run_id for run in receiver.runs.all()] == ["run-1"]
    assert portal.said("run-1").count("accepted") == 1


def test_the_same_run_under_another_webhook_id_is_one_run(receiver, portal):
    event = portal.retraining("run-1", [{"task_id": 1, "video": {}, "caption": "a cat"}])
    body = json.dumps(event).encode()
    for name in ("msg_1", "msg_2"):
        post(receiver, body, signed(body, name=name))
    portal.wait_for("run-1", "succeeded")

    assert portal.said("run-1").count("succeeded") == 1


def test_the_answer_does_not_wait_for_the_training(receiver, portal):
    portal.gate.clear()
    event = portal.retraining("run-1", [{"task_id": 1, "video": {}, "caption": "a cat"}])
    body = json.dumps(event).encode()

    assert post(receiver, body, signed(body)).status_code == 202
    assert portal.reached.wait(20)
    assert "succeeded" not in portal.said("run-1")
    portal.gate.set()
    portal.wait_for("run-1", "succeeded")


def test_the_name_of_a_run_is_no_path(tmp_path):
    runs = Runs(tmp_path)
    event = {
        "type": "retraining.requested",
        "data": {
            "run_id": "../../etc",
            "manifest": {"url": "u", "sha256": "s"},
            "callback": {"url": "c"},
            "base_model": {"version": "v"},
        },
    }

    assert runs.accept("one", event) is not None
    assert runs.accept("one", event) is None
    assert runs.folder("../../etc").parent == tmp_path / "runs"
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


@pytest.mark.parametrize("form", ["{:_}", "{}.9", " {}", "{}e0"])
def test_a_timestamp_that_is_not_digits_is_refused_though_it_is_signed(form):
    timestamp, body = form.format(int(time.time())), json.dumps(EVENT)
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = hmac.digest(key, f"msg_1.{timestamp.strip()}.{body}".encode(), "sha256")
    floored = hmac.digest(key, f"msg_1.{int(time.time())}.{body}".encode(), "sha256")
    signatures = " ".join(f"v1,{base64.b64encode(one).decode()}" for one in (digest, floored))
    headers = {"webhook-id": "msg_1", "webhook-signature": signatures}

    with pytest.raises(Unverified, match="not a number"):
        verify({"one": SECRET}, headers | {"webhook-timestamp": timestamp}, body.encode())
