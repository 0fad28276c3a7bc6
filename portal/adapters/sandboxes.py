"""Decoding in a process of its own: what a clip can break there is that process and nothing else.

One child is kept for many clips (starting one costs more than most probes), with limits on
memory, processor time and file size, and is replaced after a crash, a timeout or a hundred clips.
Parent and child speak JSON lines over pipes; a path travels as an absolute argument, never
through a shell.
"""

import atexit
import base64
import json
import os
import resource
import selectors
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from portal.adapters import media, transcoding
from portal.adapters.media import Media
from portal.errors import DiskFull, MediaRefused

MEMORY_BYTES = 2 << 30
FILE_BYTES = 4 << 30
CLIPS_A_CHILD = 100
ROOT = Path(__file__).resolve().parents[2]
PASSED = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "SYSTEMROOT", "TMPDIR")


def probe_isolated(path: Path, timeout: float = 30.0) -> Media:
    """Do what `media.probe` does; also refuse a clip that crashes, hangs or swallows memory."""
    return Media(**_shared.ask("probe", path, timeout=timeout))


def thumbnail_isolated(path: Path, at: float = 0.0, timeout: float = 30.0) -> bytes:
    """Do what `media.thumbnail` does, behind the same wall."""
    return base64.b64decode(_shared.ask("thumbnail", path, at=at, timeout=timeout))


def transcode_isolated(path: Path, out: Path, timeout: float = 600.0) -> None:
    """Do what `transcoding.transcode` does, behind the same wall; nothing stays on failure."""
    try:
        _shared.ask("transcode", path, out=str(out.resolve()), timeout=timeout)
    except (MediaRefused, DiskFull):
        out.unlink(missing_ok=True)
        raise


class Sandbox:
    """One child and the lock that gives it one clip at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._n_clips = 0

    def ask(self, verb: str, path: Path, *, timeout: float, **given: Any) -> Any:
        """Return the child's answer; raise MediaRefused, DiskFull, or RuntimeError for a bug."""
        with self._lock:
            child = self._running()
            question = {"verb": verb, "path": str(path.resolve()), "seconds": timeout, **given}
            raw = _exchanged(child, json.dumps(question).encode() + b"\n", timeout)
            if not raw.endswith(b"\n"):
                status = self._stop()
                if status == 1:  # an exception left the child: not the clip's doing
                    raise RuntimeError("The decoder's process failed; its error is in the log.")
                raise MediaRefused(f"The clip cannot be read within {timeout:g} s and its limits.")
        answer = json.loads(raw)
        if "full" in answer:
            raise DiskFull(answer["full"])
        if "refused" in answer:
            raise MediaRefused(answer["refused"])
        return answer["value"]

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._owner != os.getpid():  # after a fork the child belongs to the other process
            self._child = None
        is_gone = self._child is not None and self._child.poll() is not None
        if is_gone or self._n_clips >= CLIPS_A_CHILD:
            self._stop()
        if self._child is None:
            self._child, self._owner, self._n_clips = _started(), os.getpid(), 0
        self._n_clips += 1
        return self._child

    def _stop(self) -> int | None:
        """End the child and return how it ended, None where there was none."""
        child, self._child = self._child, None
        if child is None or self._owner != os.getpid():
            return None
        try:
            status = child.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            child.kill()
            status = child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
        return status


def serve() -> None:
    """Answer questions on standard input until it closes; the child's whole life."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin.buffer:
        question = json.loads(line)
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = int(used.ru_utime + used.ru_stime + question["seconds"]) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
        sys.stdout.buffer.write(json.dumps(_answer(question)).encode() + b"\n")
        sys.stdout.buffer.flush()


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    path = Path(question["path"])
    try:
        if question["verb"] == "probe":
            return {"value": asdict(media.probe(path))}
        if question["verb"] == "thumbnail":
            return {"value": base64.b64encode(media.thumbnail(path, question["at"])).decode()}
        transcoding.transcode(path, Path(question["out"]))
        return {"value": None}
    except MediaRefused as refused:
        return {"refused": refused.detail}
    except DiskFull as full:
        return {"full": full.detail}


def _started() -> subprocess.Popen[bytes]:
    kept = {name: os.environ[name] for name in PASSED if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-m", "portal.adapters.sandboxes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=kept | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        start_new_session=True,  # the terminal's Ctrl-C is the parent's to answer
    )


def _exchanged(child: subprocess.Popen[bytes], question: bytes, timeout: float) -> bytes:
    """Return the child's line; without its line end where it died or took too long."""
    assert child.stdin is not None
    assert child.stdout is not None
    deadline, raw = time.monotonic() + timeout, b""
    child.stdin.write(question)
    child.stdin.flush()
    with selectors.DefaultSelector() as ready:
        ready.register(child.stdout, selectors.EVENT_READ)
        while not raw.endswith(b"\n") and ready.select(max(0.0, deadline - time.monotonic())):
            piece = os.read(child.stdout.fileno(), 1 << 20)
            if not piece:
                break
            raw += piece
    return raw


_shared = Sandbox()
atexit.register(_shared.close)

if __name__ == "__main__":
    serve()
