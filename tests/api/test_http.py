"""The API behind its real web server: bodies, lengths and headers as they come over a socket."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest

from portal.management import processes
from portal.models import Annotation, IdempotencyKey, Prediction, Task, Video
from tests import factories

PATIENCE = 60


@dataclass
class Answer:
    """What came back over the socket; status 0 is a connection that was closed."""

    status: int
    head: str
    body: bytes

    def json(self) -> dict[str, object]:
        return json.loads(self.body)


@dataclass
class Server:
    """A running web server and a token that it knows."""

    port: int
    secret: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}

    def raw(self, method: str, path: str, headers: list[str], body: bytes = b"") -> Answer:
        """Send exactly these bytes and read until the server closes."""
        start = [f"{method} /api/v1/{path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        start += [f"Authorization: Bearer {self.secret}", "Connection: close", *headers]
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as wire:
            try:
                wire.sendall("\r\n".join(start).encode("latin-1") + b"\r\n\r\n" + body)
                wire.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the server refused before it had read everything
            return _read(wire)

    def json(self, body: bytes, *headers: str, path: str = "tasks") -> Answer:
        """Post bytes as JSON with an honest length."""
        kind = [] if any(each.startswith("Content-Type") for each in headers) else [JSON]
        return self.raw("POST", path, [*kind, *headers, f"Content-Length: {len(body)}"], body)


JSON = "Content-Type: application/json"
FORM = "Content-Type: application/x-www-form-urlencoded"
CHUNKED = "Transfer-Encoding: chunked"
CHUNKS = b"3d0900\r\n" + b"a" * 4_000_000 + b"\r\n0\r\n\r\n"


def _read(wire: socket.socket) -> Answer:
    received = b""
    try:
        while piece := wire.recv(65536):
            received += piece
    except OSError:
        pass  # reset: what came before still counts
    head, _, body = received.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1]) if head.startswith(b"HTTP/") else 0
    return Answer(status, head.decode("latin-1").lower(), body)


@pytest.fixture
def server(child_environment) -> Iterator[Server]:
    project = factories.ProjectFactory(registers_annotators=True)
    _, secret = factories.token_and_secret(project=project)
    listener = processes.listen("127.0.0.1", 0)
    child = processes.web(listener, environment=child_environment | {"ENCODER": "none"})
    child.start()
    port = listener.getsockname()[1]
    try:
        _wait_until_it_answers(port)
        yield Server(port, secret)
    finally:
        child.kill_group()
        listener.close()


def _wait_until_it_answers(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/api/v1/tasks", timeout=PATIENCE)
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def body(**members: object) -> bytes:
    return json.dumps({"video_id": "clip-1"} | members).encode()


DEEP = b'{"a":' * 3000 + b"1" + b"}" * 3000
BODIES: list[tuple[str, bytes, tuple[str, ...], tuple[int, ...]]] = [
    ("B001 100,000 brackets", b"[" * 100_000, (), (400,)),
    ("B002 3,000 nested objects", DEEP, (), (400,)),
    ("B003 900 nested objects", b'{"a":' * 900 + b"1" + b"}" * 900, (), (400,)),
    ("B004 NaN", b'{"video_id":"a","uncertainty":NaN}', (), (400,)),
    ("B004 -Infinity", b'{"video_id":"a","uncertainty":-Infinity}', (), (400,)),
    ("B005 1e400", b'{"video_id":"a","uncertainty":1e400}', (), (400,)),
    ("B006 'nan' as a text", body(uncertainty="nan"), (), (400,)),
    ("B006 'sNaN' as a text", body(uncertainty="sNaN"), (), (400,)),
    ("B007 5,000 digits", b'{"video_id":"a","difficulty":' + b"9" * 5000 + b"}", (), (400,)),
    ("B008 4,000 digits deep inside", body(x=[0]).replace(b"0", b"9" * 4000), (), (400,)),
    ("B009 2^31", body(difficulty=2**31), (), (400,)),
    ("B010 2^63", body(difficulty=2**63), (), (400,)),
    ("B011 a text exponent", body(uncertainty="1E+999999"), (), (400,)),
    ("B012 true for a number", body(difficulty=True), (), (400,)),
    ("B012 1.5 for an integer", body(difficulty=1.5), (), (400,)),
    ("B013 a number for text", body(video_id=7), (), (400,)),
    ("B014 a list for text", body(video_id=["a"]), (), (400,)),
    ("B014 an object for text", body(video_id={"a": 1}), (), (400,)),
    ("B014 null for text", body(video_id=None), (), (400,)),
    ("B016 NUL in a value", body(video_id="a\x00b"), (), (400,)),
    ("B017 NUL in a key", b'{"video_id":"a","x\\u0000":1}', (), (400,)),
    ("B018 a lone surrogate", b'{"video_id":"\\ud800"}', (), (400,)),
    ("B019 a lone surrogate deep inside", b'{"video_id":"a","x":[["\\udfff"]]}', (), (400,)),
    ("B020 a key twice", b'{"video_id":"a","video_id":"b"}', (), (400,)),
    ("B021 trailing garbage", body() + b"x", (), (400,)),
    ("B021 two documents", body() + body(), (), (400,)),
    ("B022 nothing", b"", (), (400,)),
    ("B023 a text", b'"a"', (), (400,)),
    ("B023 a list", b"[]", (), (400,)),
    ("B023 null", b"null", (), (400,)),
    ("B024 no UTF-8", b'{"video_id":"\xff"}', (), (400,)),
    ("B025 a byte order mark", b"\xef\xbb\xbf" + body(), (), (400,)),
    ("B026 UTF-7", body(), (f"{JSON}; charset=utf-7",), (415,)),
    ("B027 UTF-16", body(), (f"{JSON}; charset=utf-16",), (415,)),
    ("B027 a bogus charset", body(), (f"{JSON}; charset=bogus",), (415,)),
    ("B028 XML", b"<a/>", ("Content-Type: application/xml",), (415,)),
    ("B028 plain text", body(), ("Content-Type: text/plain",), (415,)),
    ("B028 no type", body(), ("Content-Type:",), (415,)),
    ("B029 3 MB", body(x="a" * 3_000_000), (), (413,)),
    (
        "B030 a form of 1,001 fields",
        b"&".join([b"a=1"] * 1001),
        (FORM,),
        (415, 400),
    ),
    ("B035 a packed body", body(), ("Content-Encoding: gzip",), (415,)),
    ("B037 an unknown field", body(colour="red"), (), (400,)),
    ("B041 no such field, no such year", body(due_at="10000-01-01T00:00:00Z"), (), (400,)),
]
FRAMES: list[tuple[str, list[str], bytes, tuple[int, ...]]] = [
    ("B031 chunked", [CHUNKED], b'5\r\n{"a":\r\n0\r\n\r\n', (411,)),
    (
        "B032 4 MB chunked",
        [CHUNKED],
        CHUNKS,
        (411, 413),
    ),
    (
        "B033 both lengths",
        [CHUNKED, "Content-Length: 5"],
        b"0\r\n\r\n",
        (400,),
    ),
    ("B034 abc", ["Content-Length: abc"], body(), (400,)),
    ("B034 -1", ["Content-Length: -1"], body(), (400,)),
    ("B034 twice", ["Content-Length: 22", "Content-Length: 23"], body(), (400,)),
    ("no length at all", [], b"", (400, 411)),
    ("more announced than sent", ["Content-Length: 4000"], body(), (400, 0)),
]
HEADS: list[tuple[str, str, list[str], tuple[int, ...]]] = [
    ("B062 20 kB of address", "tasks?video_id=" + "a" * 20_000, [], (400, 414)),
    ("B062 1,200 parameters", "tasks?" + "&".join(["a=1"] * 1200), [], (400, 414)),
    ("B063 XML wanted", "tasks", ["Accept: application/xml"], (406,)),
    ("B063 ;;;;", "tasks", ["Accept: ;;;;"], (406,)),
    ("B064 100 kB of header", "tasks", ["X-Long: " + "a" * 100_000], (400, 431)),
    ("B068 underscored", "tasks", ["REMOTE_USER: admin"], (200, 400)),
    ("B071 CRLF in a query", "tasks?a=%0d%0aSet-Cookie:x=1", [], (400,)),
    ("B072 a token in the address", "tasks?token=x", [], (401,)),
    ("B073 a second scheme", "tasks", ["Authorization: Basic dTpw"], (401, 400)),
]


@pytest.mark.django_db(transaction=True)
def test_a_malformed_call_gets_its_4xx_and_changes_nothing(server) -> None:
    failures = []
    for name, content, headers, expected in BODIES:
        failures += wrong(name, server.json(content, *headers), expected)
    for name, headers, content, expected in FRAMES:
        failures += wrong(name, server.raw("POST", "tasks", [JSON, *headers], content), expected)
    for name, path, headers, expected in HEADS:
        failures += wrong(name, server.raw("GET", path, headers), expected)

    assert not failures, "\n".join(failures)
    assert not Task.objects.exists()
    assert not Video.objects.exists()
    assert not IdempotencyKey.objects.exists()
    assert server.json(body()).status == 201
    assert server.raw("GET", "tasks", []).status == 200


def wrong(name: str, answer: Answer, expected: tuple[int, ...]) -> list[str]:
    """Say what is not as it should be: the status, or a refusal of ours that is no problem+json."""
    if answer.status not in expected:
        return [f"{name}: {answer.status} {answer.body[:200]!r}"]
    is_ours = answer.status >= 400 and "x-request-id" in answer.head
    if is_ours and "application/problem+json" not in answer.head:
        return [f"{name}: {answer.head}"]
    return []


@pytest.mark.django_db(transaction=True)
def test_uploads_and_lines_that_broke_off_are_said(server) -> None:
    form = (
        b'--x\r\nContent-Disposition: form-data; name="video_id"\r\n\r\na\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n'
        b"Content-Type: video/mp4\r\n\r\n\x00\x00\x00\x20ftypisom" + b"\x00" * 5000
    )
    kind = "Content-Type: multipart/form-data; boundary=x"
    line = json.dumps({"video_id": "v", "caption": "c", "model_version": "m", "uncertainty": 1})
    lines = "\n".join([line.replace('"v"', f'"v{i}"') for i in range(3)]).encode()
    ndjson = "Content-Type: application/x-ndjson"

    short = server.raw("POST", "videos", [kind, "Content-Length: 1000000"], form + b"\r\n--x--\r\n")
    endless = server.raw("POST", "videos", [kind, f"Content-Length: {len(form)}"], form)
    huge = server.raw("POST", "videos", [kind, "Content-Length: 9000000000000"], form)
    broken = server.raw("POST", "predictions/bulk", [ndjson, "Content-Length: 9000"], lines)

    assert short.status in (400, 0)
    assert endless.status == 400
    assert huge.status == 413
    assert broken.status in (400, 0)
    assert not Video.objects.filter(file_key__gt="").exists()
    again = server.raw("POST", "predictions/bulk", [ndjson, f"Content-Length: {len(lines)}"], lines)
    counts = again.json()
    assert (counts["received"], counts["failed"]) == (3, 0)
    assert Prediction.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_calls_at_once_are_answered_once_each(server) -> None:
    """One key on eight threads makes one row; the others get its answer, or are told to wait."""
    task = factories.TaskFactory(project=factories.models.Project.objects.get(), n_wanted=8)
    path = f"{server.url}/tasks/{task.pk}/annotations"

    def submit(number: int) -> httpx.Response:
        headers = server.headers | {"Idempotency-Key": f"key-{number % 2}"}
        told = {"annotator_id": f"ann-{number % 2}", "caption": "a dog runs"}
        return httpx.post(path, json=told, headers=headers, timeout=PATIENCE)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(submit, range(8)))

    assert {answer.status_code for answer in answers} <= {201, 409, 503}
    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert made == set(Annotation.objects.values_list("pk", flat=True))
    assert len(made) == 2


@pytest.mark.django_db(transaction=True)
def test_the_loop_answers_after_its_consequences(server) -> None:
    """What a commit causes is in the answer: the task that opened, the task that settled."""
    project = factories.models.Project.objects.get()
    project.uncertain_share, project.threshold, project.min_captions = 1.0, 0.0, 2
    project.save()
    posted = {"video_id": "v", "caption": "c", "model_version": "m", "uncertainty": 0.9}
    keyed = server.headers | {"Idempotency-Key": "k"}

    def post() -> httpx.Response:
        path = f"{server.url}/predictions"
        return httpx.post(path, json=posted, headers=keyed, timeout=PATIENCE)

    prediction = post()
    task = prediction.json()["task_id"]
    states = [
        httpx.post(
            f"{server.url}/tasks/{task}/annotations",
            json={"annotator_id": f"ann-{number}", "caption": "a dog runs on the grass"},
            headers=server.headers | {"Idempotency-Key": f"k{number}"},
            timeout=PATIENCE,
        ).json()["task_status"]
        for number in range(2)
    ]

    assert Task.objects.get().pk == task
    assert states == ["open", "settled"]
    assert post().json() == prediction.json()
