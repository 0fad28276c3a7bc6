"""Webhooks under fire: a receiver that fails, senders that are killed, endpoints that hang.

T11: 10,000 events go to a receiver that answers 500 to 30 % of all requests, while the worker that
sends them is killed (SIGKILL) 50 times. Every event has to arrive, under its own id and with one
body, and the independent `standardwebhooks` library has to accept every single request. The retry
schedule and the time of an attempt are shortened by their settings; nothing else is changed.

T12: how long a healthy endpoint waits for its messages, alone, beside a dead and a hanging one, and
beside more hanging ones than the sender has threads.

    python -m benchmarks.webhooks [--events 10000] [--kills 50]
"""

import argparse
import hashlib
import os
import random
import socket
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from benchmarks import installations
from benchmarks.rows import Report

N_PROJECTS = 4
FAILING = 0.3
PATIENCE = 560.0  # seconds
STEPS = "0.2,0.3,0.5,0.5,1,1,1,1,2,2,2,2,2,2,2,2,2,2,2,2"


class Ledger:
    """What the receiver saw; its failures are drawn from a seed, one draw a request."""

    def __init__(self, failing: float, seed: int = 1) -> None:
        self.failing = failing
        self.rng = random.Random(seed)
        self.lock = threading.Lock()
        self.secrets: dict[str, str] = {}
        self.bodies: dict[str, set[str]] = defaultdict(set)
        self.arrived: dict[str, float] = {}
        self.n_requests = self.n_refused = self.n_repeated = self.n_failed = self.n_cut = 0

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """Check one request with the independent library and return the status to answer."""
        try:
            Webhook(self.secrets[path]).verify(body, headers)
        except (WebhookVerificationError, ValueError, KeyError):
            with self.lock:
                self.n_requests, self.n_refused = self.n_requests + 1, self.n_refused + 1
            return 401
        name = headers["webhook-id"]
        with self.lock:
            self.n_requests += 1
            self.bodies[name].add(hashlib.sha256(body).hexdigest())
            if self.rng.random() < self.failing:
                self.n_failed += 1
                return 500
            self.n_repeated += name in self.arrived
            self.arrived.setdefault(name, time.time())
        return 204


