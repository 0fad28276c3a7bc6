"""Background jobs in the database, on a worker that outlives kills, lost databases and deploys.

The stock worker of django-tasks-db leaves a job RUNNING for ever when it is killed. Here the job's
own row is the lease: while a worker runs it, `started_at` is set to the database's clock every few
seconds (so it means "last seen alive"), and a job that nobody was seen with goes back to the queue.
Jobs therefore run at least once, and have to be idempotent.
"""

import logging
import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import (
    InterfaceError,
    OperationalError,
    close_old_connections,
    connections,
    transaction,
)
from django.db.models.functions import Now
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult, get_date_max

from portal.adapters import commits

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 5
KEPT_DAYS = 7
DATABASE_LOST = (OperationalError, InterfaceError)

READY, RUNNING, FAILED, SUCCESSFUL = "READY", "RUNNING", "FAILED", "SUCCESSFUL"


class SturdyWorker(Worker):
    """Runs jobs one after another until `stop` is set; the job in hand is finished first."""

    def __init__(self, *, worker_id: str, stop: threading.Event, interval: float = 0.3) -> None:
        super().__init__(
            queue_names=["*"],
            interval=interval,
            batch=False,
            backend_name="default",
            startup_delay=False,
            max_tasks=None,
            worker_id=worker_id,
            excluded_queue_names=[],
        )
        self.stop = stop
        self.job_id: UUID | None = None

    def run(self) -> None:
        """Work until told to stop; a database that went away is waited for."""
        while not self.stop.is_set():
            close_old_connections()
            try:
                pause = 0.0 if self.work_once() else self.interval
            except DATABASE_LOST as lost:
                logger.warning("The database does not answer (%s); trying again.", lost)
                connections.close_all()
                pause = 2.0
            self.stop.wait(pause)

    def work_once(self) -> bool:
        """Take the next job and run it; False when there was none."""
        job = self._take()
        if job is None:
            return False
        self.job_id = job.pk
        try:
            self.run_task(job)
        finally:
            self.job_id = None
        return True

    def _take(self) -> "DBTaskResult[Any, Any] | None":
        ready = DBTaskResult.objects.ready().filter(backend_name=self.backend_name)
        if not ready.exists():  # asked first: an idle worker must not hold the write lock
            return None
        with commits.unhurried(), transaction.atomic():
            job: DBTaskResult[Any, Any] | None = ready.get_locked()
            if job is not None:
                job.claim(self.worker_id)
                self._touch(job.pk)
        return job

    def run_task(self, db_task_result: "DBTaskResult[Any, Any]") -> None:
        """Run a job; should a power cut take its end along, it runs again."""
        job = db_task_result
        job.set_successful = commits.unhurried()(job.set_successful)
        super().run_task(job)

    def beat(self) -> None:
        """Show that the job in hand has a living worker, and take over those that have none."""
        job_id = self.job_id
        if job_id is not None:
            self._touch(job_id)
        requeue_orphans()

    def hand_back(self) -> None:
        """Put the job in hand back into the queue, for a worker that may not finish it."""
        if self.job_id is not None:
            running = DBTaskResult.objects.filter(pk=self.job_id, status=RUNNING)
            running.update(status=READY, started_at=None)

    def _touch(self, job_id: UUID) -> None:
        DBTaskResult.objects.filter(pk=job_id, status=RUNNING).update(started_at=Now())


def requeue_orphans() -> int:
    """Give every job whose worker has not been seen for a while back to the queue.

    A job that was begun `MOST_ATTEMPTS` times and never ended kills its workers: it is failed
    instead, so that it stops taking them along.
    """
    long_ago = Now() - timedelta(seconds=settings.JOB_STALE_SECONDS)
    orphaned = DBTaskResult.objects.filter(status=RUNNING, started_at__lt=long_ago)
    n_orphans = 0
    for job in list(orphaned):
        mine = orphaned.filter(pk=job.pk)  # another worker may have taken it over meanwhile
        if len(job.worker_ids) < MOST_ATTEMPTS:
            n_orphans += mine.update(status=READY, started_at=None)
            logger.warning("Job %s lost its worker and was queued again.", job.task_path)
        else:
            lost = f"Begun {len(job.worker_ids)} times; each time the worker was lost."
            n_orphans += mine.update(status=FAILED, finished_at=Now(), traceback=lost)
            logger.error("Job %s was given up: %s", job.task_path, lost)
    return n_orphans


def waiting_since() -> float | None:
    """Return for how many seconds the oldest due job has waited; None when nothing waits."""
    ready = DBTaskResult.objects.ready().annotate(now=Now()).order_by("enqueued_at")
    job = ready.values("now", "enqueued_at", "run_after").first()
    if job is None:
        return None
    immediately = job["run_after"] == get_date_max()
    due = job["enqueued_at"] if immediately else max(job["enqueued_at"], job["run_after"])
    return max(0.0, float((job["now"] - due).total_seconds()))


def forget_finished(days: float = KEPT_DAYS) -> int:
    """Delete jobs that ended long ago: what they did is in the rows they changed."""
    ended = DBTaskResult.objects.filter(status__in=[SUCCESSFUL, FAILED])
    return ended.filter(finished_at__lt=Now() - timedelta(days=days)).delete()[0]
