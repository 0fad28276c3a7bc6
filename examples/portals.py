"""The portal's public API, as a client sees it: JSON, a bearer token, patience.

What is worth trying again (no connection, 429, 502–504) is tried again with growing pauses, and
Retry-After is honoured; every other refusal is raised at once with the portal's own words.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

import httpx

API = "/api/v1"
AGAIN = frozenset({429, 502, 503, 504})
MOST_ATTEMPTS = 6
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 8.0
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
BULK_ROWS = 1000

Json = dict[str, Any]


class Refused(Exception):
    """The portal said no: its status, its code and its reason."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.detail = status, code, detail


class Unreachable(Exception):
    """The portal did not answer, however often it was asked."""


class Portal:
    """One project of one portal, spoken to with one token; may be shared by threads."""

    def __init__(self, url: str, token: str, *, attempts: int = MOST_ATTEMPTS) -> None:
        self.url = url.rstrip("/")
        self._attempts = attempts
        self._token = token
        # Proxies of the environment are not asked: the portal is the operator's own.
        self._http = httpx.Client(timeout=TIMEOUT, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Json:
        """Fetch one resource."""
        answer = self._call("GET", path, params=params)
        return dict(answer.json())

    def pages(self, path: str, params: Mapping[str, str] | None = None) -> Iterator[Json]:
        """Go through all rows of a list, page by page."""
        page = self.get(path, params)
        while True:
            yield from page["results"]
            if not page["next"]:
                return
            # Only the cursor is taken over: behind a proxy the link may name another host.
            page = self.get(f"{path}?{urlsplit(page['next']).query}")

    def post(self, path: str, body: Json, *, key: str = "") -> Json | None:
        """Post JSON; None for 204. A key makes the call safe to repeat."""
        headers = {"Idempotency-Key": key} if key else {}
        answer = self._call("POST", path, json=body, headers=headers)
        return None if answer.status_code == httpx.codes.NO_CONTENT else dict(answer.json())

    def post_lines(self, path: str, rows: Sequence[Json]) -> Json:
        """Post rows as NDJSON, some at a time; return the counts added up and all errors."""
        total: Json = {"errors": []}
        for first in range(0, len(rows), BULK_ROWS):
            report = self._post_some_lines(path, rows[first : first + BULK_ROWS])
            errors = report.pop("errors")
            total["errors"] += [{**error, "index": error["index"] + first} for error in errors]
            for name, count in report.items():
                if isinstance(count, int) and not isinstance(count, bool):
                    total[name] = total.get(name, 0) + count
        return total

    def _post_some_lines(self, path: str, rows: Sequence[Json]) -> Json:
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        headers = {"Content-Type": "application/x-ndjson"}
        answer = self._call("POST", path, content=lines.encode(), headers=headers)
        return dict(answer.json())

    def upload(self, video_id: str, path: Path, tags: Sequence[str] = ()) -> Json:
        """Upload one video file; the same file again is no change."""
        fields = {"video_id": video_id, "tags": list(tags)}
        files = {"file": (path.name, path.read_bytes(), "video/mp4")}
        return dict(self._call("POST", "/videos", data=fields, files=files).json())

    def download(self, link: str, sink: BinaryIO, most_bytes: int) -> None:
        """Write what a link holds into a file; relative links are the portal's own.

        The token stays here: a link that needs a right carries it in its signature.
        """
        try:
            with self._http.stream("GET", urljoin(self.url, link)) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise Refused(answer.status_code, "no_file", "The link gave no file.")
                for chunk in answer.iter_bytes():
                    sink.write(chunk)
                    if sink.tell() > most_bytes:
                        raise Refused(413, "too_large", f"More than {most_bytes} bytes.")
        except httpx.TransportError as error:
            raise Unreachable(f"A download broke off: {error}") from error

    def download_resource(self, path: str) -> bytes:
        """Fetch a resource that is not JSON, with the token."""
        return self._call("GET", path).content

    def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/json",
            **options.pop("headers", {}),
        }
        return send(
            self._http, method, f"{self.url}{API}{path}", self._attempts, headers=headers, **options
        )


def send(
    http: httpx.Client, method: str, url: str, attempts: int = MOST_ATTEMPTS, **options: Any
) -> httpx.Response:
    """Send a request until it is answered; raise Refused or, in the end, Unreachable."""
    pause, reason = FIRST_PAUSE, ""
    for attempt in range(1, attempts + 1):
        wait = pause
        try:
            answer = http.request(method, url, **options)
        except httpx.TransportError as error:
            reason = f"{type(error).__name__}: {error}"
        else:
            if answer.status_code not in AGAIN:
                return _accepted(answer)
            reason = f"it answered {answer.status_code}"
            wait = max(pause, _retry_after(answer))
        if attempt < attempts:
            time.sleep(min(wait, LONGEST_PAUSE))
            pause *= 2
    raise Unreachable(f"{method} {urlsplit(url).path}: {reason} ({attempts} attempts).")


def _retry_after(answer: httpx.Response) -> float:
    seconds = answer.headers.get("Retry-After", "")
    return float(seconds) if seconds.isdecimal() else 0.0


def _accepted(answer: httpx.Response) -> httpx.Response:
    """Return an answer of success; raise Refused with the problem that another one names."""
    if answer.is_success:
        return answer
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    detail = str(problem.get("detail") or problem.get("title") or answer.reason_phrase)
    for error in problem.get("errors") or ():
        detail += f" [{error.get('field')}: {error.get('message')}]"
    raise Refused(answer.status_code, str(problem.get("code", "")), detail)
