"""Simulated runs side by side, each in a process and a database of its own, and their table."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from django.conf import settings
from django.core.management.base import CommandError

from portal.algorithms import worlds
from portal.management.plots import Line
from portal.management.simulations import Setting, Spent, Way

MEMORY = "sqlite://:memory:"
NAMES = {
    Way.FIXED: "fixed redundancy",
    Way.ADAPTIVE: "adaptive",
    Way.ROUTED: "adaptive, routed",
}
MAJORITY = "fixed, majority"


@dataclass(frozen=True)
class Figure:
    """One setting over its seeds: mean answers a task, mean accuracy and its 95 % half-width."""

    name: str
    level: float
    per_task: float
    accuracy: float
    half_width: float | None
    disputed: float


def encode(setting: Setting) -> str:
    """Write a setting as one line."""
    return json.dumps(asdict(setting))


def decode(line: str) -> Setting:
    """Read what `encode` wrote."""
    values = json.loads(line)
    shape = worlds.Shape(**values.pop("shape"))
    return Setting(way=Way(values.pop("way")), shape=shape, **values)


def run_all(
    cells: Sequence[Setting], *, n_processes: int, encoder: str, on_done: Callable[[int], None]
) -> list[tuple[Setting, Spent]]:
    """Run every setting, so many at once, and return what each came to.

    Raises CommandError with the last lines of a run that broke.
    """
    done = []
    with ThreadPoolExecutor(n_processes) as pool:
        for cell, spent in zip(
            cells, pool.map(lambda each: _run(each, encoder), cells), strict=True
        ):
            done.append((cell, spent))
            on_done(1)
    return done


def _run(setting: Setting, encoder: str) -> Spent:
    with tempfile.TemporaryDirectory(prefix="simulation-") as folder:
        environment = os.environ | {
            "DATABASE_URL": MEMORY, "DATA_DIR": folder, "ENCODER": encoder, "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        program = [
            sys.executable,
            str(Path(settings.BASE_DIR) / "manage.py"),
            "simulate",
            "--one",
            encode(setting),
        ]
        ended = subprocess.run(  # noqa: S603 our own program
            program, env=environment, capture_output=True, text=True, check=False
        )
    if ended.returncode:
        raise CommandError(f"A simulated run failed: {ended.stderr.strip()[-2000:]}")
    return Spent(**json.loads(ended.stdout.splitlines()[-1]))


def figures(done: Sequence[tuple[Setting, Spent]]) -> list[Figure]:
    """Average over the seeds, in the order of ways and levels; majority beside fixed."""
    rows = []
    for way in Way:
        levels = sorted({cell.level for cell, _ in done if cell.way == way})
        for level in levels:
            spent = [each for cell, each in done if cell.way == way and cell.level == level]
            n_tasks = next(cell.shape.n_tasks for cell, _ in done if cell.way == way)
            rows.append(
                _figure(NAMES[way], level, spent, [each.accuracy for each in spent], n_tasks)
            )
            if way == Way.FIXED:
                right = [each.majority for each in spent]
                rows.append(replace(_figure(MAJORITY, level, spent, right, n_tasks), disputed=0.0))
    return rows


def _figure(
    name: str, level: float, spent: Sequence[Spent], right: Sequence[float], n_tasks: int
) -> Figure:
    n = len(spent)
    half = float(1.96 * np.std(right, ddof=1) / np.sqrt(n)) if n > 1 else None
    return Figure(
        name=name,
        level=level,
        per_task=float(np.mean([each.per_task for each in spent])),
        accuracy=float(np.mean(right)),
        half_width=half,
        disputed=float(np.mean([each.n_disputed / n_tasks for each in spent])),
    )


def lines(rows: Sequence[Figure]) -> list[Line]:
    """Return one line a way, from few answers a task to many."""
    names = list(dict.fromkeys(row.name for row in rows))
    return [
        Line(name, sorted((row.per_task, row.accuracy) for row in rows if row.name == name))
        for name in names
    ]


def cost_of(accuracy: float, line: Line) -> float | None:
    """Answers a task at which a line first reaches an accuracy; None where it never does.

    Between two points it is drawn straight; a line that starts above is said to start there.
    """
    costs = [x for x, _ in line.points]
    rising = np.maximum.accumulate([y for _, y in line.points])
    if not len(rising) or rising[-1] < accuracy:
        return None
    return float(np.interp(accuracy, rising, costs))


def table(rows: Sequence[Figure], wanted: float) -> Iterator[str]:
    """Write the figures as text, then what the wanted accuracy costs each way."""
    yield f"{'':<18} {'level':>6} {'answers a task':>15} {'right':>8} {'±':>6} {'disputed':>9}"
    for row in rows:
        half = "–" if row.half_width is None else f"{row.half_width:.1%}"
        yield (
            f"{row.name:<18} {row.level:>6g} {row.per_task:>15.2f} {row.accuracy:>8.1%} {half:>6}"
            f" {row.disputed:>9.1%}"
        )
    yield ""
    for line in lines(rows):
        cost = cost_of(wanted, line)
        told = "is not reached" if cost is None else f"takes {cost:.2f} answers a task"
        yield f"{wanted:.0%} right {told}: {line.name}."
