"""Put whole queues in order anew, a chunk at a time; what is still owed stands in rows."""

from django.db import transaction

from portal import signals
from portal.models import Prediction, Project, Task
from portal.services.tasks.ordering import KEY, price_all, save_each
from portal.signals import announce

CHUNK = 1000
PREDICTIONS_AT_ONCE = 20_000


@transaction.atomic
def reprice_all(*, project_id: int) -> None:
    """Owe every open task of a project its new place: the weights have changed."""
    Project.objects.filter(pk=project_id).update(repricing_from=0)
    announce(signals.weights_changed, project_id=project_id)


def reprice(*, project_id: int) -> int:
    """Give every task that is owed one its new place; goes on where it was killed."""
    n_priced = 0
    while n := _reprice_next(project_id):
        n_priced += n
    return n_priced


@transaction.atomic
def _reprice_next(project_id: int) -> int:
    # Without the key: rows that only point at the project need not wait.
    rows = Project.objects.select_for_update(no_key=True).filter(pk=project_id)
    project = rows.exclude(repricing_from=None).first()
    if project is None:
        return 0
    waiting = Task.objects.open().ordinary().filter(project_id=project_id)
    ids = list(
        waiting.filter(pk__gte=project.repricing_from or 0)
        .order_by("pk")
        .values_list("pk", flat=True)[:CHUNK]
    )
    tasks = list(Task.objects.lock_all(ids).filter(pk__in=waiting).select_related("project"))
    price_all(tasks)
    save_each(tasks, KEY)
    rows.update(repricing_from=ids[-1] + 1 if ids else None)
    return len(ids)


def reconsider(*, version_id: int) -> int:
    """Have every standing prediction of a version considered again; says how many.

    For a version that was promoted: its sketch is complete now, so ranks that were taken while it
    was young are taken again. Untouched tasks that it is sure of close, and what it doubts opens.
    """
    standing = Prediction.objects.standing().filter(version_id=version_id).order_by("pk")
    n, last = 0, 0
    while True:
        rest = standing.filter(pk__gt=last).values_list("pk", flat=True)
        ids = list(rest[:PREDICTIONS_AT_ONCE])
        if not ids:
            return n
        # A statement a chunk: the write lock is not held for all of a million rows.
        Prediction.objects.filter(pk__among=ids).update(is_considered=False)
        n, last = n + len(ids), ids[-1]
