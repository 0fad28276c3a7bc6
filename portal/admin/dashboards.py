"""The console's first page: what is stuck, whom to trust, how far each project is.

Figures of a large project take a while to count, so a slow answer is kept for a minute; the page
says when it was counted.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db.models import Count
from django.http import HttpRequest
from django.utils import timezone

from portal.admin import drifts, troubles
from portal.algorithms.exams import State
from portal.algorithms.lift import Lift
from portal.algorithms.savings import Savings
from portal.models import Consensus, Evaluation, Flag, Project, RetrainJob
from portal.models.annotators import AnnotatorState
from portal.models.taskstates import TaskState
from portal.services import annotators, assignments, evaluations, projects, tasks
from portal.services.evaluations import Outlook
from portal.services.projects import Progress
from portal.services.tasks import Stock

MOST_PROJECTS = 30
MOST_PEOPLE = 14
MOST_JOBS = 6
NEWEST_CONSENSUS = 1000
SLOW_SECONDS = 0.5
EXAM_WORDS = {
    State.RUNNING: "in the exam, attempt {0.attempt}, {0.n_answered} answered",
    State.FAILED: "exam not passed",
}
KEPT_SECONDS = 60


@dataclass(frozen=True)
class Figures:
    """Everything that is counted for one project."""

    progress: Progress
    shares: list[tuple[str, int, str]]
    agreements: list[float]
    confidences: list[float]
    people: list[dict[str, Any]]
    n_people: int
    n_flagged: int
    savings: Savings
    stock: Stock | None
    lift: Lift | None
    outlook: Outlook
    counted_at: datetime


def context(request: HttpRequest) -> dict[str, Any]:
    """Return what the dashboard's template draws: every project by name, one of them in full."""
    mine = list(Project.objects.managed_by(request.user).order_by("name")[:MOST_PROJECTS])
    chosen = next((p for p in mine if p.slug == request.GET.get("project")), None)
    project = chosen or _busiest(mine)
    shown: dict[str, Any] = {
        "projects": mine,
        "project": project,
        "installation": troubles.of_installation(),
    }
    if project is None:
        return shown
    return shown | {
        "figures": _figures(project),
        "troubles": troubles.of_project(project),
        "elsewhere": troubles.elsewhere(each for each in mine if each != project),
        "jobs": _jobs(project),
        "drift": drifts.of_project(project),
        "evaluation": _newest_evaluation(project),
    }


def _busiest(mine: list[Project]) -> Project | None:
    """Return the project with the most tasks: what a manager most likely came for."""
    counted = Project.objects.filter(pk__in=[project.pk for project in mine])
    return counted.annotate(n=Count("tasks")).order_by("-n", "name").first()


def _figures(project: Project) -> Figures:
    key = f"console/figures/{project.pk}"
    kept = cache.get(key)
    if kept is not None:
        return kept
    started = time.monotonic()
    figures = _count(project)
    if time.monotonic() - started > SLOW_SECONDS:
        cache.set(key, figures, KEPT_SECONDS)
    return figures


def _count(project: Project) -> Figures:
    progress = projects.progress(project=project)
    final = Consensus.objects.final().filter(project=project).order_by("-pk")
    pairs = list(final.values_list("agreement", "confidence")[:NEWEST_CONSENSUS])
    signs, exams = _open_flags(project), _exams(project)
    people = [
        row
        | {
            "flags": signs.get(row["annotator_id"], []),
            "state_shown": _standing(row) or exams.get(row["annotator_id"], ""),
        }
        for row in annotators.all_metrics(project=project)
    ]
    people.sort(key=_second_look_first)
    return Figures(
        progress=progress,
        shares=_shares(progress),
        agreements=[agreement for agreement, _ in pairs],
        confidences=[confidence for _, confidence in pairs],
        people=people[:MOST_PEOPLE],
        n_people=len(people),
        n_flagged=sum(bool(row["flags"]) for row in people),
        savings=projects.savings(project=project),
        stock=tasks.stock_of(project=project),
        lift=evaluations.measure_lift(project=project),
        outlook=evaluations.outlook(project=project),
        counted_at=timezone.now(),
    )


def _shares(progress: Progress) -> list[tuple[str, int, str]]:
    """Return how many tasks are in each state, with the class that colours it."""
    return [
        (TaskState.SETTLED.value, progress.n_settled, "good"),
        (TaskState.OPEN.value, progress.n_open, "open"),
        (TaskState.DISPUTED.value, progress.n_disputed, "bad"),
        (TaskState.PARKED.value, progress.n_parked, "warn"),
        (TaskState.REJECTED.value, progress.n_rejected, "flat"),
    ]


def _open_flags(project: Project) -> dict[str, list[Flag]]:
    """Return the flags that wait for a decision, by the annotator's id."""
    signs: dict[str, list[Flag]] = {}
    for flag in Flag.objects.open().of_project(project.pk).select_related("annotator"):
        signs.setdefault(flag.annotator.annotator_id, []).append(flag)
    return signs


def _standing(row: dict[str, Any]) -> str:
    """Say how somebody is kept from ordinary work, if they are."""
    is_active = row["state"] == AnnotatorState.ACTIVE
    return "" if is_active else AnnotatorState(row["state"]).label


def _exams(project: Project) -> dict[str, str]:
    """Say who has the exam before them or has failed it, by the annotator's id."""
    if not project.exam_size:
        return {}
    people = list(project.annotators.all())
    exams = assignments.exams_of(project, people)
    return {
        person.annotator_id: EXAM_WORDS[exams[person.pk].state].format(exams[person.pk])
        for person in people
        if exams[person.pk].bars_ordinary_work
    }


def _second_look_first(row: dict[str, Any]) -> tuple[Any, ...]:
    return (not row["flags"], not row["state_shown"], row["provisional"], -row["reliability"])


def _jobs(project: Project) -> list[RetrainJob]:
    jobs = RetrainJob.objects.filter(project=project)
    return list(jobs.select_related("version", "new_version", "batch")[:MOST_JOBS])


def _newest_evaluation(project: Project) -> Evaluation | None:
    rows = Evaluation.objects.filter(project=project).select_related("original", "retrained")
    return rows.first()
