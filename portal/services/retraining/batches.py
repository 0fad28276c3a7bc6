"""Mini-batches: which tasks' consensus goes into one, with which weight, and the job on it."""

import hashlib
from collections.abc import Sequence

from portal import signals
from portal.errors import Conflict, InvalidInput
from portal.models import (
    AuditEntry,
    BatchItem,
    Consensus,
    MiniBatch,
    ModelVersion,
    Project,
    RetrainJob,
    Task,
    User,
)
from portal.models.consensus import ConsensusStatus
from portal.models.projects import BatchKind
from portal.signals import announce

LARGEST_BATCH = 10_000
LARGEST_CUMULATIVE = 100_000
NAMED = 20  # how many ids a refusal lists
_SURE = (ConsensusStatus.FINALISED, ConsensusStatus.DECIDED)


def named_items(project: Project, task_ids: Sequence[int]) -> list[BatchItem]:
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
    return [_item(trainable[pk], tasks[pk].video.is_evaluation) for pk in task_ids]


def fresh_items(project: Project, most: int = LARGEST_BATCH) -> list[BatchItem]:
    """Return unsaved items of the captions that no batch has used, oldest first."""
    trainable = Consensus.objects.filter(project=project).trainable().unbatched()
    return [_item(row) for row in trainable.order_by("pk")[:most]]


def all_items(project: Project) -> list[BatchItem]:
    """Return unsaved items of every caption that stands, used or not; the newest where too many."""
    trainable = Consensus.objects.filter(project=project).trainable().order_by("-pk")
    return [_item(row) for row in trainable[:LARGEST_CUMULATIVE]][::-1]


def items_for(project: Project, most: int = LARGEST_BATCH) -> list[BatchItem]:
    """Return what the project's kind of batch holds now; nothing where no caption is new."""
    fresh = fresh_items(project, most)
    is_cumulative = project.batch_kind == BatchKind.CUMULATIVE
    return all_items(project) if fresh and is_cumulative else fresh


def open_job(
    *,
    version: ModelVersion,
    mini_batch_id: str,
    items: list[BatchItem],
    reason: str,
    kind: str = BatchKind.INCREMENTAL,
    user: User | None = None,
) -> RetrainJob:
    """Write the batch with its items, and the job; the caller holds the project's lock."""
    project = version.project
    batch = MiniBatch.objects.create(
        project=project,
        mini_batch_id=mini_batch_id,
        kind=kind,
        n_new=_count_new(project, items, kind),
        ids_sha256=fingerprint([item.task_id for item in items]),
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


def fingerprint(task_ids: Sequence[int]) -> str:
    """Hash a set of task ids; the same set has the same hash."""
    return hashlib.sha256(",".join(map(str, sorted(set(task_ids)))).encode()).hexdigest()


def _count_new(project: Project, items: Sequence[BatchItem], kind: str) -> int:
    """Count the tasks that no batch had used; asked before the batch itself is there."""
    fresh = Consensus.objects.filter(project=project).trainable().unbatched()
    if kind == BatchKind.INCREMENTAL:
        fresh = fresh.filter(task_id__in=[item.task_id for item in items])
    return fresh.count()


def _item(consensus: Consensus, is_evaluation_video: bool = False) -> BatchItem:
    return BatchItem(
        task_id=consensus.task_id,
        consensus=consensus,
        weight=_weight(consensus),
        is_evaluation_video=is_evaluation_video,
    )


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
