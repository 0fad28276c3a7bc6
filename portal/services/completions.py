"""When a project has run out of work: told once, and again only after more has been settled."""

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q

from portal import signals
from portal.models import Consensus, Event, Project, Task
from portal.models.taskstates import TAKES_EVIDENCE, TaskState
from portal.signals import announce


def record_if_complete(*, project_id: int) -> Event | None:
    """Record `project.completed` where no task is open or disputed and none was told of before.

    The newest consensus names a completion: settling another task is what arms it anew.
    """
    if not _is_owed(project_id):  # nearly always, and without a lock
        return None
    with transaction.atomic():
        project = Project.objects.select_for_update(no_key=True).get(pk=project_id)
        if not _is_owed(project_id):
            return None
        event = Event.objects.record(
            project_id=project_id,
            type="project.completed",
            data={"project": project.slug, "consensus_id": _newest(project_id), **_counts(project)},
        )
        announce(signals.event_recorded, event_id=event.pk)
    return event


def record_all() -> int:
    """Record the completions that no announcement led to; return how many."""
    unfinished = Task.objects.ordinary().filter(project=OuterRef("pk"), state__in=TAKES_EVIDENCE)
    done = Project.objects.filter(~Exists(unfinished)).order_by("pk").values_list("pk", flat=True)
    return sum(record_if_complete(project_id=pk) is not None for pk in done)


def _is_owed(project_id: int) -> bool:
    tasks = Task.objects.ordinary().filter(project_id=project_id)
    if tasks.filter(state__in=TAKES_EVIDENCE).exists():
        return False
    newest, told = _newest(project_id), Event.objects.newest_completion(project_id)
    return newest is not None and (told is None or told.data["consensus_id"] < newest)


def _newest(project_id: int) -> int | None:
    final = Consensus.objects.final().filter(project_id=project_id)
    return final.order_by("-pk").values_list("pk", flat=True).first()


def _counts(project: Project) -> dict[str, int]:
    wanted = (TaskState.SETTLED, TaskState.REJECTED, TaskState.PARKED)
    counts = {f"n_{state}": Count("pk", filter=Q(state=state)) for state in wanted}
    return Task.objects.ordinary().filter(project=project).aggregate(**counts)
