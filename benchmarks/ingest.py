"""How fast predictions come in: POST /predictions/bulk over HTTP until the last can be assigned.

Run as `python -m benchmarks.ingest [--rows 100000] [--database postgres://…]`. Each database is
measured in a fresh process with a real web server in front of it; beside it, in the same run, the
ORM's own bulk_create stores the same videos, predictions and tasks without HTTP, checks or answers.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from typing import Any

import numpy as np

from benchmarks.rows import Report, options

ROOT = Path(__file__).resolve().parent.parent
WORDS = [colour + shape for colour in ("red ", "blue ", "green ", "") for shape in (
    "circle", "square", "star", "dog", "cat", "jumps", "turns", "left", "right", "slowly",
)]  # fmt: skip
LEAST_RATIO = 2.0
TICKS = os.sysconf("SC_CLK_TCK")


def captions(n: int) -> list[tuple[str, str, float]]:
    """Video ids, captions and uncertainties."""
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(WORDS), (n, 9))
    unsure = rng.random(n)
    return [
        (f"clip-{i:07d}", " ".join(WORDS[w] for w in picks[i]), round(float(unsure[i]), 6))
        for i in range(n)
    ]


def body(n: int) -> bytes:
    """The same rows as NDJSON."""
    lines = (
        json.dumps({"video_id": v, "caption": c, "uncertainty": u, "model_version": "m1"})
        for v, c, u in captions(n)
    )
    return "\n".join(lines).encode()


@contextmanager
def served(environment: dict[str, str]) -> Any:
    """Run the portal's web server; yields its address and its worker processes."""
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "labelportal.wsgi:application", "--threads", "4",
               "--worker-class", "gthread", "--timeout", "600", "--no-control-socket",
               "--bind", f"127.0.0.1:{port}"]  # fmt: skip
    server = subprocess.Popen(command, env=environment | {"PORT": str(port)}, cwd=ROOT)
    try:
        address, children = (
            f"http://127.0.0.1:{port}",
            f"/proc/{server.pid}/task/{server.pid}/children",
        )
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/healthz").read()
                break
            except OSError:
                time.sleep(0.1)
        yield address, Path(children).read_text().split()
    finally:
        server.terminate()
        server.wait()


def inside(environment: dict[str, str], what: str, n: int) -> dict[str, Any]:
    """Run one of the steps below in a process with this database; its answer."""
    command = [sys.executable, "-m", "benchmarks.ingest", "--step", what, "--rows", str(n)]
    answer = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(answer.stdout.splitlines()[-1]))


def step(what: str, n: int) -> dict[str, Any]:
    """Do one step in this process."""
    import django

    django.setup()
    if what == "prepare":
        return _prepare()
    return _count() if what == "count" else _orm(n)


def _prepare() -> dict[str, Any]:
    from django.core.management import call_command

    from portal.models import Project
    from portal.models.tokens import Scope
    from portal.services import members, projects

    call_command("migrate", verbosity=0)
    project = projects.create(slug="ingest", name="Ingest")
    issued = members.issue_token(project=project, name="ingest", scopes=[Scope.INGEST])
    return {"project": Project.objects.get(slug="ingest").pk, "secret": issued[1]}


def _count() -> dict[str, Any]:
    from portal.models import Prediction, Task

    return {
        "tasks": Task.objects.with_room().count(),
        "unconsidered": Prediction.objects.unconsidered().count(),
        "predictions": Prediction.objects.count(),
    }


def _orm(n: int) -> dict[str, Any]:
    """Store the same rows by bulk_create, opening a task for the same share of them."""
    from django.db import transaction

    from portal.models import ModelVersion, Prediction, Project, Task, Video

    project = Project.objects.create(slug="orm", name="ORM")
    version = ModelVersion.objects.create(project=project, name="m1")
    rows, began = captions(n), time.perf_counter()
    for first in range(0, n, 5000):
        block = rows[first : first + 5000]
        with transaction.atomic():
            videos = Video.objects.bulk_create(
                [Video(project=project, video_id=v) for v, _, _ in block], batch_size=500
            )
            made = Prediction.objects.bulk_create(
                [
                    Prediction(
                        project=project, version=version, video=video, caption=c, uncertainty=u,
                        posted_uncertainty=u, estimator="SCALAR", body_sha256="0" * 64,
                    )
                    for video, (_, c, u) in zip(videos, block, strict=True)
                ],
                batch_size=500,
            )  # fmt: skip
            Task.objects.bulk_create(
                [
                    Task(project=project, video_id=p.video_id, prediction=p)
                    for i, p in enumerate(made)
                    if i % 100 < 43
                ],
                batch_size=500,
            )
    return {"seconds": time.perf_counter() - began}


def post(address: str, secret: str, raw: bytes) -> dict[str, Any]:
    """Send all rows in one call; the tally that came back."""
    request = urllib.request.Request(
        f"{address}/api/v1/predictions/bulk",
        data=raw,
        headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/x-ndjson"},
    )
    with urllib.request.urlopen(request, timeout=600) as answer:
        return dict(json.loads(answer.read()))


def cpu_seconds(processes: list[str]) -> float:
    """What these processes have spent of a core so far: the wall's time is shared with others."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split() for pid in processes]
    return sum(int(each[11]) + int(each[12]) for each in fields) / TICKS


def measure(report: Report, name: str, url: str, n: int) -> None:
    """Fill one empty database over HTTP, then once more by the ORM."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "labelportal.settings", "DATA_DIR": folder,
            "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
            "DATABASE_URL": url or f"sqlite:///{folder}/ingest.sqlite3",
            "STATEMENT_TIMEOUT_MS": "120000",
        }  # fmt: skip
        secret, raw = inside(environment, "prepare", n)["secret"], body(n)
        with served(environment) as (address, workers):
            began, burnt = time.perf_counter(), cpu_seconds(workers)
            tally = post(address, secret, raw)
            seconds, burnt = time.perf_counter() - began, cpu_seconds(workers) - burnt
        stored = inside(environment, "count", n)
        assert tally["created"] == stored["predictions"] == n, tally
        orm = inside(environment, "orm", n)["seconds"]
    report.add("IN", f"rows/s over HTTP, {name}", n / seconds, aim=">= 10,000")
    report.add("IN", f"rows a CPU-second of the web server, {name}", n / burnt)
    report.add("IN", f"rows/s by bulk_create alone, {name}", n / orm)
    report.add("IN", f"the first beside the second, {name}", orm / seconds, least=LEAST_RATIO)
    report.add(
        "IN", f"rows not yet considered when answered, {name}", stored["unconsidered"], most=0
    )
    report.add("IN", f"tasks that can be assigned, {name}", stored["tasks"], least=0.3 * n)


def main() -> int:
    """Measure SQLite, and PostgreSQL where an empty database is named."""
    parser = options(__doc__ or "", seeds=1)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--database", default="", help="an empty PostgreSQL database")
    parser.add_argument("--step", default="", help=None)
    asked = parser.parse_args()
    if asked.step:
        print(json.dumps(step(asked.step, asked.rows)))
        return 0
    report = Report()
    measure(report, "SQLite", "", asked.rows)
    if asked.database:
        measure(report, "PostgreSQL", asked.database, asked.rows)
    else:
        print("PostgreSQL is left out: name an empty --database.", file=sys.stderr)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
