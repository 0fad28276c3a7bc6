"""Claims at a thousand, a hundred thousand and a million waiting tasks, on both databases.

`python -m benchmarks.claims rates|cycles|race|unlocked|expiry --databases sqlite,postgres`. Needs a
PostgreSQL at --postgres for the second; databases are made for a run and dropped after it.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psycopg

from benchmarks.rows import Report

ROOT = Path(__file__).resolve().parent.parent
POSTGRES = "postgres://postgres@127.0.0.1:5432"
DONE = 5000


@dataclass(frozen=True)
class World:
    """A database with tasks and people, and the environment in which a process sees it."""

    environment: dict[str, str]
    people: list[int]
    rare: int
    done: int


@contextmanager
def world(database: str, *, is_durable: bool = True, **options: int) -> Iterator[World]:
    """Make a database, fill it, and drop it at the end.

    What is about locks and not about disks need not wait for the disk.
    """
    folder = Path(tempfile.mkdtemp(prefix="claims-"))
    name = f"bench_pull_{os.getpid()}_{int(time.time())}"
    environment = os.environ | {
        "DATA_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "labelportal.settings",
        "CLAIMS_A_MINUTE": "1000000000",
        "STATEMENT_TIMEOUT_MS": "600000",
        "LOG_LEVEL": "ERROR",
        "DATABASE_URL": f"sqlite:///{folder}/claims.sqlite3",
    }
    if database == "postgres":
        environment["DATABASE_URL"] = f"{POSTGRES}/{name}"
        administer(f"CREATE DATABASE {name}")
        administer(
            f"ALTER DATABASE {name} SET synchronous_commit = {'on' if is_durable else 'off'}"
        )
    elif not is_durable:
        environment["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    try:
        arguments = [f"--{key}={value}" for key, value in options.items() if key != "unlocked"]
        arguments += ["--unlocked"] if options.get("unlocked") else []
        yield World(environment, **python("claim_worlds", "fill", *arguments, env=environment))
    finally:
        if database == "postgres":
            administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        shutil.rmtree(folder, ignore_errors=True)


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
def server(there: World) -> Iterator[int]:
    """Run the shipped web server and worker on this world; yields the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "manage.py", "portal", "--port", str(port)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=there.environment | {"PORT": str(port)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert "runs at" in process.stdout.readline()
        yield port
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def rates(report: Report, options: argparse.Namespace) -> None:
    """Claims by 1, 8 and 16 clients below and over HTTP, and one person's at the back."""
    firsts: dict[str, float] = {}
    for database in options.databases:
        for size in options.sizes:
            name = f"{database}, {size:,} open"
            with world(database, tasks=size, wanted=3) as there:
                for n in options.clients:
                    timed = run(there, "calls", there.people[:n], f"--seconds={options.seconds}")
                    tell(report, f"{name}, {n} clients", timed, is_t10=_is_t10(database, size, n))
                few = run(there, "calls", [there.rare], "--claims=50")
                most = 15 if size >= 100_000 else None
                report.add(
                    "item4",
                    f"{name}, 100 fitting at the back, p50 ms",
                    few.percentile(50),
                    most=most,
                )
                if options.http:
                    over_http(report, name, there, options)
            if size >= 1000:
                firsts[f"{database}/{size}"] = done_before(report, name, database, size)
        flat(report, database, options.sizes, firsts)


def _is_t10(database: str, size: int, n: int) -> bool:
    return database == "postgres" and size >= 1_000_000 and n == 8


def tell(report: Report, name: str, timed: Outcome, *, is_t10: bool = False) -> None:
    """Report one run: rate, percentiles, and what went wrong."""
    row = "T10" if is_t10 else "claims"
    report.add(row, f"{name}, claims/s", timed.rate, aim=">= 500" if is_t10 else None)
    report.add(row, f"{name}, p50 ms", timed.percentile(50))
    report.add(
        row, f"{name}, p95 ms", timed.percentile(95),
        most=50 if is_t10 else None, aim="<= 20" if is_t10 else None,
    )  # fmt: skip
    report.add(row, f"{name}, p99 ms", timed.percentile(99))
    report.add(row, f"{name}, processor ms of a client", timed.processor_ms)
    report.add(row, f"{name}, errors", len(timed.wrong), most=0)
    for error in sorted(set(timed.wrong))[:5]:
        print(error, file=sys.stderr)


def over_http(report: Report, name: str, there: World, options: argparse.Namespace) -> None:
    """The same through the shipped server, the claim alone being timed."""
    with server(there) as port:
        for n in options.clients:
            people = [f"a{15 - k}" for k in range(n)]
            timed = run(there, "http", people, f"--seconds={options.seconds}", f"--port={port}")
            tell(report, f"{name}, {n} clients over HTTP", timed)


def done_before(report: Report, name: str, database: str, size: int) -> float:
    """The median claim of somebody who has answered 5,000 tasks that still wait for others."""
    with world(database, tasks=size + DONE, wanted=3, done=DONE) as there:
        timed = run(there, "calls", [there.done], "--claims=200")
    return report.add("item4", f"{name}, 5,000 done before, p50 ms", timed.percentile(50))


def flat(report: Report, database: str, sizes: Sequence[int], firsts: dict[str, float]) -> None:
    """How much longer the next task takes at the largest size than at the smallest."""
    small, large = min(sizes), max(sizes)
    if small == large:
        return
    ratio = firsts[f"{database}/{large}"] / firsts[f"{database}/{small}"]
    report.add("item4", f"{database}, next task at {large:,} beside {small:,}", ratio, most=1.5)


def cycles(report: Report, options: argparse.Namespace) -> None:
    """Next and submit, with the consensus that follows, by 8 clients over HTTP."""
    for database in options.databases:
        size = options.sizes[-1]
        with world(database, tasks=size, wanted=3) as there, server(there) as port:
            people = [f"a{k}" for k in range(8)]
            timed = run(there, "cycles", people, f"--seconds={options.seconds}", f"--port={port}")
        name = f"{database}, {size:,} open, 8 clients, next and submit"
        report.add("cycles", f"{name}, cycles/s", timed.rate, aim=">= 60")
        report.add("cycles", f"{name}, p50 ms", timed.percentile(50))
        report.add("cycles", f"{name}, p95 ms", timed.percentile(95))
        report.add("cycles", f"{name}, errors", len(timed.wrong), most=0)
        for error in sorted(set(timed.wrong))[:5]:
            print(error, file=sys.stderr)


def race(report: Report, options: argparse.Namespace) -> None:
    """So many claims by 16 processes: nothing twice, nothing over, no self-votes, no errors."""
    for database in options.databases:
        n_tasks = options.claims // 3 + 1000
        with world(database, is_durable=False, tasks=n_tasks, wanted=3) as there:
            each = -(-options.claims // 16)
            timed = run(there, "race", there.people, f"--claims={each}")
            found = python("claim_worlds", "check", env=there.environment)
        report.add("race", f"{database}, claims", found["claims"], least=options.claims)
        report.add("race", f"{database}, claims/s", timed.rate)
        for what in ("given twice", "over the cap", "miscounted", "self-votes"):
            report.add("race", f"{database}, {what}", found[what], most=0)
        report.add("race", f"{database}, errors", len(timed.wrong), most=0)
        for error in sorted(set(timed.wrong))[:5]:
            print(error, file=sys.stderr)


def unlocked(report: Report, options: argparse.Namespace) -> None:
    """The same without lock and constraint: the checker has to find what went wrong."""
    for database in options.databases:
        with world(database, is_durable=False, tasks=500, wanted=1, unlocked=1) as there:
            run(there, "naive", there.people[:8])
            found = python("claim_worlds", "check", env=there.environment)
        report.add("race", f"{database} without lock, over the cap", found["over the cap"], least=1)


def expiry(report: Report, options: argparse.Namespace) -> None:
    """Submit at the moment when the lease ends, so many times, by four pairs of people."""
    for database in options.databases:
        each = -(-options.expiries // 4)
        with world(database, is_durable=False, tasks=4 * each, wanted=1) as there:
            started = [
                subprocess.Popen(
                    [
                        *(sys.executable, "-m", "benchmarks.claim_expiries"),
                        *map(str, there.people[2 * k : 2 * k + 2]),
                        *(f"--first={k * each}", f"--n={each}"),
                    ],
                    cwd=ROOT,
                    env=there.environment,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                for k in range(4)
            ]
            counts: Counter[str] = Counter()
            for process in started:
                counts.update(json.loads(process.communicate()[0].splitlines()[-1]))
        name = f"{database}, submits at the moment of expiry"
        report.add("F15", f"{name}, contests", counts.total(), least=options.expiries)
        report.add("F15", f"{name}, won by the holder", counts["holder"], least=1)
        report.add("F15", f"{name}, won by the rival", counts["rival"], least=1)
        others = counts.total() - counts["holder"] - counts["rival"]
        report.add("F15", f"{name}, anything but one winner and a loser told", others, most=0)
        for outcome in sorted(set(counts) - {"holder", "rival"})[:5]:
            print(outcome, counts[outcome], file=sys.stderr)


ACTS = {"rates": rates, "cycles": cycles, "race": race, "unlocked": unlocked, "expiry": expiry}


def main() -> int:
    """Run what was asked for; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("acts", nargs="+", choices=sorted(ACTS))
    parser.add_argument(
        "--databases", type=lambda text: text.split(","), default=["sqlite", "postgres"]
    )
    parser.add_argument("--sizes", type=_numbers, default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--clients", type=_numbers, default=[1, 8, 16])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--claims", type=int, default=100_000)
    parser.add_argument("--expiries", type=int, default=10_000)
    parser.add_argument("--http", action="store_true")
    options = parser.parse_args()
    report = Report()
    for act in options.acts:
        ACTS[act](report, options)
    return report.finish()


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
