"""What consensus costs as a portal fills: one new caption from 1,000 stored to 1,000,000; a refit.

Run as `python -m benchmarks.costs`, and with `DATABASE_URL=postgres://…` for PostgreSQL: either way
in a database of its own that is dropped at the end. `--most 10000` stops earlier.
"""

import os
import resource
import sys
import tempfile
import time

import numpy as np

from benchmarks.rows import Report, options

STORED = (1_000, 10_000, 100_000, 1_000_000)
FITTED = (1_000, 10_000, 100_000, 1_000_000)
K = 5
N_PEOPLE = 2_000
N_NEW = 60


def main() -> int:
    """Measure the fit, then the path of one caption."""
    parser = options(__doc__ or "", seeds=1)
    parser.add_argument(
        "--most", type=int, default=STORED[-1], help="stored captions, fitted tasks"
    )
    parser.add_argument("--only", choices=("fit", "captions"), help="one half of the figures")
    asked = parser.parse_args()
    report = Report()
    if asked.only != "captions":
        fits(report, asked.most)
    if asked.only != "fit":
        with tempfile.TemporaryDirectory(prefix="bench-costs-") as folder:
            os.environ.setdefault("DATA_DIR", folder)
            captions(report, asked)
    return report.finish()


def fits(report: Report, most: int) -> None:
    """The nightly fit over tasks of five captions whose similarities are known."""
    from portal.algorithms.panels import iterate
    from portal.algorithms.parameters import Parameters

    spent = {}
    for n_tasks in [n for n in FITTED if n <= most]:
        panel = made_panel(n_tasks)
        began = time.process_time()
        iterate(panel, np.zeros((N_PEOPLE, 2)), Parameters())
        spent[n_tasks] = time.process_time() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        report.add("refit", f"seconds of CPU, {n_tasks:,} tasks of five", spent[n_tasks], most=60)
        report.add("refit", f"peak MB of the process, {n_tasks:,} tasks of five", peak, most=4096)


def made_panel(n_tasks: int):
    """Five captions a task by people of known spread, every pair's similarity drawn."""
    from portal.algorithms.panels import Panel

    rng = np.random.default_rng(0)
    n = n_tasks * K
    author = rng.integers(N_PEOPLE, size=n)
    one, other = np.nonzero(~np.eye(K, dtype=bool))
    starts = np.arange(n_tasks)[:, None] * K
    receiver, giver = (starts + one).ravel(), (starts + other).ravel()
    skill = rng.normal(0, 0.05, N_PEOPLE)
    return Panel(
        task=np.repeat(np.arange(n_tasks), K),
        author=author,
        human=np.ones(n, dtype=bool),
        copy=np.zeros(n, dtype=bool),
        discount=np.ones(n),
        receiver=receiver,
        giver=giver,
        value=0.3 + skill[author[receiver]] + rng.normal(0, 0.1, len(receiver)),
    )


def captions(report: Report, asked) -> None:
    """Submit, settle and credit one caption at a time while the portal fills up."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "labelportal.settings")
    import django
    from django.db import connection

    django.setup()
    if not (asked.data / "msrvtt").exists():
        print("No data in msrvtt: the cost of one caption is left out.", file=sys.stderr)
        return
    name = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[connection.vendor]
    if connection.vendor == "postgresql":
        connection.settings_dict["TEST"]["NAME"] = f"bench_costs_{os.getpid()}"
    before = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        measure(report, asked, name)
    finally:
        connection.creation.destroy_test_db(before, verbosity=0)


def measure(report: Report, asked, name: str) -> None:
    """Time the path of a caption at each size of the portal."""
    from benchmarks.clips import captions_of
    from benchmarks.stores import Filling

    texts = list(captions_of(asked.data).values())
    filling = Filling(texts[0][:K])
    filling.submit_all(texts[1:10], 0)  # warm: caches, compiled statements, the encoder
    walls = {}
    for size in [n for n in STORED if n <= asked.most]:
        filling.fill(size)
        own = texts[10 + len(walls) * N_NEW :][:N_NEW]
        wall, cpu = filling.submit_all(own, 1 + len(walls))
        walls[size] = float(np.median(wall))
        what = f"{name}, {size:,} stored captions: one more"
        report.add("cost", f"{what}, ms, median", walls[size])
        report.add("cost", f"{what}, ms, p95", float(np.quantile(wall, 0.95)))
        report.add("cost", f"{what}, ms of the process's CPU, p95", float(np.quantile(cpu, 0.95)))
    sizes = sorted(walls)
    growth = walls[sizes[-1]] / walls[sizes[0]]
    report.add(
        "cost", f"{name}, {sizes[-1]:,} stored beside {sizes[0]:,}: median", growth, most=2.0
    )


if __name__ == "__main__":
    sys.exit(main())
