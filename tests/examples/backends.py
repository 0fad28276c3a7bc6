"""A Label Studio ML backend on loopback, after the public protocol of label-studio-ml.

It learns by heart: the caption of a clip is what the newest annotation of it said. `generation` 2
is today's (`/webhook`, training within the request), 1 is label-studio-ml 1.0 (`/train`,
`/is_training`).
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
TRAIN_EVENTS = ("ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATION_DELETED", "START_TRAINING")


@dataclass
class LabelStudioBackend:
    """What the backend has learnt and was asked."""

    generation: int = 2
    status: str = "UP"
    score: Any = 0.9
    fails_in: str = ""  # a path that answers 500
    learns: bool = True
    known: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[str, Json]] = field(default_factory=list)
    n_polls_left: int = 2
    gate: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.calls]

    def get(self, path: str, query: dict[str, list[str]]) -> Json:
        if path == "/health":
            names = {"model_dir": "/models"} if self.generation == 1 else {"model_class": "Parrot"}
            return {"status": self.status} | names
        assert path == "/is_training", path
        assert self.generation == 1
        assert query["project"][0].partition(".")[2]
        self.n_polls_left -= 1
        return {"is_training": self.n_polls_left > 0}

    def post(self, path: str, body: Json) -> tuple[int, Json]:
        if path == "/setup":
            assert set(body) >= {"project", "schema", "hostname", "access_token"}
            return 200, {"model_version": f"parrot-{len(self.known)}" if self.known else None}
        if path == "/predict":
            return 200, {"results": [self._predicted(task) for task in body["tasks"]]}
        if path == "/train":
            assert self.generation == 1
            assert body["label_config"]
            self._learn(body["annotations"])
            return 201, {"job": "7"}
        assert (path, self.generation) == ("/webhook", 2)
        return self._told(body)

    def _told(self, body: Json) -> tuple[int, Json]:
        if body["action"] not in TRAIN_EVENTS:
            return 200, {"status": "Unknown event"}
        assert str(body["project"]["id"])
        assert body["project"]["label_config"]
        self.gate.wait(30)
        if body["action"] == "ANNOTATION_CREATED":
            self._learn([body["task"] | {"annotations": [body["annotation"]]}])
        else:
            self._learn(body["annotations"])
        return 201, {"result": {"model_path": "x"}, "status": "ok"}

    def _learn(self, tasks: list[Json]) -> None:
        for task in tasks if self.learns else []:
            (annotation,) = task["annotations"]
            (result,) = annotation["result"]
            assert result["type"] == "textarea"
            (text,) = result["value"]["text"]
            self.known[task["data"]["video_id"]] = text

    def _predicted(self, task: Json) -> Json:
        text = self.known.get(task["data"]["video_id"])
        if text is None and self.known:
            text = next(iter(self.known.values()))
        result = {"from_name": "caption", "to_name": "video", "type": "textarea"}
        said = [] if text is None else [result | {"value": {"text": [text]}}]
        return {"result": said, "score": self.score, "model_version": "parrot"}


@contextmanager
def running_backend(**fields: Any) -> Iterator[LabelStudioBackend]:
    """Run a backend; its gate for training stands open unless a test closes it."""
    backend = LabelStudioBackend(**fields)
    backend.gate.set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(backend))
    server.daemon_threads = True
    backend.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield backend
    finally:
        backend.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(backend: LabelStudioBackend) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            self._answer(200, backend.get(url.path, parse_qs(url.query)))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            backend.calls.append((self.path, body))
            if self.path == backend.fails_in:
                self._answer(500, {"error": "out of memory"})
                return
            self._answer(*backend.post(self.path, body))

        def _answer(self, status: int, body: Json) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            pass

    return Handler
