"""The bridge to a Label Studio ML backend, against a real server that speaks its protocol."""

import json
import os
import subprocess
import sys
import threading

import httpx
import pytest

from examples.captioner.runs import Runs
from examples.captioner.settings import Misconfigured, Project
from examples.label_studio_bridge import bridges, configs
from examples.label_studio_bridge.__main__ import way_of
from examples.label_studio_bridge.bridges import Bridge, Way
from tests.examples.backends import running_backend
from tests.examples.portals import SECRET, TOKEN
from tests.examples.test_receivers import signed
from tests.examples.test_trainers import ROOT

CONFIG = configs.parse(configs.DEFAULT)


def line(n: int, caption: str) -> dict:
    return {
        "task_id": n,
        "video": {"video_id": f"clip-{n}", "url": f"https://x/{n}", "sha256": None},
        "start": 0.0,
        "end": None,
        "language": "en",
        "caption": caption,
        "references": [caption],
        "weight": 0.9,
        "model_caption": "a guess",
        "model_version": "captioner-v1",
        "uncertainty": 0.75,
        "split": "train",
        "tags": ["street"],
    }


@pytest.fixture
def event(portal):
    for n in (1, 2, 3, 4):
        video = {"video_id": f"clip-{n}", "media_url": f"https://x/{n}" if n < 4 else None}
        cut = {"start": 1.5, "end": 3.0} if n == 3 else {"start": 0.0, "end": None}
        portal.tasks.append({"id": n, "video": video} | cut)
    return portal.retraining("0123456789-run", [line(1, "a cat"), line(2, "a dog runs")])


@pytest.fixture
def carry_out(portal, event, tmp_path):
    """Carry the run out with a backend, and return the run."""

    def carried_out(backend, **fields):
        runs = Runs(tmp_path)
        run = runs.accept("default", event)
        project = Project("default", portal.url, TOKEN, SECRET)
        Bridge([project], runs, Way(backend.url, CONFIG, **fields)).carry_out(run)
        return run

    return carried_out


@pytest.mark.parametrize(
    ("generation", "train_by", "trained"),
    [
        (2, "auto", ["/webhook"]),
        (2, "start", ["/webhook"]),
        (2, "each", ["/webhook", "/webhook", "/webhook"]),
        (1, "auto", ["/train"]),
    ],
)
def test_a_batch_is_learnt_and_every_clip_is_predicted(
    portal, carry_out, monkeypatch, generation, train_by, trained
):
    monkeypatch.setattr("examples.label_studio_bridge.backends.POLL_SECONDS", 0.01)
    with running_backend(generation=generation) as backend:
        run = carry_out(backend, train_by=train_by)
    assert backend.paths == ["/setup", *trained, "/setup", "/predict"]
    assert portal.said(run.run_id) == ["accepted", "running", "running", "succeeded"]
    assert run.version == "label-studio-parrot-2-01234567"
    assert [(row["video_id"], row["caption"]) for row in portal.predictions] == [
        ("clip-1", "a cat"),
        ("clip-2", "a dog runs"),
        ("clip-3", "a cat"),
    ]
    assert {row["model_version"] for row in portal.predictions} == {run.version}
    assert portal.predictions[2]["start"] == 1.5
    assert portal.predictions[0]["uncertainty"] == pytest.approx(0.1)
    assert portal.callbacks[-1]["model"]["version"] == run.version
    assert portal.callbacks[-1]["metrics"]["n_predictions"] == 3


def test_the_batch_is_handed_over_as_label_studio_exports_it(carry_out, tmp_path):
    with running_backend() as backend:
        carry_out(backend)
    told = next(body for path, body in backend.calls if path == "/webhook")
    first, _ = told["annotations"]
    assert told["action"] == "START_TRAINING"
    assert first["data"]["video"] == "https://x/1"
    assert first["annotations"][0]["result"][0]["value"] == {"text": ["a cat"]}
    assert first["annotations"][0]["was_cancelled"] is False
    assert first["predictions"][0]["score"] == 0.25
    (kept,) = tmp_path.rglob("label-studio.json")
    assert json.loads(kept.read_text()) == told["annotations"]


