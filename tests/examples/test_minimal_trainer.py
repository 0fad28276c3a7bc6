"""The smallest trainer: short, and it works."""

import json
import os
import subprocess
import sys

import httpx
import pytest

from tests.examples.portals import SECRET, TOKEN
from tests.examples.test_receivers import signed
from tests.examples.test_trainers import ROOT


@pytest.fixture
def trainer(portal, free_port):
    port = free_port()
    environment = os.environ | {
        "PORTAL_URL": portal.url,
        "PORTAL_TOKEN": TOKEN,
        "WEBHOOK_SECRET": SECRET,
        "PORT": str(port),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "examples.minimal_trainer"], env=environment, cwd=ROOT
    )
    # A connection is tried until one is taken: the process says nothing when it listens.
    with httpx.Client(transport=httpx.HTTPTransport(retries=8)) as http:
        http.post(f"http://127.0.0.1:{port}/", content=b"{}")
    yield f"http://127.0.0.1:{port}/"
    process.terminate()
    process.wait(20)


def test_it_is_at_most_sixty_lines():
    text = (ROOT / "examples" / "minimal_trainer.py").read_text()

    assert len(text.splitlines()) <= 60


def test_it_carries_out_a_run(portal, trainer):
    portal.tasks = [
        {"id": n, "video": {"video_id": f"clip-{n}"}, "start": None, "end": None} for n in (1, 2)
    ]
    event = portal.retraining("run-1", [{"task_id": 1, "video": {}, "caption": "a cat"}])
    body = json.dumps(event).encode()
    answer = httpx.post(trainer, content=body, headers=signed(body))
    portal.wait_for("run-1", "succeeded")

    assert answer.status_code == 202
    assert portal.said("run-1") == ["accepted", "succeeded"]
    assert {row["video_id"]: row["caption"] for row in portal.predictions} == {
        "clip-1": "a cat",
        "clip-2": "a cat",
    }


def test_it_refuses_what_is_not_signed(trainer):
    body = b'{"type": "retraining.requested"}'

    assert httpx.post(trainer, content=body, headers=signed(body + b" ")).status_code == 401
