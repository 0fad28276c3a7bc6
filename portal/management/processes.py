"""The processes of an installation on one machine, kept alive by the one that was started by hand.

Each child has a session of its own, because Ctrl-C reaches the whole terminal group and a second
signal would abort what the first one asks to finish. The listening socket belongs to the
supervisor and is handed down: while a killed web server starts again, connections wait instead of
being refused.
"""

import ctypes
import fcntl
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from portal.errors import Conflict

logger = logging.getLogger(__name__)

GRACE_SECONDS = 30.0
WEB_PROCESSES = 2
LONGEST_PAUSE = 30.0
CALM_SECONDS = 60.0  # a child that lived this long starts again without a pause
PR_SET_PDEATHSIG = 1

# Loaded before the first fork: between fork and exec nothing may be imported or allocated.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass
class Child:
    """One program to keep running, and how its life went so far."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    inherited: Sequence[int] = ()
    process: "subprocess.Popen[bytes] | None" = None
    born: float = 0.0
    n_deaths: int = 0
    due: float = 0.0

    def start(self) -> None:
        """Start it in a session of its own; it hears of our death by SIGTERM (on Linux)."""
        self.born = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 - our own commands
            list(self.command),
            env=os.environ | self.environment,
            pass_fds=tuple(self.inherited),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # safe: we start children from the main thread
        )

    @property
    def is_alive(self) -> bool:
        """Whether it runs now."""
        return self.process is not None and self.process.poll() is None

    def schedule(self, now: float) -> None:
        """After a death: when to start again, later each time it dies young."""
        self.n_deaths = 1 if now - self.born > CALM_SECONDS else self.n_deaths + 1
        self.due = now + min(LONGEST_PAUSE, 2.0 ** (self.n_deaths - 1) - 1)

    def signal(self, number: int) -> None:
        """Send one signal to the child alone."""
        if self.process is not None and self.is_alive:
            self.process.send_signal(number)

    def kill_group(self) -> None:
        """End whatever is left of its session."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Supervisor:
    """Starts children, starts them again when they die, and stops them together."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.children: list[Child] = []
        self.errands: list[Child] = []
        self.stopping = False
        signal.signal(signal.SIGTERM, self._ask_to_stop)
        signal.signal(signal.SIGINT, self._ask_to_stop)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, self._ask_to_stop)

    def _ask_to_stop(self, signum: int, frame: object) -> None:
        self.stopping = True

    def add(self, child: Child) -> Child:
        """Start one more child and keep it running from now on."""
        child.start()
        self.children.append(child)
        return child

    def tend(self) -> None:
        """Look after every child once: notice deaths, start again those whose pause is over."""
        now = time.monotonic()
        for child in self.children:
            if child.is_alive:
                continue
            if child.process is not None:
                code = child.process.returncode
                child.kill_group()
                child.process = None
                child.schedule(now)
                self.say(f"{child.name} ended ({_reason(code)}); starting it again.")
            if now >= child.due:
                child.start()

    def run(self, child: Child, *, meanwhile: Callable[[], None] = lambda: None) -> bool:
        """Run one program to its end while tending the others; True where it says it did well."""
        return self.finish(self.begin(child), meanwhile=meanwhile)

    def begin(self, child: Child) -> Child:
        """Start a program that ends by itself; `finish` waits for it."""
        child.start()
        self.errands.append(child)
        return child

    def finish(self, child: Child, *, meanwhile: Callable[[], None] = lambda: None) -> bool:
        """Wait for what was begun while tending the others; True where it says it did well."""

        def ended() -> bool:
            meanwhile()
            return not child.is_alive

        self.wait(until=ended)
        child.signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while child.is_alive and time.monotonic() < deadline:
            time.sleep(0.05)
        child.kill_group()
        self.errands.remove(child)
        return child.process is not None and child.process.returncode == 0

    def wait(self, seconds: float = float("inf"), until: Callable[[], bool] | None = None) -> bool:
        """Tend until `until` holds (True), the time is up, or we are asked to stop (False)."""
        deadline = time.monotonic() + seconds
        while not self.stopping and time.monotonic() < deadline:
            self.tend()
            if until is not None and until():
                return True
            time.sleep(0.1)
        return False

    def stop(self) -> None:
        """Ask every child once to end, the last one first, and end those that do not."""
        started = [*self.children, *self.errands]
        for child in reversed(started):
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        for child in started:
            while child.is_alive and time.monotonic() < deadline:
                time.sleep(0.05)
            child.kill_group()


def web(listener: socket.socket, *, environment: Mapping[str, str]) -> Child:
    """Describe the web server: two gunicorn processes with threads, on a socket we hold open.

    One process has one core's worth of Python, and a request is mostly that; a machine with one
    core gets one.
    """
    threads = os.environ.get("WEB_THREADS", "8")
    processes = os.environ.get("WEB_PROCESSES") or str(min(WEB_PROCESSES, os.cpu_count() or 1))
    command = [sys.executable, "-m", "gunicorn", "labelportal.wsgi:application"]
    command += ["--bind", f"fd://{listener.fileno()}", "--worker-class", "gthread"]
    command += ["--threads", threads, "--workers", processes]
    command += ["--timeout", "60", "--graceful-timeout", "25", "--keep-alive", "5"]
    command += ["--limit-request-line", "8190", "--no-control-socket", "--log-level", "warning"]
    if Path("/dev/shm").is_dir():  # noqa: S108 - a heartbeat on a slow disk would look like a hang
        command += ["--worker-tmp-dir", "/dev/shm"]  # noqa: S108
    return Child("web server", command, environment, inherited=[listener.fileno()])


def worker(manage: Path, *, environment: Mapping[str, str]) -> Child:
    """Describe the worker; its statements may take longer than a page's."""
    patient = {"STATEMENT_TIMEOUT_MS": "600000"} | dict(environment)
    return Child("worker", [sys.executable, str(manage), "worker"], patient)


def listen(host: str, port: int) -> socket.socket:
    """Take the address, or say plainly that somebody else has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as taken:
        listener.close()
        raise Conflict(
            f"Port {port} on {host} cannot be used ({taken.strerror}). "
            f"Choose another one, for example PORT={port + 1}."
        ) from taken
    listener.listen(1024)
    return listener


def hold(data_dir: Path) -> IO[str]:
    """Hold the data folder for this process; the hold ends with it, however it ends."""
    file = (data_dir / "portal.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as held:
        file.seek(0)
        pid = file.read().strip()
        file.close()
        raise Conflict(
            f"A portal already runs on the data folder {data_dir} (process {pid}). "
            "Stop it first, or name another folder in DATA_DIR."
        ) from held
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def listens(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


def answers(host: str, port: int, path: str = "/healthz") -> bool:
    """Whether the web server says 200 to a plain request."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            connection.sendall(request)
            return connection.recv(64).split(b" ")[1:2] == [b"200"]
    except OSError:
        return False


def _reason(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def _die_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
