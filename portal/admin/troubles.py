"""What is stuck: one sentence a trouble, with the page where it is dealt with."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from portal.models import (
    Assignment,
    Delivery,
    Endpoint,
    Export,
    Membership,
    Project,
    RetrainJob,
    Task,
    Video,
)
from portal.models.events import DeliveryState
from portal.models.exports import ExportState
from portal.models.members import Role
from portal.models.retraining import JobState
from portal.models.tasks import TaskState
from portal.models.videos import VideoState

RECENT = timedelta(days=14)
# The sweep ticks every few seconds: what is owed for longer than this, nobody sweeps.
TICK_PATIENCE = timedelta(minutes=2)


@dataclass(frozen=True)
class Trouble:
    """One thing that does not move by itself."""

    kind: str  # bad: work is lost or stands still; warn: somebody should look
    text: str
    url: str
    remedy: str


def of_installation() -> list[Trouble]:
    """Say whether the worker lives, judged by what it owes."""
    late = timezone.now() - TICK_PATIENCE
    owed = (
        Assignment.objects.stale().filter(expires_at__lt=late),
        Delivery.objects.due().filter(next_attempt_at__lt=late),
        Video.objects.needing_media().filter(next_attempt_at__lt=late),
        DBTaskResult.objects.ready().filter(enqueued_at__lt=late),
    )
    if not any(rows.exists() for rows in owed):
        return []
    text = "The worker does not tick: work has been waiting for more than two minutes."
    return [Trouble("bad", text, reverse("pages:readyz"), "See what is ready")]


def of_project(project: Project) -> list[Trouble]:
    """Say what is stuck in one project, the worst first."""
    found = [*_people(project), *_tasks(project), *_outside(project)]
    return sorted(found, key=lambda trouble: trouble.kind != "bad")


def _people(project: Project) -> Iterator[Trouble]:
    if project.is_paused:
        yield _trouble("bad", "The project is paused: nobody is given work.", project, "Resume it")
    working = Membership.objects.active().filter(project=project).exclude(role=Role.READER)
    if not working.exclude(role=Role.MANAGER).exists() and not project.annotators.exists():
        url = f"{reverse('admin:portal_invitation_add')}?project={project.pk}"
        yield Trouble("warn", "Nobody captions here yet.", url, "Invite people")


def _tasks(project: Project) -> Iterator[Trouble]:
    tasks = Task.objects.filter(project=project)
    disputed = tasks.filter(state=TaskState.DISPUTED).count()
    if disputed:
        url = reverse("pages:disputes", args=[project.slug])
        yield Trouble("bad", _n(disputed, "disputed task waits", "disputed tasks wait")
                      + " for an expert.", url, "Decide")  # fmt: skip
    parked = tasks.filter(state=TaskState.PARKED)
    yield from _listed(parked, "task is parked.", "tasks are parked.", project, "Look", "warn",
                       state=TaskState.PARKED)  # fmt: skip
    failed = Video.objects.filter(project=project, state=VideoState.FAILED)
    yield from _listed(failed, "clip could not be read.", "clips could not be read.", project,
                       "See why", "bad", state=VideoState.FAILED)  # fmt: skip


def _outside(project: Project) -> Iterator[Trouble]:
    lost = Delivery.objects.filter(
        endpoint__project=project, state=DeliveryState.EXHAUSTED, created_at__gt=_since()
    )
    yield from _listed(lost, "message was given up.", "messages were given up.", project,
                       "Redeliver", "bad", scope="endpoint__project",
                       state=DeliveryState.EXHAUSTED)  # fmt: skip
    off = Endpoint.objects.filter(project=project, is_active=False)
    yield from _listed(off, "endpoint is switched off.", "endpoints are switched off.", project,
                       "Activate", "bad", is_active=0)  # fmt: skip
    failing = Endpoint.objects.active().filter(project=project, failing_since__isnull=False)
    yield from _listed(failing, "endpoint does not answer.", "endpoints do not answer.", project,
                       "See which", "warn")  # fmt: skip
    jobs = RetrainJob.objects.filter(project=project, created_at__gt=_since())
    for state, sentence in (
        (JobState.TIMED_OUT, "went silent"),
        (JobState.FAILED, "failed"),
    ):
        yield from _listed(jobs.filter(state=state), f"retraining {sentence}.",
                           f"retrainings {sentence}.", project, "See why", "bad",
                           state=state)  # fmt: skip
    exports = Export.objects.filter(
        project=project, state=ExportState.FAILED, created_at__gt=_since()
    )
    yield from _listed(exports, "export failed.", "exports failed.", project, "See why", "warn",
                       state=ExportState.FAILED)  # fmt: skip


def _listed(
    rows: "QuerySet[object]",
    one: str,
    many: str,
    project: Project,
    remedy: str,
    kind: str,
    scope: str = "project",
    **filters: object,
) -> Iterator[Trouble]:
    """Say how many rows there are, leading to the list that shows them."""
    n = rows.count()
    if n:
        asked = {f"{scope}__id__exact": project.pk}
        asked |= {f"{name}__exact": value for name, value in filters.items()}
        name = f"admin:portal_{rows.model._meta.model_name}_changelist"
        yield Trouble(kind, _n(n, one, many), f"{reverse(name)}?{urlencode(asked)}", remedy)


def _trouble(kind: str, text: str, project: Project, remedy: str) -> Trouble:
    return Trouble(kind, text, reverse("admin:portal_project_change", args=[project.pk]), remedy)


def _n(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def _since() -> object:
    return timezone.now() - RECENT