@pytest.mark.parametrize("score", [None, 1.5, -0.1, True, "high"])
def test_a_score_that_is_no_confidence_is_left_out(portal, carry_out, score):
    with running_backend(score=score) as backend:
        carry_out(backend)
    assert all("uncertainty" not in row for row in portal.predictions)
    assert len(portal.predictions) == 3


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        ({"status": "DOWN"}, "/health says DOWN"),
        ({"fails_in": "/setup"}, "/setup answered 500"),
        ({"fails_in": "/webhook"}, "/webhook answered 500"),
        ({"fails_in": "/predict"}, "/predict answered 500"),
        ({"learns": False}, "no caption for any clip"),
    ],
)
def test_a_backend_that_fails_fails_the_run_and_says_why(portal, carry_out, trouble, message):
    with running_backend(**trouble) as backend:
        run = carry_out(backend)
    assert run.status == "failed"
    assert portal.callbacks[-1]["error"]["code"] == "backend_failed"
    assert message in portal.callbacks[-1]["error"]["message"]
    assert portal.predictions == []


def test_a_backend_that_is_not_there_fails_the_run(portal, carry_out):
    with running_backend() as backend:
        pass
    carry_out(backend)
    assert "ConnectError" in portal.callbacks[-1]["error"]["message"]


def test_while_the_backend_learns_the_portal_hears_signs_of_life(portal, carry_out, monkeypatch):
    monkeypatch.setattr(bridges, "SECONDS_BETWEEN_SIGNS", 0.02)
    with running_backend() as backend:
        backend.gate.clear()
        thread = threading.Thread(target=carry_out, args=[backend])
        thread.start()
        with portal.heard:
            assert portal.heard.wait_for(lambda: len(portal.callbacks) > 3, 20)
        backend.gate.set()
        thread.join()
    said = portal.said("0123456789-run")
    assert said[:4] == ["accepted", "running", "running", "running"]
    assert said[-1] == "succeeded"


def test_another_manifest_than_the_one_that_was_named_is_not_learnt(portal, carry_out, event):
    event["data"]["manifest"]["sha256"] = "0" * 64
    with running_backend() as backend:
        carry_out(backend)
    assert backend.calls == []
    assert portal.said("0123456789-run") == ["accepted", "failed"]


def test_the_program_carries_out_a_signed_webhook(portal, event, tmp_path, free_port):
    port = free_port()
    with running_backend() as backend:
        environment = os.environ | {
            "PORTAL_URL": portal.url,
            "PORTAL_TOKEN": TOKEN,
            "WEBHOOK_SECRET": SECRET,
            "ML_BACKEND_URL": backend.url,
            "DATA": str(tmp_path),
            "PORT": str(port),
        }
        command = [sys.executable, "-m", "examples.label_studio_bridge"]
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE)
        try:
            assert b"listening" in process.stdout.readline()
            body = json.dumps(event).encode()
            url = f"http://127.0.0.1:{port}/"
            assert httpx.post(url, content=body, headers=signed(body)).status_code == 202
            assert httpx.post(url, content=body + b" ", headers=signed(body)).status_code == 401
            portal.wait_for("0123456789-run", "succeeded")
        finally:
            process.terminate()
            process.wait(20)
            process.stdout.close()
    assert len(portal.predictions) == 3


# --- settings -------------------------------------------------------------------------------------


def test_a_configuration_of_ones_own_names_the_text_area_and_the_clip(tmp_path):
    path = tmp_path / "config.xml"
    path.write_text('<View><Video name="v" value="$clip"/><TextArea name="t" toName="v"/></View>')
    way = way_of({"ML_BACKEND_URL": "http://127.0.0.1:9090", "LABEL_CONFIG": str(path)})
    assert (way.config.from_name, way.config.to_name, way.config.field) == ("t", "v", "clip")


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "<View>",
        "<View/>",
        '<View><TextArea name="t"/></View>',
        '<View><TextArea name="t" toName="v"/></View>',
        '<View><Video name="v" value="clip"/><TextArea name="t" toName="v"/></View>',
        '<!DOCTYPE x [<!ENTITY a "b">]><View/>',
    ],
)
def test_a_configuration_without_captions_is_refused(xml):
    with pytest.raises(configs.NoCaptions):
        configs.parse(xml)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"ML_BACKEND_URL": "localhost:9090"},
        {"ML_BACKEND_URL": "http://x", "TRAIN": "hard"},
        {"ML_BACKEND_URL": "http://x", "TRAIN_SECONDS": "long"},
    ],
)
def test_settings_that_cannot_work_are_named(environment):
    with pytest.raises(Misconfigured):
        way_of(environment)
