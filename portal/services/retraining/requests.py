"""Asking for a retraining: by hand with named tasks, or because enough new captions stand."""

import hashlib
import re
from collections.abc import Sequence
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from portal import signals
from portal.errors import Conflict, InvalidInput
from portal.models import (
    AuditEntry,
    BatchItem,
    Consensus,
    MiniBatch,
    ModelVersion,
    Prediction,
    Project,
    RetrainJob,
    Task,
    User,
)
from portal.models.consensus import ConsensusStatus
from portal.models.retraining import JobState
from portal.models.versions import VersionState
from portal.signals import announce

LARGEST_BATCH = 10_000
NAMED = 20  # how many ids a refusal lists
_BATCH_ID = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,100}")
_SURE = (ConsensusStatus.FINALISED, ConsensusStatus.DECIDED)


def request(
    *,
    project: Project,
    version: ModelVersion,
    mini_batch_id: str,
    task_ids: Sequence[int],
    reason: str = "manual",
    user: User | None = None,
) -> tuple[RetrainJob, bool]:
    """Freeze the named tasks' consensus as a mini-batch and open a job on it.

    The same mini_batch_id with the same tasks returns the job there is, and False. Raises Conflict
    for other tasks under a known id, for a version that is being retrained and for tasks without a
    final consensus; InvalidInput for tasks that the project does not have or keeps for evaluation.
    """
    wanted = sorted(set(task_ids))
    _check_request(mini_batch_id, wanted)
    try:
        with transaction.atomic():
            Project.objects.select_for_update(no_key=True).get(pk=project.pk)
            known = _known_job(project, version, mini_batch_id, wanted)
            if known is not None:
                return known, False
            _check_version(version)
            items = _items(project, wanted)
            return _open(project, version, mini_batch_id, items, reason, user), True
    except IntegrityError as raced:  # the database's own word, where the lock did not hold
        raise Conflict(f"{version} is being retrained, or {mini_batch_id} is taken.") from raced


def request_if_due(*, project_id: int) -> RetrainJob | None:
    """Open a job on all new captions where a batch is full, none runs and the pause is over."""
    if not _is_due(Project.objects.get(pk=project_id)):  # seldom: the lock is not taken for a look
        return None
    with transaction.atomic():
        project = Project.objects.select_for_update(no_key=True).get(pk=project_id)
        version = _base(project)
        if version is None or not _is_due(project):
            return None
        fresh = Consensus.objects.filter(project=project).trainable().unbatched()
        task_ids = list(fresh.order_by("pk").values_list("task_id", flat=True)[:LARGEST_BATCH])
        number = MiniBatch.objects.filter(project=project).count() + 1
        while MiniBatch.objects.filter(project=project, mini_batch_id=f"count-{number}").exists():
            number += 1
        items = _items(project, task_ids)
        return _open(project, version, f"count-{number}", items, "count", None)


def request_all_due() -> int:
    """Open the jobs that are due in any project, announced or not; return how many."""
    projects = Project.objects.order_by("pk").values_list("pk", flat=True)
    return sum(request_if_due(project_id=pk) is not None for pk in projects)


def _check_request(mini_batch_id: str, task_ids: Sequence[int]) -> None:
    if not _BATCH_ID.fullmatch(mini_batch_id):
        raise InvalidInput.on("mini_batch_id", "mini_batch_id has 1 to 100 characters.")
    if not 1 <= len(task_ids) <= LARGEST_BATCH:
        raise InvalidInput.on(
            "labeled_task_ids", f"A batch has between 1 and {LARGEST_BATCH} tasks."
        )


def _check_version(version: ModelVersion) -> None:
    if version.state == VersionState.RETIRED:
        raise Conflict(f"Model version {version} is retired; retrain the current one.")
    active = RetrainJob.objects.active().filter(version=version).first()
    if active is not None:
        raise Conflict(
            f"{version} is being retrained by job {active.uid}; wait for it or cancel it."
        )


def _known_job(
    project: Project, version: ModelVersion, mini_batch_id: str, task_ids: Sequence[int]
) -> RetrainJob | None:
    job = (
        RetrainJob.objects.select_related("batch", "version", "project")
        .filter(batch__project=project, batch__mini_batch_id=mini_batch_id)
        .first()
    )
    if job is None:
        return None
    if job.batch.ids_sha256 != _fingerprint(task_ids) or job.version_id != version.pk:
        raise Conflict(
            f"Mini-batch {mini_batch_id} was requested with other tasks or another version; "
            "choose another mini_batch_id."
        )
    return job


def _items(project: Project, task_ids: Sequence[int]) -> list[BatchItem]:
    """Return unsaved items, one a task; every refusal names the tasks that it is about."""
    tasks = {
        task.pk: task
        for task in Task.objects.filter(project=project, pk__in=task_ids).select_related("video")
    }
    _refuse("are not tasks of this project", [pk for pk in task_ids if pk not in tasks])
    _refuse(
        "are kept for evaluation and never trained on",
        [pk for pk in task_ids if tasks[pk].is_evaluation or tasks[pk].video.is_evaluation],
    )
    final = Consensus.objects.final().filter(task_id__in=task_ids)
    trainable = {c.task_id: c for c in final.exclude(task__video__state="erased")}
    missing = [pk for pk in task_ids if pk not in trainable]
    if missing:
        raise Conflict(f"Without a final consensus: tasks {_listed(missing)}. Settle them first.")
    return [
        BatchItem(
            task_id=pk,
            consensus=trainable[pk],
            weight=_weight(trainable[pk]),
            is_evaluation_video=tasks[pk].video.is_evaluation,
        )
        for pk in task_ids
    ]


def _refuse(what: str, task_ids: Sequence[int]) -> None:
    if task_ids:
        raise InvalidInput.on("labeled_task_ids", f"These {what}: {_listed(task_ids)}.")


def _listed(task_ids: Sequence[int]) -> str:
    more = len(task_ids) - NAMED
    shown = ", ".join(map(str, task_ids[:NAMED]))
    return f"{shown} and {more} more" if more > 0 else shown


def _weight(consensus: Consensus) -> float:
    """What a caption counts in training: a person's decision fully, a consensus its confidence."""
    return 1.0 if consensus.status in _SURE else round(consensus.confidence, 4)


def _open(
    project: Project,
    version: ModelVersion,
    mini_batch_id: str,
    items: list[BatchItem],
    reason: str,
    user: User | None,
) -> RetrainJob:
    batch = MiniBatch.objects.create(
        project=project,
        mini_batch_id=mini_batch_id,
        ids_sha256=_fingerprint([item.task_id for item in items]),
        n_records=len(items),
    )
    for item in items:
        item.batch = batch
    BatchItem.objects.bulk_create(items, batch_size=500)
    job = RetrainJob.objects.create(
        project=project, batch=batch, version=version, reason=reason, requested_by=user
    )
    AuditEntry.objects.record(
        action="retraining.requested",
        on=job,
        project_id=project.pk,
        actor=f"user:{user}" if user else "system",
        user=user,
        details={"mini_batch_id": mini_batch_id, "n_tasks": len(items), "reason": reason},
    )
    announce(signals.retrain_requested, job_id=job.pk)
    return job


def _fingerprint(task_ids: Sequence[int]) -> str:
    return hashlib.sha256(",".join(map(str, sorted(set(task_ids)))).encode()).hexdigest()


def _base(project: Project) -> ModelVersion | None:
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


def _is_due(project: Project) -> bool:
    return _is_time(project) and _is_full(project)


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
