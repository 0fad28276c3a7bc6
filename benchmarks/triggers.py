"""Racing triggers (T10): 32 at once over 1,000 mini-batches open one retrain job each.

In every second round 32 threads request the same mini-batch by its id, as a client that repeats a
call does; in the others 32 threads find that a new consensus has made a batch full, as the hooks
and sweeps of several workers do. DATABASE_URL chooses PostgreSQL (an empty database).

    python -m benchmarks.triggers [--rounds 1000]
"""

import argparse
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks import installations
from benchmarks.rows import Report

N_TRIGGERS = 32


class Racers:
    """32 threads, each with a connection of its own, that start together."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(N_TRIGGERS)
        self.start = threading.Barrier(N_TRIGGERS)

    def race(self, trigger: Callable[[], Any]) -> tuple[list[Any], list[str]]:
        """Call a trigger from every thread at once; return answers and errors."""

        def call() -> Any:
            self.start.wait()
            return trigger()

        runs = [self.pool.submit(call) for _ in range(N_TRIGGERS)]
        errors = [repr(run.exception()) for run in runs if run.exception()]
        return [run.result() for run in runs if not run.exception()], errors

    def close(self) -> None:
        """Hang up every connection."""
        from django.db import connection

        self.race(connection.close)
        self.pool.shutdown()


def rounds(report: Report, n_rounds: int, vendor: str) -> None:
    """Settle one more caption a round and let the triggers race for it."""
    from portal.models import (
        Consensus,
        MiniBatch,
        ModelVersion,
        Prediction,
        Project,
        RetrainJob,
        Task,
        Video,
    )
    from portal.services import retraining

    project = Project.objects.create(slug="race", name="Race", batch_size=1, cooldown_hours=0.0)
    version = ModelVersion.objects.create(project=project, name="v1")
    videos = [Video(project=project, video_id=f"v{n}", state="ready") for n in range(n_rounds)]
    Video.objects.bulk_create(videos, batch_size=500)
    Prediction.objects.create(
        project=project, video=videos[0], version=version, caption="a dog", body_sha256="0" * 64,
        uncertainty=0.5, posted_uncertainty=0.5,
    )  # fmt: skip
    tasks = [Task(project=project, video=video, state="settled") for video in videos]
    Task.objects.bulk_create(tasks, batch_size=500)
    racers, wrong, errors, started = Racers(), 0, [], time.monotonic()
    for number, task in enumerate(tasks):
        Consensus.objects.create(
            project=project, task=task, number=1, status="accepted", caption="a dog runs",
            confidence=0.9, agreement=0.9, method="lexical", of_revision=0,
        )  # fmt: skip
        by_id = {"mini_batch_id": f"b{number}", "task_ids": [task.pk]}
        if number % 2:
            answers, failed = racers.race(lambda: retraining.request_if_due(project_id=project.pk))
            n_opened = sum(job is not None for job in answers)
        else:
            answers, failed = racers.race(
                lambda by_id=by_id: retraining.request(project=project, version=version, **by_id)
            )
            n_opened = sum(is_new for _, is_new in answers)
        errors += failed
        n_active = RetrainJob.objects.active().count()
        wrong += not (n_opened == 1 and n_active == 1 and not failed)
        RetrainJob.objects.active().update(state="rejected")
    seconds = time.monotonic() - started
    racers.close()
    report.add("T10", f"rounds of {N_TRIGGERS} racing triggers, {vendor}", n_rounds)
    report.add("T10", "rounds that did not open exactly one job", wrong, most=0)
    n_jobs, n_batches = RetrainJob.objects.count(), MiniBatch.objects.count()
    report.add("T10", "jobs per mini-batch", n_jobs / n_batches, least=1, aim="1")
    report.add("T10", "mini-batches beyond one a round", n_batches - n_rounds, most=0)
    report.add("T10", "triggers that failed", len(errors), most=0)
    report.add("T10", "seconds", seconds)
    for error in sorted(set(errors))[:5]:
        print(error, file=sys.stderr)


def main() -> int:
    """Run the race."""
    parser = argparse.ArgumentParser(description="Racing triggers: T10.")
    parser.add_argument("--rounds", type=int, default=1000)
    given = parser.parse_args()
    report = Report()
    with installations.fresh() as vendor:
        rounds(report, given.rounds, vendor)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
