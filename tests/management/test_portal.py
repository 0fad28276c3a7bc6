"""`manage.py portal`, really started: what dies comes back, and nothing stays behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from django.conf import settings

from tests.waiting import eventually

MANAGE = Path(settings.BASE_DIR) / "manage.py"

pytestmark = [
    pytest.mark.xdist_group("processes"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]


class Run:
    """One `manage.py portal` with its log and its descendants."""

    def __init__(self, data_dir: Path, port: int, command: str = "portal") -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.data_dir = data_dir
        self.log = data_dir.with_name(f"{time.monotonic_ns()}.log")
        bare = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        # A mark that every descendant inherits, so that none can hide.
        self.mark = f"PORTAL_TEST_RUN={data_dir}-{port}-{time.monotonic_ns()}"
        name, _, value = self.mark.partition("=")
        environment = bare | {name: value, "DATA_DIR": str(data_dir), "PORT": str(port)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(MANAGE), command],
                env=environment | {"ENCODER": "none"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> str:
        return self.log.read_text()

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.said()
        return f"runs at {self.url}" in self.said()

    def descendants(self) -> dict[int, str]:
        """Living processes of this run: id and command line."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    if self.mark.encode() in (entry / "environ").read_bytes():
                        command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                        found[int(entry.name)] = command.decode()
        return found

    def pids_of(self, part: str) -> list[int]:
        return [pid for pid, command in self.descendants().items() if part in command]


@contextmanager
def running(data_dir: Path, port: int) -> Iterator[Run]:
    run = Run(data_dir, port)
    try:
        assert eventually(run.is_ready), run.said()
        yield run
    finally:
        run.process.send_signal(signal.SIGINT)
        run.process.wait(60)
        for pid in run.descendants():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[Run]:
    """A portal for the tests that leave it running."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with running(tmp_path_factory.mktemp("house") / "data", port) as run:
        yield run


@pytest.mark.parametrize("part", ["gunicorn", "worker"])
def test_what_is_killed_comes_back(house, part) -> None:
    killed = house.pids_of(part)
    assert killed
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: set(house.pids_of(part)) - set(killed))
    # The address stays ours: a visitor waits and is not turned away.
    assert httpx.get(f"{house.url}/healthz", timeout=60).status_code == 200


def test_the_set_up_link_opens(house) -> None:
    assert eventually(lambda: "/setup/" in house.said())
    link = re.findall(r"http\S+/setup/\S+", house.said())[0]
    assert httpx.get(link, timeout=60).status_code == 200


def test_a_data_folder_in_use_is_said_before_anything_is_started(house, free_port) -> None:
    late = Run(house.data_dir, free_port())
    assert late.process.wait(60) == 1
    assert "already runs on the data folder" in late.said()


def test_a_taken_port_is_said_before_anything_is_started(tmp_path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        run = Run(tmp_path / "data", other.getsockname()[1])
        assert run.process.wait(60) == 1
        assert "cannot be used" in run.said()
        assert "Traceback" not in run.said()


def test_however_it_ends_nothing_stays_and_it_starts_again(tmp_path, free_port) -> None:
    port = free_port()
    with running(tmp_path / "data", port) as first:
        assert len(first.descendants()) >= 3
        first.process.send_signal(signal.SIGINT)
        assert first.process.wait(60) == 0
        assert first.descendants() == {}
    with running(tmp_path / "data", port) as second:
        assert httpx.get(f"{second.url}/healthz", timeout=60).status_code == 200
        second.process.kill()
        assert eventually(lambda: second.descendants() == {})
