"""When a project is fitted anew, and how: outside of any transaction, then swapped in one."""

from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from portal.adapters import vectors
from portal.algorithms import reliability
from portal.models import Consensus, Project, Refit, Review
from portal.services.refits.calibrating import calibrated
from portal.services.refits.evidence import gather, parameters_before
from portal.services.refits.swapping import swap

EVERY = timedelta(days=1)


def due(*, now: datetime | None = None) -> list[int]:
    """Ids of projects whose last refit is a day old and in which something was decided since.

    A project without any is due a day after it was made. The rows answer, so a night on which no
    worker ran, or one that was killed, only delays.
    """
    newest = Refit.objects.filter(project=OuterRef("pk")).order_by("-number")
    projects = Project.objects.annotate(
        fitted_at=Coalesce(Subquery(newest.values("created_at")[:1]), F("created_at")),
        seen=Coalesce(Subquery(newest.values("newest_consensus")[:1]), Value(0)),
    ).filter(fitted_at__lte=(now or timezone.now()) - EVERY)
    return [project.pk for project in projects.order_by("pk") if _has_news(project)]


def _has_news(project: Project) -> bool:
    fitted_at, seen = project.fitted_at, project.seen  # type: ignore[attr-defined]
    closed = Consensus.objects.final().filter(project=project, pk__gt=seen)
    return (
        closed.exists()
        or Review.objects.filter(Q(task__project=project, created_at__gt=fitted_at)).exists()
    )


def refit(*, project: Project) -> Refit | None:
    """Fit the project's parameters, skills and calibration anew, and put them in force at once.

    None where nothing has been weighed yet, or where another refit was quicker: then its numbers
    are in force. Killed before the swap, nothing has changed and it is still due.
    """
    encoder = vectors.encoder_for(project.language)
    number, before = parameters_before(project, encoder)
    evidence = gather(project, encoder)
    if not evidence.task_ids:
        return None
    fitted = reliability.refit(evidence.captions, before, evidence.said)
    parameters, n_labels = calibrated(project, fitted.parameters, encoder)
    return swap(
        project,
        after=number,
        evidence=evidence,
        fitted=replace(fitted, parameters=parameters),
        n_labels=n_labels,
    )
