"""Real HTTP servers on loopback that stand for the receivers of webhooks and the hosts of clips."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Got:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A server that answers from its script, the last line for ever, and remembers what came."""

    script: list[tuple[int, dict[str, str], bytes]] = field(
        default_factory=lambda: [(200, {}, b"")]
    )
    got: list[Got] = field(default_factory=list)
    answer: Callable[[BaseHTTPRequestHandler], None] | None = None
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def allow(self) -> list[str]:
        return [f"127.0.0.1:{self.port}"]


@contextmanager
def receiving(*statuses: int, **fields: Any) -> Iterator[Receiver]:
    """Run a receiver that answers these statuses in turn."""
    receiver = Receiver(**fields)
    if statuses:
        receiver.script = [(status, {}, b"") for status in statuses]
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(receiver))
    server.daemon_threads = True
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.got.append(Got(self.path, headers, body))
            if receiver.answer is not None:
                receiver.answer(self)
                return
            place = min(len(receiver.got), len(receiver.script)) - 1
            status, extra, content = receiver.script[place]
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *args: Any) -> None:
            pass

    return Handler
