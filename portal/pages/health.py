"""Whether the portal lives and whether it is ready, for load balancers and people on call."""

from collections.abc import Callable
from datetime import timedelta

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_tasks_db.models import DBTaskResult

from portal.adapters import stores

LEAST_FREE_BYTES = 100_000_000
LONGEST_QUEUE = timedelta(minutes=15)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer that the process serves; it says nothing of what lies behind."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 where database, migrations, disk and queue are well, 503 where one is not."""
    checks: dict[str, Callable[[], bool]] = {
        "database": _database_answers,
        "migrations": _is_migrated,
        "disk": _has_room,
        "queue": _queue_moves,
    }
    answers = {name: _ask(check) for name, check in checks.items()}
    return JsonResponse(
        {"ready": all(answers.values()), "checks": answers},
        status=200 if all(answers.values()) else 503,
    )


def _ask(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except (DatabaseError, OSError):
        return False


def _database_answers() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone() is not None


def _is_migrated() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _has_room() -> bool:
    return stores.configured().free_bytes() >= LEAST_FREE_BYTES


def _queue_moves() -> bool:
    """Whether no job has been due for long: a worker that died shows here."""
    limit = timezone.now() - LONGEST_QUEUE
    waiting = DBTaskResult.objects.ready().filter(enqueued_at__lt=limit)
    return not waiting.exists()
