"""Retraining that nobody asks for: enough new captions, a turn of the schedule, or drift.

Any of them opens one job where none is active, the cool-down is over and a new caption stands. They
are asked after each consensus and by the sweep, so a trigger is never lost, only late.
"""

from datetime import timedelta

import numpy as np
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from portal.algorithms import control, schedules
from portal.models import (
    Consensus,
    MiniBatch,
    ModelVersion,
    Prediction,
    Project,
    RetrainJob,
    Surprise,
)
from portal.models.retraining import JobState
from portal.models.versions import VersionState
from portal.services.retraining.batches import items_for, open_job


def request_if_due(*, project_id: int) -> RetrainJob | None:
    """Open a job where one of the triggers says so; None where there is nothing to do."""
    if why_due(Project.objects.get(pk=project_id)) is None:  # the lock is not taken for a look
        return None
    with transaction.atomic():
        project = Project.objects.select_for_update(no_key=True).get(pk=project_id)
        reason, version = why_due(project), base_of(project)
        if reason is None or version is None:
            return None
        items = items_for(project)
        if not items:
            return None
        return open_job(
            version=version,
            mini_batch_id=_name(project, reason),
            items=items,
            reason=reason,
            kind=project.batch_kind,
        )


def request_all_due() -> int:
    """Open the jobs that are due in any project, announced or not; return how many."""
    projects = Project.objects.order_by("pk").values_list("pk", flat=True)
    return sum(request_if_due(project_id=pk) is not None for pk in projects)


def why_due(project: Project) -> str | None:
    """Return the reason for which a project should be retrained now: count, schedule or drift."""
    if not _is_time(project):
        return None
    if _is_full(project):
        return "count"
    reason = _lesser_reason(project)
    return reason if reason and _has_new(project) else None


def _lesser_reason(project: Project) -> str | None:
    """The reason that one new caption is enough for."""
    if _is_scheduled(project):
        return "schedule"
    return "drift" if _has_drifted(project) else None


def base_of(project: Project) -> ModelVersion | None:
    """Return the version to retrain: the promoted one, else the newest that no verdict rejected."""
    current = ModelVersion.objects.current_of(project.pk)
    if current is not None:
        return current
    return (
        ModelVersion.objects.filter(project=project)
        .filter(Exists(Prediction.objects.filter(version=OuterRef("pk"))))
        .exclude(state=VersionState.RETIRED)
        .exclude(made_by__state=JobState.REJECTED)
        .order_by("-pk")
        .first()
    )


def _is_time(project: Project) -> bool:
    """Whether no retraining runs and the last one that counted is long enough ago."""
    jobs = RetrainJob.objects.filter(project=project)
    rested = timezone.now() - timedelta(hours=project.cooldown_hours)
    recent = jobs.exclude(state=JobState.CANCELLED).filter(created_at__gt=rested)
    return not (jobs.active().exists() or recent.exists())


def _is_full(project: Project) -> bool:
    """Whether a batch of new captions stands, looking no further back than two batches.

    New captions are the newest ones, so the answer costs the same in a project of any size.
    """
    newest = Consensus.objects.filter(project=project).trainable().order_by("-pk")
    window = list(newest.values_list("pk", flat=True)[: 2 * project.batch_size])
    if len(window) < project.batch_size:
        return False
    return newest.filter(pk__gte=window[-1]).unbatched().count() >= project.batch_size


def _has_new(project: Project) -> bool:
    """Whether a new caption stands, looking as far back as the last two batches' worth."""
    newest = Consensus.objects.filter(project=project).trainable().order_by("-pk")
    window = list(newest.values_list("pk", flat=True)[: 2 * project.batch_size])
    return bool(window) and newest.filter(pk__gte=window[-1]).unbatched().exists()


def _last_run(project: Project) -> RetrainJob | None:
    return RetrainJob.objects.filter(project=project).exclude(state=JobState.CANCELLED).first()


def _is_scheduled(project: Project) -> bool:
    if not project.retrain_hours and project.retrain_weekday is None:
        return False
    last = _last_run(project)
    return schedules.is_due(
        last.created_at if last else project.created_at,
        timezone.now(),
        every_hours=project.retrain_hours,
        weekday=project.retrain_weekday,
        at=project.retrain_at,
    )


def _has_drifted(project: Project) -> bool:
    """Whether the newest mean is out, all of its points being newer than the last retraining."""
    base = base_of(project) if project.retrains_on_drift else None
    if base is None:
        return False
    began, last = Surprise.objects.began_of_newest(base.pk, control.WINDOW), _last_run(project)
    if began is None or (last is not None and began <= last.created_at):
        return False
    values = Surprise.objects.charted(base.pk, n_first=control.WINDOW, n_newest=control.WINDOW)
    chart = control.control_chart(np.asarray(values, dtype=np.float64), control.WINDOW)
    return chart is not None and chart.is_out


def _name(project: Project, reason: str) -> str:
    number = MiniBatch.objects.filter(project=project).count() + 1
    while MiniBatch.objects.filter(project=project, mini_batch_id=f"{reason}-{number}").exists():
        number += 1
    return f"{reason}-{number}"
