"""Jobs survive their workers."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from django.conf import settings as live_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from portal.adapters import queues
from tests.adapters.slow_jobs import wait_for
from tests.waiting import eventually

MANAGE = Path(live_settings.BASE_DIR) / "manage.py"


@contextmanager
def worker(environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([sys.executable, str(MANAGE), "worker"], env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def begun(folder: Path) -> int:
    notes = folder / "begun"
    return len(notes.read_text()) if notes.exists() else 0


def state_of(job_id: str) -> str:
    return DBTaskResult.objects.values_list("status", flat=True).get(pk=job_id)


@pytest.fixture
def stale_soon(child_environment: dict[str, str]) -> dict[str, str]:
    return child_environment | {"JOB_STALE_SECONDS": "1.5"}


def test_a_job_whose_worker_is_killed_runs_again(stale_soon, tmp_path) -> None:
    job = wait_for.enqueue(str(tmp_path))
    with worker(stale_soon) as first:
        assert eventually(lambda: begun(tmp_path) == 1)
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert state_of(job.id) == "RUNNING"
    with worker(stale_soon):
        assert eventually(lambda: begun(tmp_path) == 2)
        (tmp_path / "go").touch()
        assert eventually(lambda: state_of(job.id) == "SUCCESSFUL")


def test_a_long_job_stays_with_its_living_worker(stale_soon, tmp_path) -> None:
    job = wait_for.enqueue(str(tmp_path))
    with worker(stale_soon), worker(stale_soon):
        assert eventually(lambda: begun(tmp_path) == 1)
        assert not eventually(lambda: begun(tmp_path) > 1, seconds=4)
        (tmp_path / "go").touch()
        assert eventually(lambda: state_of(job.id) == "SUCCESSFUL")


def test_a_worker_that_is_told_to_stop_finishes_the_job_in_hand(stale_soon, tmp_path) -> None:
    job = wait_for.enqueue(str(tmp_path))
    with worker(stale_soon) as only:
        assert eventually(lambda: begun(tmp_path) == 1)
        only.send_signal(signal.SIGTERM)
        only.send_signal(signal.SIGTERM)  # a second signal aborts nothing
        (tmp_path / "go").touch()
        assert only.wait(30) == 0
    assert state_of(job.id) == "SUCCESSFUL"


@pytest.mark.django_db
def test_a_job_that_kills_every_worker_is_given_up(tmp_path) -> None:
    job = wait_for.enqueue(str(tmp_path))
    dead = {"status": "RUNNING", "started_at": timezone.now() - timedelta(hours=1)}
    row = DBTaskResult.objects.filter(pk=job.id)
    row.update(worker_ids=["w"] * (queues.MOST_ATTEMPTS - 1), **dead)
    queues.requeue_orphans()
    assert state_of(job.id) == "READY"
    row.update(worker_ids=["w"] * queues.MOST_ATTEMPTS, **dead)
    queues.requeue_orphans()
    assert state_of(job.id) == "FAILED"


@pytest.mark.django_db
def test_an_idle_worker_asks_without_locking() -> None:
    idle = queues.SturdyWorker(worker_id="idle", stop=Event())
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert not idle.work_once()
    assert [query["sql"].split()[0] for query in asked] == ["SELECT"]


@pytest.mark.django_db
def test_a_job_handed_back_waits_for_the_next_worker(tmp_path) -> None:
    job = wait_for.enqueue(str(tmp_path))
    leaving = queues.SturdyWorker(worker_id="leaving", stop=Event())
    taken = leaving._take()
    assert taken is not None
    leaving.job_id = taken.pk
    leaving.hand_back()
    assert state_of(job.id) == "READY"


@pytest.mark.django_db
def test_only_jobs_that_ended_long_ago_are_forgotten(tmp_path) -> None:
    fresh, old, waiting = (wait_for.enqueue(str(tmp_path)) for _ in range(3))
    ended = DBTaskResult.objects.filter(pk__in=[fresh.id, old.id])
    ended.update(status="SUCCESSFUL", finished_at=timezone.now())
    long_ago = timezone.now() - timedelta(days=8)
    DBTaskResult.objects.filter(pk=old.id).update(finished_at=long_ago)
    queues.forget_finished()
    left = {str(pk) for pk in DBTaskResult.objects.values_list("pk", flat=True)}
    assert left == {fresh.id, waiting.id}


@pytest.mark.django_db
def test_the_oldest_waiting_job_tells_how_far_the_queue_is_behind(tmp_path) -> None:
    assert queues.waiting_since() is None
    job = wait_for.enqueue(str(tmp_path))
    earlier = timezone.now() - timedelta(seconds=90)
    DBTaskResult.objects.filter(pk=job.id).update(enqueued_at=earlier)
    assert queues.waiting_since() == pytest.approx(90, abs=30)