@contextmanager
def receiving(ledger: Ledger) -> Iterator[int]:
    """Run a receiver on loopback and return its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if len(body) < int(self.headers["Content-Length"]):
                ledger.n_cut += 1  # its sender was killed before the whole of it was sent
                return
            self.send_response_only(ledger.take(self.path, headers, body))
            self.end_headers()

    class Server(ThreadingHTTPServer):
        request_queue_size = 256
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A sender that was killed in the middle of a request is what this is about."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def add_project(slug: str, ledger: Ledger, *urls: str) -> int:
    """Make a project with these endpoints; the ledger learns the secrets."""
    from portal.models import Project
    from portal.services import webhooks

    project = Project.objects.create(slug=slug, name=slug)
    for url in urls:
        _, secret = webhooks.add_endpoint(project=project, url=url, events=[], actor="benchmark")
        ledger.secrets["/" + url.split("/", 3)[3]] = secret
    return project.pk


def record(project_id: int, n: int) -> None:
    """Record events in one transaction, as consensus does one by one."""
    from django.db import transaction

    from portal.models import Event

    with transaction.atomic():
        for place in range(n):
            data = {"task_id": place, "caption": "a small blue circle moves left", "é": "café"}
            Event.objects.record(project_id=project_id, type="consensus.reached", data=data)


def kill_senders(report: Report, ledger: Ledger, port: int, n_events: int, n_kills: int) -> None:
    """T11."""
    from portal.models import Delivery, Event

    each = n_events // N_PROJECTS
    for number in range(N_PROJECTS):
        pk = add_project(f"p{number}", ledger, f"http://127.0.0.1:{port}/p{number}")
        record(pk, each)
    wanted = {str(uid) for uid in Event.objects.values_list("uid", flat=True)}
    started, killed = time.monotonic(), 0
    sender = installations.worker()
    while len(ledger.arrived) < len(wanted) and time.monotonic() - started < PATIENCE:
        time.sleep(0.02)
        if sender.poll() is not None:
            raise SystemExit("The worker ended by itself; its log is above.")
        is_due = len(ledger.arrived) >= (killed + 1) * len(wanted) / (n_kills + 1)
        if killed < n_kills and is_due:
            sender.kill()
            sender.wait()
            killed += 1
            sender = installations.worker()
    recorded = Delivery.objects.exclude(state="delivered")
    while recorded.exists() and time.monotonic() - started < PATIENCE:
        time.sleep(0.2)
    sender.terminate()
    sender.wait()
    report.add("T11", "events recorded", len(wanted), least=n_events)
    report.add("T11", "senders killed with SIGKILL", killed, least=n_kills)
    report.add("T11", "events that did not arrive", len(wanted - set(ledger.arrived)), most=0)
    report.add("T11", "deliveries not recorded as delivered", recorded.count(), most=0)
    strange = set(ledger.bodies) - wanted
    report.add("T11", "ids that no event has", len(strange), most=0)
    unstable = sum(len(bodies) > 1 for bodies in ledger.bodies.values())
    report.add("T11", "ids that came with two bodies", unstable, most=0)
    report.add("T11", "requests the independent library refused", ledger.n_refused, most=0)
    report.add("T11", "requests in all", ledger.n_requests)
    report.add("T11", "requests cut off by a kill", ledger.n_cut)
    report.add("T11", "share of requests answered 500", ledger.n_failed / ledger.n_requests)
    report.add("T11", "events that arrived twice (a kill after the answer)", ledger.n_repeated)
    report.add("T11", "seconds", time.monotonic() - started)


def hanging_port() -> tuple[socket.socket, int]:
    """Listen on a port whose connections are taken by the kernel and answered by nobody."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(512)
    return listener, int(listener.getsockname()[1])


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_healthy(
    report: Report, ledger: Ledger, what: str, urls: list[str], seconds: float, *, is_bound: bool
) -> None:
    """Record events for a while and report how long the healthy endpoint waited for them."""
    from portal.models import Event, Project

    slug = f"t12-{Project.objects.count()}"
    pks = [add_project(f"{slug}-{i}", ledger, *urls[i : i + 20]) for i in range(0, len(urls), 20)]
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for pk in pks:
            record(pk, 1)
        time.sleep(0.2)
    time.sleep(6)
    rows = Event.objects.filter(project_id=pks[0]).values_list("uid", "created_at")
    now = datetime.now(UTC).timestamp()
    waits = [ledger.arrived.get(str(uid), now + 60) - at.timestamp() for uid, at in rows]
    p95 = float(np.quantile(waits, 0.95))
    report.add("T12", f"p95 of a healthy endpoint, {what}, s", p95, most=5.0 if is_bound else None)
    Project.objects.filter(pk__in=pks).update(is_paused=True)
    from portal.models import Endpoint

    Endpoint.objects.filter(project_id__in=pks).update(is_active=False)


def sleep_beside(report: Report, ledger: Ledger, port: int, hanging: int, dead: int) -> None:
    """T12."""
    healthy = f"http://127.0.0.1:{port}"
    sender = installations.worker()
    time.sleep(4)
    many = [f"http://127.0.0.1:{hanging}/many{n}" for n in range(30)]
    bad = [f"http://127.0.0.1:{dead}/dead", f"http://127.0.0.1:{hanging}/hangs"]
    cases = (("alone", []), ("beside a dead and a hanging one", bad), ("beside 30 hanging", many))
    for place, (what, others) in enumerate(cases):
        urls = [f"{healthy}/h{place}", *others]
        wait_for_healthy(report, ledger, what, urls, 20 + 20 * bool(others), is_bound=bool(others))
    sender.terminate()
    sender.wait()


def main() -> int:
    """Run both."""
    parser = argparse.ArgumentParser(description="Webhooks under fire: T11 and T12.")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--only", choices=["T11", "T12"])
    given = parser.parse_args()
    report, ledger = Report(), Ledger(FAILING if given.only != "T12" else 0.0)
    listener, hanging = hanging_port()
    dead = closed_port()
    with receiving(ledger) as port:
        allow = ",".join(f"127.0.0.1:{each}" for each in (port, hanging, dead))
        fast = {"WEBHOOK_RETRY_SECONDS": STEPS, "WEBHOOK_TIMEOUT": "1.0"}
        with installations.fresh(OUTBOUND_ALLOW=allow, **fast):
            if given.only != "T12":
                kill_senders(report, ledger, port, given.events, given.kills)
            ledger.failing = 0.0
            for name in fast:  # T12 is about the shipped schedule and the shipped 15 seconds
                os.environ.pop(name)
            if given.only != "T11":
                sleep_beside(report, ledger, port, hanging, dead)
    listener.close()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
