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

from portal.admin import troubles
from portal.models import Consensus, Evaluation, Project, RetrainJob
from portal.models.members import AnnotatorState
from portal.models.tasks import TaskState
from portal.services import annotators, projects
from portal.services.projects import Progress

MOST_PROJECTS = 30
MOST_PEOPLE = 14
MOST_JOBS = 6
NEWEST_CONSENSUS = 1000
SLOW_SECONDS = 0.5
KEPT_SECONDS = 60

# When an annotator is worth a second look.
LEAST_GOLD, LOW_GOLD = 4, 0.5
HIGH_DISAGREEMENT = 0.5
SURELY_LOW = 0.3


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
    people = [_judged(row) for row in annotators.all_metrics(project=project)]
    people.sort(key=lambda row: (not row["flags"], row["provisional"], -row["reliability"]))
    return Figures(
        progress=progress,
        shares=_shares(progress),
        agreements=[agreement for agreement, _ in pairs],
        confidences=[confidence for _, confidence in pairs],
        people=people[:MOST_PEOPLE],
        n_people=len(people),
        n_flagged=sum(bool(row["flags"]) for row in people),
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


def _judged(row: dict[str, Any]) -> dict[str, Any]:
    """Add to somebody's figures what should make a manager look twice."""
    gold, disagreement = row["gold_accuracy"], row["disagreement_rate"]
    flags = []
    if gold is not None and row["n_gold"] >= LEAST_GOLD and gold < LOW_GOLD:
        flags.append("gold wrong")
    if not row["provisional"] and (disagreement or 0.0) > HIGH_DISAGREEMENT:
        flags.append("disagrees often")
    if not row["provisional"] and row["reliability_high"] < SURELY_LOW:
        flags.append("surely low")
    if row["state"] != AnnotatorState.ACTIVE:
        flags.append(AnnotatorState(row["state"]).label)
    return row | {"flags": flags}


def _jobs(project: Project) -> list[RetrainJob]:
    jobs = RetrainJob.objects.filter(project=project)
    return list(jobs.select_related("version", "new_version", "batch")[:MOST_JOBS])


def _newest_evaluation(project: Project) -> Evaluation | None:
    rows = Evaluation.objects.filter(project=project).select_related("original", "retrained")
    return rows.first()
