"""Claims at a thousand, a hundred thousand and a million waiting tasks, on both databases.

`python -m benchmarks.claims rates|cycles|race|unlocked|expiry --databases sqlite,postgres`. Needs a
PostgreSQL at 127.0.0.1 for the second. `--keep FOLDER` fills each world of rates and cycles once,
there and in databases named bench_kept_…, and copies it from then on; `fill` does nothing else.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.claim_databases import ROOT, Outcome, World, python, run, server, world
from benchmarks.rows import Report

DONE = 5000
N_RARE = 100


def rates(report: Report, options: argparse.Namespace) -> None:
    """The next task of people for whom it lies far back, then claims by many clients at once."""
    firsts: dict[int, float] = {}
    for database in options.databases:
        for size in options.sizes:
            name = f"{database}, {size:,} open"
            with stocked(database, size, options) as there:
                firsts[size] = next_tasks(report, name, there)
                if size >= 10 * DONE:  # less is gone in seconds
                    crowds(report, name, there, options)
        small, large = min(options.sizes), max(options.sizes)
        if small < large:
            what = f"{database}, next task at {large:,} beside {small:,} open"
            report.add("flat", what, firsts[large] / firsts[small], most=1.5)


def stocked(database: str, size: int, options: argparse.Namespace) -> AbstractContextManager[World]:
    """A world of so many open tasks; 5,000 that one person has done are among them, or come first.

    Among them where they hardly count.
    """
    n_tasks = size if size >= 10 * DONE else size + DONE
    return world(database, kept=options.keep, tasks=n_tasks, wanted=3, done=DONE)


def next_tasks(report: Report, name: str, there: World) -> float:
    """What one waits who has done 5,000 tasks that still wait for others, or fits only the last.

    Returns the median of the first.
    """
    timed = run(there, "calls", [there.done], "--claims=200")
    median = report.add("flat", f"{name}, 5,000 done before, p50 ms", timed.percentile(50))
    report.add("flat", f"{name}, 5,000 done before, p95 ms", timed.percentile(95))
    few = run(there, "calls", [there.rare], f"--claims={N_RARE}")
    name = f"{name}, {N_RARE} fitting at the back"
    report.add("back", f"{name}, found", len(few.ms), least=N_RARE)
    report.add("back", f"{name}, p50 ms", few.percentile(50), most=15)
    report.add("back", f"{name}, p95 ms", few.percentile(95))
    return median


def crowds(report: Report, name: str, there: World, options: argparse.Namespace) -> None:
    """Claims by so many clients at once, calling the service and, if asked for, over HTTP."""
    is_t10 = name.startswith("postgres, 1,000,000")
    for n in options.clients:
        timed = run(there, "calls", there.people[:n], f"--seconds={options.seconds}")
        tell(report, f"{name}, {n} clients", timed, is_t10=is_t10 and n == 8)
    if options.http:
        with server(there, options.processes) as port:
            for n in options.clients:
                people = [f"a{15 - k}" for k in range(n)]
                timed = run(there, "http", people, f"--seconds={options.seconds}", f"--port={port}")
                tell(report, f"{name}, {n} clients over HTTP, {options.processes} server", timed)
    found = python("claim_worlds", "check", env=there.environment)
    row = "T10" if is_t10 else "claims"
    for what in ("given twice", "over the cap"):
        report.add(row, f"{name}, {what}", found[what], most=0)


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
    faults(report, row, name, timed)


def faults(report: Report, row: str, name: str, timed: Outcome) -> None:
    """Report how much went wrong, and show a few."""
    report.add(row, f"{name}, errors", len(timed.wrong), most=0)
    for error in sorted(set(timed.wrong))[:5]:
        print(error, file=sys.stderr)


def cycles(report: Report, options: argparse.Namespace) -> None:
    """Next and submit, with the consensus that follows, by 8 clients over HTTP."""
    for database in options.databases:
        for size in options.sizes:
            with (
                stocked(database, size, options) as there,
                server(there, options.processes) as port,
            ):
                people = [f"a{k}" for k in range(8)]
                spans = f"--seconds={options.seconds}", f"--port={port}"
                timed = run(there, "cycles", people, *spans)
            name = f"{database}, {size:,} open, 8 clients, {options.processes} server"
            report.add("cycles", f"{name}, next and submit, a second", timed.rate, aim=">= 60")
            report.add("cycles", f"{name}, p50 ms", timed.percentile(50))
            report.add("cycles", f"{name}, p95 ms", timed.percentile(95))
            faults(report, "cycles", name, timed)


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
        faults(report, "race", database, timed)


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


def fill(report: Report, options: argparse.Namespace) -> None:
    """Fill the worlds of these sizes, so that a measurement need not wait for it."""
    for database in options.databases:
        for size in options.sizes:
            with stocked(database, size, options):
                pass


ACTS = {
    "fill": fill, "rates": rates, "cycles": cycles,
    "race": race, "unlocked": unlocked, "expiry": expiry,
}  # fmt: skip


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
    parser.add_argument("--processes", type=int, default=1, help="of the web server")
    parser.add_argument("--keep", type=Path, help="a folder for filled worlds")
    options = parser.parse_args()
    report = Report()
    for act in options.acts:
        ACTS[act](report, options)
    return report.finish()


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
