"""The whole loop over HTTP while web server and worker are killed: nothing acknowledged is lost."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from standardwebhooks.webhooks import Webhook

from portal.models import Annotation, Assignment, Consensus, Prediction, RetrainJob, Task
from portal.services import members, projects, webhooks
from tests.receivers import Receiver, receiving
from tests.waiting import PATIENCE, eventually

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("processes"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

N_VIDEOS, N_PEOPLE, N_KILLS = 12, 3, 6


class House:
    """A running portal: its address, and its parts to be killed."""

    def __init__(self, url: str, mark: str) -> None:
        self.url, self.mark = url, mark

    def kill(self, part: str) -> None:
        """Kill -9 every process of one part, as the kernel would."""
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                mine = (
                    entry.name.isdigit() and self.mark.encode() in (entry / "environ").read_bytes()
                )
                if mine and part.encode() in (entry / "cmdline").read_bytes():
                    os.kill(int(entry.name), signal.SIGKILL)

    def answers(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200
        return False


@contextmanager
def running(environment: dict[str, str], port: int, data_dir: Path) -> Iterator[House]:
    mark = f"{data_dir}-{time.monotonic_ns()}"
    own = {"PORT": str(port), "DATA_DIR": str(data_dir), "ENCODER": "none", "KILL_TEST": mark}
    manage = str(Path(settings.BASE_DIR) / "manage.py")
    log = (data_dir.parent / "portal.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, manage, "portal"],
        env=environment | own,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    house = House(f"http://127.0.0.1:{port}", f"KILL_TEST={mark}")
    try:
        assert eventually(house.answers), (data_dir.parent / "portal.log").read_text()
        yield house
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        log.close()


class Client:
    """An integration as it should be: it repeats what was not answered, under the same key."""

    def __init__(self, house: House, token: str) -> None:
        self.house = house
        self.headers = {"Authorization": f"Bearer {token}"}

    def post(self, path: str, body: object, key: str = "") -> httpx.Response:
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(httpx.TransportError):
                answer = httpx.post(
                    f"{self.house.url}/api/v1{path}", json=body, headers=headers, timeout=20
                )
                if answer.status_code < 500:
                    return answer
            assert time.monotonic() < deadline, f"{path} was never answered"
            time.sleep(0.2)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.house.url}/api/v1{path}", headers=self.headers, timeout=20)


def label(client: Client, annotator_id: str) -> dict[int, str]:
    """Caption everything that is given; return the acknowledged captions by their id."""
    acknowledged = {}
    while True:
        given = client.post("/tasks/assign", {"annotator_id": annotator_id})
        if given.status_code == 204:
            return acknowledged
        task, lease = given.json()["task_id"], given.json()["lease"]["token"]
        caption = f"a red ball number {task} moves left"
        body = {"annotator_id": annotator_id, "caption": caption, "lease": lease, "seconds": 5}
        stored = client.post(f"/tasks/{task}/annotations", body, key=f"{annotator_id}-{task}")
        if stored.status_code == 201:
            acknowledged[stored.json()["id"]] = caption


class Trainer:
    """Checks each delivery by the independent library, and reports back as a trainer does."""

    def __init__(self, client: Client, secret: str, receiver: Receiver) -> None:
        self.client, self.webhook, self.receiver = client, Webhook(secret), receiver

    def ids(self) -> set[str]:
        """The ids under which deliveries came, each signature checked."""
        for got in self.receiver.got:
            self.webhook.verify(got.body, got.headers)
        return {got.headers["webhook-id"] for got in self.receiver.got}

    def train(self) -> None:
        assert eventually(self.ids)
        data = json.loads(self.receiver.got[0].body)["data"]
        manifest = httpx.get(data["manifest"]["url"], timeout=20)
        lines = [json.loads(line) for line in manifest.text.splitlines()]
        assert len(lines) == data["manifest"]["records"]
        self.report(data, 1, {"status": "running", "progress": 0.5})
        retrained = [
            {
                "video_id": line["video"]["video_id"],
                "caption": line["caption"],
                "model_version": "m2",
                "uncertainty": 0.1,
            }
            for line in lines
        ]
        self.client.post("/predictions/bulk", retrained)
        model = {"name": "m2", "version": "m2"}
        self.report(data, 2, {"status": "succeeded", "model": model})

    def report(self, data: dict, seq: int, news: dict) -> None:
        text = json.dumps({"seq": seq, **news})
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            now = datetime.now(UTC)
            message_id = f"{data['run_id']}-{seq}"
            headers = {
                "content-type": "application/json",
                "webhook-id": message_id,
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": self.webhook.sign(message_id, now, text),
            }
            with suppress(httpx.TransportError):
                answer = httpx.post(
                    data["callback"]["url"], content=text, headers=headers, timeout=20
                )
                if answer.status_code < 500:
                    assert answer.status_code == 200, answer.text
                    return
            time.sleep(0.2)
        raise AssertionError("The callback was never answered.")


def kill_in_turn(house: House, stop: threading.Event) -> None:
    for number in range(N_KILLS):
        if stop.wait(1.5):
            return
        house.kill(("gunicorn", "worker")[number % 2])


def test_the_loop_completes_and_nothing_acknowledged_is_lost(
    child_environment, free_port, tmp_path
):
    project = projects.create(
        slug="kills",
        name="Kills",
        gold_first=0,
        uncertain_share=1.0,
        evaluation_share=0.0,
        registers_annotators=True,
    )
    _, token = members.issue_token(
        project=project, name="t", scopes=["ingest", "annotate", "retrain", "finalise"]
    )
    with receiving() as receiver:
        settings.OUTBOUND_ALLOW = receiver.allow
        _, secret = webhooks.add_endpoint(
            project=project, url=receiver.url, events=["retraining.requested"], actor="test"
        )
        allowed = child_environment | {"OUTBOUND_ALLOW": receiver.allow[0]}
        # The endpoint's secret is encrypted with the keys of this very folder.
        with running(allowed, free_port(), Path(settings.DATA_DIR)) as house:
            client = Client(house, token)
            run_loop(house, client, Trainer(client, secret, receiver))


def run_loop(house: House, client: Client, trainer: Trainer) -> None:
    posted = {
        client.post(
            "/predictions",
            {"video_id": f"v{n}", "caption": "a ball", "uncertainty": 0.9, "model_version": "m1"},
            key=f"prediction-{n}",
        ).json()["id"]
        for n in range(N_VIDEOS)
    }
    assert eventually(lambda: Task.objects.count() == N_VIDEOS)
    stop = threading.Event()
    with ThreadPoolExecutor(N_PEOPLE + 1) as pool:
        killer = pool.submit(kill_in_turn, house, stop)
        work = [pool.submit(label, client, f"person-{n}") for n in range(N_PEOPLE)]
        acknowledged = {pk: text for done in work for pk, text in done.result().items()}
        stop.set()
        killer.result()
    assert posted <= set(Prediction.objects.values_list("pk", flat=True))
    stored = dict(Annotation.objects.filter(pk__in=acknowledged).values_list("pk", "text"))
    assert stored == acknowledged
    settle_and_compare(house, client, trainer)


def settle_and_compare(house: House, client: Client, trainer: Trainer) -> None:
    # A lease whose answer was lost with the process is still running: it ends, and is asked again.
    Assignment.objects.filter(state="leased").update(expires_at=datetime.now(UTC))
    for n in range(N_PEOPLE):
        label(client, f"person-{n}")
    assert eventually(lambda: Consensus.objects.final().count() == N_VIDEOS)
    assert not Task.objects.unsettled().exists()
    ids = sorted(Task.objects.values_list("pk", flat=True))
    order = {"model_version": "m1", "mini_batch_id": "b", "labeled_task_ids": ids}
    house.kill("worker")
    assert client.post("/retraining/trigger", order).status_code in (200, 201)
    house.kill("worker")
    trainer.train()
    house.kill("worker")
    closed = ("promoted", "rejected", "inconclusive")
    assert eventually(lambda: RetrainJob.objects.filter(state__in=closed).exists())
    answer = client.get(f"/tasks/{ids[0]}/evaluation")
    assert answer.status_code == 200, answer.text
    assert answer.json()["in_training"] is True
    assert re.fullmatch(r"a red ball number \d+ moves left", answer.json()["retrained_caption"])
    assert len(trainer.ids()) == 1  # delivered at least once, always under one id
