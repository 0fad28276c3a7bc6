"""The webhook receiver: verify, write down, answer at once; a thread does the work.

Requests are Standard Webhooks 1.0.0. The endpoint's secret tells which project one is for.
"""

import json
import logging
import queue
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from standardwebhooks import Webhook, WebhookVerificationError

from examples.captioner.runs import Run, Runs
from examples.captioner.settings import Settings
from examples.captioner.trainers import Trainer
from examples.portals import Json, Unreachable

LARGEST_BODY = 64 * 2**10
READ_SECONDS = 10
RETRY_SECONDS = 5.0

log = logging.getLogger(__name__)


class Unverified(Exception):
    """No secret of ours has signed this."""


def verify(secrets: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> tuple[str, Json]:
    """Return the project whose secret signed a webhook, and its event; raise Unverified."""
    # The library reads "1_6…" and "….9" as numbers; a timestamp is digits.
    if not headers.get("webhook-timestamp", "").isdecimal():
        raise Unverified("The timestamp is not a number.")
    for project, secret in secrets.items():
        try:
            event = Webhook(secret).verify(body, dict(headers))
        # ValueError stands for what its parsing meets: base64, Unicode, numbers, JSON.
        except (WebhookVerificationError, ValueError) as error:
            log.debug("Not signed for %s: %r", project, error)
            continue
        if isinstance(event, dict):
            return project, event
    raise Unverified("No endpoint's secret fits this signature.")


class Carrier(Protocol):
    """Whoever carries out runs: the captioner's trainer, or a program of another kind."""

    def carry_out(self, run: Run) -> None: ...


class Worker(threading.Thread):
    """Carries out runs in the order in which they were accepted, the unfinished of old first."""

    def __init__(self, trainer: Carrier, runs: Runs, known: frozenset[str]) -> None:
        super().__init__(name="trainer", daemon=True)
        self._trainer, self._waiting = trainer, queue.Queue[Run | None]()
        self._stopping = threading.Event()
        for run in runs.unfinished():
            if run.project in known:
                self.add(run)

    def add(self, run: Run) -> None:
        self._waiting.put(run)

    def stop(self) -> None:
        """End after the run that is under way, which a next start would take up again."""
        self._stopping.set()
        self._waiting.put(None)

    def run(self) -> None:
        while (run := self._waiting.get()) is not None and not self._stopping.is_set():
            try:
                self._trainer.carry_out(run)
            except Unreachable as reason:
                log.warning("Run %s waits for the portal: %s", run.run_id, reason)
                self._stopping.wait(RETRY_SECONDS)
                self.add(run)


class Receiver(ThreadingHTTPServer):
    """The HTTP server on loopback; `serve_forever` until `shutdown`."""

    daemon_threads = True

    def __init__(self, settings: Settings, carrier: Carrier | None = None) -> None:
        super().__init__(("127.0.0.1", settings.port), _Handler)
        self.secrets = {one.project: one.secret for one in settings.projects if one.secret}
        self.runs = Runs(settings.folder)
        trainer = carrier or Trainer(settings.folder, settings.projects, self.runs)
        known = frozenset(project.project for project in settings.projects)
        self.worker = Worker(trainer, self.runs, known)
        self.worker.start()

    def accept(self, headers: Mapping[str, str], body: bytes) -> None:
        """Take a webhook in; raises Unverified. When this returns, it is on disk."""
        project, event = verify(self.secrets, headers, body)
        run = self.runs.accept(project, event)
        if run is not None:
            self.worker.add(run)


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    timeout = READ_SECONDS
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(200, {"status": "listening"})

    def do_POST(self) -> None:
        self.close_connection = True
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            return self._answer(411, {"error": "Content-Length is needed."})
        if int(length) > LARGEST_BODY:
            return self._answer(413, {"error": f"More than {LARGEST_BODY} bytes."})
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            self.server.accept(headers, body)
        except Unverified as reason:
            return self._answer(401, {"error": str(reason)})
        except (KeyError, TypeError) as error:
            return self._answer(400, {"error": f"The event lacks {error}."})
        return self._answer(202, {"status": "accepted"})

    def _answer(self, status: int, body: Json) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        log.debug(*args)
