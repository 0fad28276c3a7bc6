"""A portal of a few lines that speaks the API which the examples use, on loopback."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from standardwebhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "a-token"
PAGE = 3

Json = dict[str, Any]


@dataclass
class FakePortal:
    """What the portal holds and what it was told. Tests set the former and read the latter."""

    videos: list[Json] = field(default_factory=list)
    tasks: list[Json] = field(default_factory=list)
    versions: list[Json] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    predictions: list[Json] = field(default_factory=list)
    callbacks: list[Json] = field(default_factory=list)
    callback_ids: list[str] = field(default_factory=list)
    annotations: list[Json] = field(default_factory=list)
    votes: list[Json] = field(default_factory=list)
    statuses: dict[str, list[int]] = field(default_factory=dict)  # refusals to come, by path
    not_ready: set[str] = field(default_factory=set)
    n_wanted: int = 3
    gate: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)
    heard: threading.Condition = field(default_factory=threading.Condition)
    lock: threading.Lock = field(default_factory=threading.Lock)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add_video(self, video_id: str, content: bytes = b"", **fields: Any) -> Json:
        """Hold a video; without content it has no media yet."""
        video = {
            "video_id": video_id,
            "state": "ready" if content else "registered",
            "sha256": hashlib.sha256(content).hexdigest() if content else "",
            "media_url": f"/files/{video_id}" if content else None,
            "tags": [],
        } | fields
        self.files[f"/files/{video_id}"] = content
        self.videos.append(video)
        return video

    def retraining(self, run_id: str, lines: list[Json], **manifest: Any) -> Json:
        """Hold a manifest and return the event that announces it."""
        content = "".join(json.dumps(line) + "\n" for line in lines).encode()
        self.files[f"/manifests/{run_id}"] = content
        named = {
            "url": f"{self.url}/manifests/{run_id}",
            "sha256": hashlib.sha256(content).hexdigest(),
            "records": len(lines),
        }
        return {
            "type": "retraining.requested",
            "timestamp": "2026-01-01T00:00:00Z",
            "data": {
                "run_id": run_id,
                "base_model": {"name": "captioner", "version": "captioner-v1"},
                "manifest": named | manifest,
                "callback": {"url": f"{self.url}/api/v1/retraining/{run_id}/events"},
            },
        }

    def said(self, run_id: str) -> list[str]:
        """Return the statuses that were reported about a run, in order."""
        return [told["status"] for told in self.callbacks if told["run_id"] == run_id]

    def wait_for(self, run_id: str, status: str, seconds: float = 60) -> None:
        """Wait until a run has been reported with a status."""
        with self.heard:
            assert self.heard.wait_for(lambda: status in self.said(run_id), seconds), self.said(
                run_id
            )


@contextmanager
def running_portal() -> Iterator[FakePortal]:
    """Run a fake portal; its gate for manifests stands open."""
    portal = FakePortal()
    portal.gate.set()
    server = _Server(portal)
    portal.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield portal
    finally:
        portal.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, portal: FakePortal) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.portal = portal


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if not self._allowed(url.path):
            return
        lists = {
            "/api/v1/videos": self.server.portal.videos,
            "/api/v1/tasks": self.server.portal.tasks,
            "/api/v1/versions": self.server.portal.versions,
        }
        if url.path in lists:
            first = int(parse_qs(url.query).get("cursor", ["0"])[0])
            rows = lists[url.path]
            more = f"http://elsewhere.test{url.path}?cursor={first + PAGE}"
            rest = more if len(rows) > first + PAGE else None
            self._answer(200, {"results": rows[first : first + PAGE], "next": rest})
        elif url.path.startswith("/api/v1/retraining/"):
            self._send(200, self.server.portal.files[f"/manifests/{url.path.split('/')[4]}"])
        else:
            if url.path.startswith("/manifests/"):
                self.server.portal.reached.set()
                self.server.portal.gate.wait(30)
            self._send(200, self.server.portal.files[url.path])

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        path = urlsplit(self.path).path
        if not self._allowed(path):
            return
        with self.server.portal.lock:
            status, answer = self._take(path.removeprefix("/api/v1"), body)
        self._answer(status, answer)

    def _take(self, path: str, body: bytes) -> tuple[int, Json | None]:
        if path.endswith("/events"):
            return self._take_callback(path.split("/")[2], body)
        if path == "/videos":
            return self._take_video(body)
        if path == "/predictions/bulk":
            text = body.decode()
            rows = (
                json.loads(text)
                if text.startswith("[")
                else [json.loads(line) for line in text.splitlines()]
            )
            return 200, self._take_predictions(rows)
        return take_work(self.server.portal, path, json.loads(body))

    def _take_callback(self, run_id: str, body: bytes) -> tuple[int, Json]:
        headers = {name.lower(): value for name, value in self.headers.items()}
        told = Webhook(SECRET).verify(body, headers)
        assert self.headers["Content-Type"] == "application/json"
        assert re.fullmatch(r"[\w-]{1,100}", headers["webhook-id"]), headers["webhook-id"]
        with self.server.portal.heard:
            self.server.portal.callbacks.append(told | {"run_id": run_id})
            self.server.portal.callback_ids.append(headers["webhook-id"])
            self.server.portal.heard.notify_all()
        return 200, {"state": told["status"], "seq": told["seq"]}

    def _take_video(self, body: bytes) -> tuple[int, Json]:
        video_id = body.split(b'name="video_id"\r\n\r\n')[1].split(b"\r\n")[0].decode()
        content = body.split(b"Content-Type: video/mp4\r\n\r\n")[1].rpartition(b"\r\n--")[0]
        return 201, self.server.portal.add_video(video_id, content)

    def _take_predictions(self, rows: list[Json]) -> Json:
        errors = []
        for index, row in enumerate(rows):
            if row["video_id"] in self.server.portal.not_ready:
                self.server.portal.not_ready.discard(row["video_id"])
                errors.append({"index": index, "code": "media_not_ready", "message": "soon"})
            else:
                self.server.portal.predictions.append(row)
        return {"received": len(rows), "failed": len(errors), "errors": errors}

    def _allowed(self, path: str) -> bool:
        """Refuse as the test wants it, and whoever shows no token to the API."""
        if self.server.portal.statuses.get(path):
            status = self.server.portal.statuses[path].pop(0)
            self._answer(status, {"code": "as_the_test_wants", "detail": "no"})
            return False
        is_open = not path.startswith("/api/") or path.endswith("/events")
        if not is_open and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer(401, {"code": "not_authenticated", "detail": "who are you?"})
            return False
        return True

    def _answer(self, status: int, body: Json | None) -> None:
        self._send(status, b"" if body is None else json.dumps(body).encode())

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        pass


def take_work(portal: FakePortal, path: str, body: Json) -> tuple[int, Json | None]:
    """Answer an annotator: a task is settled by its n_wanted-th caption."""
    who = body["annotator_id"]
    if path == "/tasks/assign":
        done = {row["task_id"] for row in portal.annotations if row["annotator_id"] == who}
        free = [t for t in portal.tasks if t["status"] == "open" and t["id"] not in done]
        if not free:
            return 204, None
        task = free[0]
        lease = {"token": f"lease-{task['id']}-{who}"}
        return 200, {"task_id": task["id"], "task": task, "lease": lease}
    task = next(t for t in portal.tasks if t["id"] == int(path.split("/")[2]))
    if path.endswith("/skip"):
        task["status"] = "parked"
        return 200, {}
    if path.endswith("/votes"):
        portal.votes.append(body | {"task_id": task["id"]})
        return 201, {"id": len(portal.votes)}
    if task["status"] != "open":
        return 409, {"code": "task_closed", "detail": "Too late."}
    row = body | {"id": len(portal.annotations) + 1, "task_id": task["id"]}
    portal.annotations.append(row)
    if sum(one["task_id"] == task["id"] for one in portal.annotations) == portal.n_wanted:
        task["status"] = "settled"
    return 201, row | {"task_status": task["status"]}
