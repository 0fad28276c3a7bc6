import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from portal.pages import health

pytestmark = pytest.mark.django_db


def ready():
    answer = Client().get("/readyz")
    return answer.status_code, json.loads(answer.content)["checks"]


def test_the_portal_lives_without_asking_the_database(django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = Client().get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_the_portal_is_ready_when_everything_is_well():
    assert ready() == (
        200, {"database": True, "migrations": True, "disk": True, "queue": True},
    )  # fmt: skip


def test_a_job_that_nobody_takes_makes_it_not_ready():
    row = DBTaskResult.objects.create(
        task_path="portal.jobs.judge", args_kwargs={"args": [], "kwargs": {}},
        backend_name="default", run_after=timezone.now(), exception_class_path="", traceback="",
    )  # fmt: skip
    assert ready()[0] == 200
    DBTaskResult.objects.filter(pk=row.pk).update(enqueued_at=timezone.now() - timedelta(hours=1))
    status, checks = ready()
    assert status == 503
    assert [name for name, is_well in checks.items() if not is_well] == ["queue"]


def test_a_disk_that_fills_up_makes_it_not_ready(monkeypatch):
    monkeypatch.setattr(health, "LEAST_FREE_BYTES", 10**18)
    assert ready()[1]["disk"] is False


def test_a_migration_that_was_not_run_makes_it_not_ready():
    from django.db.migrations.recorder import MigrationRecorder

    MigrationRecorder.Migration.objects.filter(app="portal").delete()
    assert ready()[1]["migrations"] is False
