"""The databases that claims are measured in, filled or copied, and the clients let loose on them.

A world is made for one measurement and dropped after it. Where worlds are kept, each is filled once
and copied from then on, file by file: a million tasks take minutes to fill and seconds to copy.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psycopg

ROOT = Path(__file__).resolve().parent.parent
POSTGRES = "postgres://postgres@127.0.0.1:5432"


@dataclass(frozen=True)
class World:
    """A database with tasks and people, and the environment in which a process sees it."""

    environment: dict[str, str]
    people: list[int]
    rare: int
    done: int


@dataclass(frozen=True)
class Place:
    """A database that may or may not be there yet."""

    vendor: str
    name: str
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / f"{self.name}.sqlite3"

    @property
    def url(self) -> str:
        if self.vendor == "postgres":
            return f"{POSTGRES}/{self.name}"
        return f"sqlite:///{self.file}"

    def make(self, copied: "Place | None" = None) -> None:
        """Make the database, empty or as a copy."""
        if self.vendor == "postgres":
            template = f"TEMPLATE {copied.name} STRATEGY FILE_COPY" if copied else ""
            administer(f"CREATE DATABASE {self.name} {template}")
        elif copied:
            shutil.copyfile(copied.file, self.file)

    def drop(self) -> None:
        """Drop it, if it is there."""
        if self.vendor == "postgres":
            administer(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
        else:
            self.file.unlink(missing_ok=True)


@contextmanager
def world(
    vendor: str, *, is_durable: bool = True, kept: Path | None = None, **options: int
) -> Iterator[World]:
    """Make a database, fill it or copy it from those that are kept, and drop it at the end.

    What is about locks and not about disks need not wait for the disk.
    """
    folder = Path(tempfile.mkdtemp(prefix="claims-"))
    place = Place(vendor, f"bench_pull_{os.getpid()}_{int(time.time())}", folder)
    try:
        if kept is None:
            place.make()
            told = fill(place, options)
        else:
            original, told = keep(kept, vendor, options)
            place.make(original)
        if vendor == "postgres":
            waits = "on" if is_durable else "off"
            administer(f"ALTER DATABASE {place.name} SET synchronous_commit = {waits}")
        environment = environment_of(place)
        if vendor == "sqlite" and not is_durable:
            environment["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        yield World(environment, **told)
    finally:
        place.drop()
        shutil.rmtree(folder, ignore_errors=True)


def keep(folder: Path, vendor: str, options: dict[str, int]) -> tuple[Place, dict[str, object]]:
    """Return a filled database that stays, and what is known of it; fill it if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    name = "_".join(["bench_kept", *(f"{key}{value}" for key, value in sorted(options.items()))])
    place, told = Place(vendor, name, folder), folder / f"{name}.{vendor}.json"
    if not told.exists():
        place.drop()
        place.make()
        told.write_text(json.dumps(fill(place, options)))
    return place, json.loads(told.read_text())


def fill(place: Place, options: dict[str, int]) -> dict[str, object]:
    """Fill an empty database in a process of its own."""
    arguments = [f"--{key}={value}" for key, value in options.items() if key != "unlocked"]
    arguments += ["--unlocked"] if options.get("unlocked") else []
    return python("claim_worlds", "fill", *arguments, env=environment_of(place))


def environment_of(place: Place) -> dict[str, str]:
    """What a process has to know to work in this database."""
    return os.environ | {
        "DATA_DIR": str(place.folder),
        "DJANGO_SETTINGS_MODULE": "labelportal.settings",
        "CLAIMS_A_MINUTE": "1000000000",
        "STATEMENT_TIMEOUT_MS": "600000",
        "LOG_LEVEL": "ERROR",
        "DATABASE_URL": place.url,
    }


def administer(statement: str) -> None:
    """Run one statement on the server itself."""
    with psycopg.connect(f"{POSTGRES}/postgres", autocommit=True) as server:
        server.execute(statement)


def python(module: str, *arguments: str, env: dict[str, str]) -> dict[str, object]:
    """Run one of our programs to its end and read the line that it prints."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@dataclass(frozen=True)
class Outcome:
    """What all clients of a run did together."""

    ms: np.ndarray
    wrong: list[str]
    seconds: float
    processor_ms: float

    @property
    def rate(self) -> float:
        return len(self.ms) / self.seconds

    def percentile(self, q: float) -> float:
        """Milliseconds that this share of calls stayed below."""
        return float(np.percentile(self.ms, q)) if len(self.ms) else float("nan")


def run(there: World, mode: str, people: Sequence[object], *options: str) -> Outcome:
    """Run one client process a person from one starting gun."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.claim_clients", mode, str(person), *options],
            cwd=ROOT,
            env=there.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for person in people
    ]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [json.loads(process.communicate()[0]) for process in started]
    return Outcome(
        np.concatenate([answer["ms"] for answer in answers]),
        [error for answer in answers for error in answer["wrong"]],
        max(answer["seconds"] for answer in answers),
        float(np.mean([answer["processor_ms"] for answer in answers])),
    )


@contextmanager
def server(there: World, n_processes: int) -> Iterator[int]:
    """Run the shipped web server and worker on this world; yields the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "manage.py", "portal", "--port", str(port)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=there.environment | {"PORT": str(port), "WEB_PROCESSES": str(n_processes)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert "runs at" in process.stdout.readline()
        yield port
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
