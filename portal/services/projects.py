"""Projects: making them, their guidelines, how many captions they ask for, how far they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Avg, Count, F, Min, Q, Sum
from django.db.models.functions import Greatest, Least, TruncDate
from django.utils import timezone

from portal.algorithms.savings import Savings
from portal.errors import Conflict, InvalidInput
from portal.models import (
    Annotation,
    Assignment,
    AuditEntry,
    Consensus,
    Guideline,
    Membership,
    Project,
    Review,
    Task,
    User,
    Vote,
)
from portal.models.assignments import AssignmentState
from portal.models.members import Role
from portal.models.projects import RESERVED_SLUGS
from portal.models.taskstates import TaskState

DAYS_SHOWN = 14
GUIDELINE_CHARACTERS = 50_000


@dataclass(frozen=True)
class Progress:
    """How far a project is; `captions_per_day` ends today and names every day, idle ones too."""

    n_tasks: int
    n_open: int
    n_settled: int
    n_disputed: int
    n_parked: int
    n_rejected: int
    n_waiting_review: int  # captions that take votes and have none
    n_captions: int
    n_votes: int
    mean_agreement: float | None
    mean_confidence: float | None
    n_unassigned: int
    oldest_open_at: datetime | None
    captions_per_day: Sequence[tuple[date, int]]
    n_new_consensus: int  # final, trainable and in no batch yet


@transaction.atomic
def create(*, slug: str, name: str, owner: User | None = None, **rules: Any) -> Project:
    """Make a project with its rules; the owner becomes its manager."""
    if slug.lower() in RESERVED_SLUGS:
        raise InvalidInput.on("slug", f"{slug} is reserved; choose another short name.", "reserved")
    project = Project(slug=slug, name=name, **rules)
    _check(project)
    project.save()
    if owner is not None:
        Membership.objects.create(project=project, user=owner, role=Role.MANAGER)
        User.objects.filter(pk=owner.pk).update(is_staff=True)
    AuditEntry.objects.record(
        action="project.created",
        on=project,
        project_id=project.pk,
        actor=f"user:{owner}" if owner else "system",
        user=owner,
    )
    return project


@transaction.atomic
def publish_guidelines(*, project: Project, text: str, user: User | None) -> Guideline:
    """Put a new version of the guidelines in force; an unchanged text publishes nothing."""
    text = text.replace("\r\n", "\n").strip()
    if not text or len(text) > GUIDELINE_CHARACTERS or "\x00" in text:
        raise InvalidInput.on(
            "text", f"Guidelines have between 1 and {GUIDELINE_CHARACTERS} characters."
        )
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    newest = Guideline.objects.newest_of(project.pk)
    if newest is not None and newest.text == text:
        return newest
    number = newest.number + 1 if newest else 1
    return Guideline.objects.create(project=project, number=number, text=text, created_by=user)


@transaction.atomic
def change_redundancy(*, project: Project, minimum: int, maximum: int, actor: str = "") -> Project:
    """Change how many captions a task gets, for open tasks too.

    Raises Conflict where an open task already has more than the new maximum.
    """
    project = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    project.min_captions, project.max_captions = minimum, maximum
    _check(project)
    tasks = Task.objects.open().ordinary().filter(project=project)
    too_many = tasks.filter(n_taken__gt=maximum).count()
    if too_many:
        raise Conflict(
            f"{too_many} open tasks have more than {maximum} captions asked for or written; "
            "settle them first or allow more."
        )
    project.save(update_fields=["min_captions", "max_captions"])
    _follow_redundancy(project)
    AuditEntry.objects.record(
        action="project.redundancy_changed",
        on=project,
        project_id=project.pk,
        actor=actor or "system",
        details={"minimum": minimum, "maximum": maximum},
    )
    return project


def progress(*, project: Project) -> Progress:
    """Count where the project's tasks, captions and votes stand."""
    tasks = Task.objects.filter(project=project)
    states = dict(tasks.values_list("state").annotate(Count("id")).order_by())
    final = Consensus.objects.final().filter(project=project)
    means = final.aggregate(agreement=Avg("agreement"), confidence=Avg("confidence"))
    captions = Annotation.objects.standing().filter(task__project=project)
    return Progress(
        n_tasks=sum(states.values()),
        n_open=states.get(TaskState.OPEN, 0),
        n_settled=states.get(TaskState.SETTLED, 0),
        n_disputed=states.get(TaskState.DISPUTED, 0),
        n_parked=states.get(TaskState.PARKED, 0),
        n_rejected=states.get(TaskState.REJECTED, 0),
        n_waiting_review=captions.open_for_votes()
        .filter(task__is_gold=False, votes__isnull=True)
        .count(),
        n_captions=captions.count(),
        n_votes=Vote.objects.filter(annotation__task__project=project).count(),
        mean_agreement=means["agreement"],
        mean_confidence=means["confidence"],
        n_unassigned=tasks.open().ordinary().filter(n_taken=0).count(),
        oldest_open_at=tasks.open().ordinary().aggregate(oldest=Min("created_at"))["oldest"],
        captions_per_day=_per_day(project),
        n_new_consensus=Consensus.objects.filter(project=project).trainable().unbatched().count(),
    )


def savings(*, project: Project) -> Savings:
    """Count what the settled tasks have cost, everything that is no caption included."""
    tasks = Task.objects.ordinary().filter(project=project)
    settled = tasks.filter(state=TaskState.SETTLED, n_captions__gt=0)
    closed = settled.aggregate(n_tasks=Count("id"), n_captions=Sum("n_captions"))
    standing = Annotation.objects.standing().filter(task__project=project)
    skipped = Assignment.objects.filter(task__project=project, state=AssignmentState.SKIPPED)
    return Savings(
        n_tasks=closed["n_tasks"],
        n_captions=closed["n_captions"] or 0,
        n_gold=standing.filter(task__is_gold=True).count(),
        n_skips=skipped.count(),
        n_reviews=Review.objects.filter(task__project=project).count(),
        n_votes=Vote.objects.filter(annotation__task__project=project).count(),
        redundancy=project.max_captions,
    )


def _per_day(project: Project) -> list[tuple[date, int]]:
    today = timezone.now().date()
    first = today - timedelta(days=DAYS_SHOWN - 1)
    counted = dict(
        Annotation.objects.standing()
        .filter(task__project=project, created_at__date__gte=first)
        .annotate(day=TruncDate("created_at"))
        .values_list("day")
        .annotate(Count("id"))
        .order_by()
    )
    days = (first + timedelta(days=number) for number in range(DAYS_SHOWN))
    return [(day, counted.get(day, 0)) for day in days]


def _follow_redundancy(project: Project) -> None:
    """Bring open tasks within the new bounds, and let those with enough captions be settled."""
    tasks = Task.objects.open().ordinary().filter(project=project)
    least, most = project.min_captions, project.max_captions
    tasks.filter(Q(n_wanted__lt=least) | Q(n_wanted__gt=most)).update(
        n_wanted=Least(Greatest(F("n_wanted"), least), most)
    )
    tasks.filter(n_captions=0).update(n_wanted=Greatest(F("n_taken"), least))
    tasks.filter(n_captions__gte=least).update(revision=F("revision") + 1)


def _check(project: Project) -> None:
    try:
        project.full_clean()
    except ValidationError as refused:
        raise InvalidInput.of(refused.message_dict) from refused
