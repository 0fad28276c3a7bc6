"""What is stuck: one sentence a trouble, with the page where it is dealt with."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Model, QuerySet
from django.urls import reverse
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from portal.algorithms.exams import State
from portal.models import (
    Annotator,
    Assignment,
    Delivery,
    Endpoint,
    Export,
    Flag,
    Membership,
    Project,
    RetrainJob,
    Task,
    Video,
)
from portal.models.annotators import AnnotatorState
from portal.models.events import DeliveryState
from portal.models.exports import ExportState
from portal.models.flags import FlagState
from portal.models.members import Role
from portal.models.retraining import JobState
from portal.models.taskstates import TaskState
from portal.models.videos import VideoState
from portal.services import assignments, tasks

RECENT = timedelta(days=14)
# The sweep ticks every few seconds: what is owed for longer than this, nobody sweeps.
TICK_PATIENCE = timedelta(minutes=2)
AUDIT_PATIENCE = timedelta(days=3)


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


def elsewhere(projects: Iterable[Project]) -> list[tuple[Project, int]]:
    """Count what is stuck in several projects, in as many queries whatever their number."""
    known = {project.pk: project for project in projects}
    n_stuck = Counter(pk for pk, project in known.items() if project.is_paused)
    for rows, path in (
        (Task.objects.filter(state=TaskState.DISPUTED), "project"),
        (Video.objects.filter(state=VideoState.FAILED), "project"),
        (Endpoint.objects.filter(is_active=False), "project"),
        (_recent(Delivery).filter(state=DeliveryState.EXHAUSTED), "endpoint__project"),
    ):
        mine = rows.filter(**{f"{path}__in": list(known)}).order_by()
        n_stuck.update(dict(mine.values_list(path).annotate(n=Count("pk"))))
    return [(project, n_stuck[pk]) for pk, project in known.items() if n_stuck[pk]]


def _people(project: Project) -> Iterator[Trouble]:
    if project.is_paused:
        yield _trouble("bad", "The project is paused: nobody is given work.", project, "Resume it")
    signs = _Kind("warn", "sign about a person waits.", "signs about people wait.", "Look")
    flags = Flag.objects.of_project(project.pk)
    yield from signs.of(project, flags, "annotator__project", state=FlagState.OPEN)
    yield from _gold(project)
    working = Membership.objects.active().filter(project=project).exclude(role=Role.READER)
    if not working.exclude(role=Role.MANAGER).exists() and not project.annotators.exists():
        url = f"{reverse('admin:portal_invitation_add')}?project={project.pk}"
        yield Trouble("warn", "Nobody captions here yet.", url, "Invite people")


def _gold(project: Project) -> Iterator[Trouble]:
    """Warn before somebody runs out of unseen gold, and of those who wait at the exam."""
    stock = tasks.stock_of(project=project)
    more = f"{reverse('admin:portal_goldreference_add')}?project={project.pk}"
    if stock is not None and stock.n_stranded:
        cannot = _n(stock.n_stranded, "person on gold only has", "people on gold only have")
        yield Trouble("bad", f"{cannot} no unseen gold left to work on.", more, "Import gold")
    if stock is not None and stock.low:
        yield Trouble("warn", stock.sentence, more, "Import gold")
    failed = [
        pk
        for pk, exam in assignments.exams_of(project, _sitting_exams(project)).items()
        if exam.state is State.FAILED
    ]
    if failed:
        url = f"{reverse('admin:portal_annotator_changelist')}?project__id__exact={project.pk}"
        used = _n(len(failed), "person has", "people have")
        yield Trouble("warn", f"{used} used every attempt of the exam.", url, "Let them try again")


def _sitting_exams(project: Project) -> "QuerySet[Annotator]":
    """Those who may have failed: they have answered as much gold as all attempts hold."""
    n_clips = project.exam_size * project.exam_attempts
    people = project.annotators.filter(state=AnnotatorState.ACTIVE, n_gold__gte=n_clips)
    return people if project.exam_size else people.none()


def _tasks(project: Project) -> Iterator[Trouble]:
    rows = Task.objects.filter(project=project)
    disputed = rows.filter(state=TaskState.DISPUTED).count()
    if disputed:
        waits = _n(disputed, "disputed task waits", "disputed tasks wait")
        url = reverse("pages:disputes", args=[project.slug])
        yield Trouble("bad", f"{waits} for an expert.", url, "Decide")
    late = timezone.now() - AUDIT_PATIENCE
    drawn = rows.filter(is_audited=True, audited_at__isnull=True, state=TaskState.SETTLED)
    unaudited = drawn.filter(closed_at__lt=late).count()
    if unaudited:
        waits = _n(unaudited, "clip has waited", "clips have waited")
        url = reverse("pages:audit", args=[project.slug])
        text = f"{waits} for a blind audit for three days: confidence is measured by those."
        yield Trouble("warn", text, url, "Audit")
    parked = _Kind("warn", "task is parked.", "tasks are parked.", "Look")
    yield from parked.of(project, rows, state=TaskState.PARKED)
    failed = _Kind("bad", "clip could not be read.", "clips could not be read.", "See why")
    yield from failed.of(project, project.videos.all(), state=VideoState.FAILED)


def _outside(project: Project) -> Iterator[Trouble]:
    lost = _Kind("bad", "message was given up.", "messages were given up.", "Redeliver")
    sent = _recent(Delivery).filter(endpoint__project=project)
    yield from lost.of(project, sent, "endpoint__project", state=DeliveryState.EXHAUSTED)
    off = _Kind("bad", "endpoint is switched off.", "endpoints are switched off.", "Activate")
    yield from off.of(project, project.endpoints.all(), is_active=0)
    silent = _Kind("warn", "endpoint does not answer.", "endpoints do not answer.", "See which")
    failing = Endpoint.objects.active().filter(project=project, failing_since__isnull=False)
    yield from silent.of(project, failing)
    newest = RetrainJob.objects.filter(project=project).select_related("version").first()
    if newest is not None and newest.state in (JobState.FAILED, JobState.TIMED_OUT):
        url = reverse("admin:portal_retrainjob_change", args=[newest.pk])
        text = f"The last retraining, of {newest.version}, {newest.get_state_display()}."
        yield Trouble("bad", text, url, "See why")
    broken = _Kind("warn", "export failed.", "exports failed.", "See why")
    yield from broken.of(project, _recent(Export).filter(project=project), state=ExportState.FAILED)


@dataclass(frozen=True)
class _Kind:
    """A trouble that rows have in common: how it is said of one and of many."""

    kind: str
    one: str
    many: str
    remedy: str

    def of(
        self, project: Project, rows: "QuerySet[Any]", scope: str = "project", **state: object
    ) -> Iterator[Trouble]:
        """Count the rows in this state, and lead to the list that shows them."""
        n = rows.filter(**state).count()
        if n:
            asked = {f"{scope}__id__exact": project.pk}
            asked |= {f"{name}__exact": value for name, value in state.items()}
            url = reverse(f"admin:portal_{rows.model._meta.model_name}_changelist")
            text = _n(n, self.one, self.many)
            yield Trouble(self.kind, text, f"{url}?{urlencode(asked)}", self.remedy)


def _trouble(kind: str, text: str, project: Project, remedy: str) -> Trouble:
    return Trouble(kind, text, reverse("admin:portal_project_change", args=[project.pk]), remedy)


def _n(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def _recent(model: type[Model]) -> "QuerySet[Any]":
    return model._default_manager.filter(created_at__gt=timezone.now() - RECENT)
