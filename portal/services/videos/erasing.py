"""Erasing a video for good: its bytes, its pictures and every word that was said of it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import partial

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from portal.adapters import stores
from portal.models import (
    Annotation,
    AnnotationRevision,
    Assignment,
    AuditEntry,
    BatchItem,
    Consensus,
    Event,
    GoldReference,
    Prediction,
    Review,
    Task,
    Video,
    Vote,
)
from portal.models.annotations import AnnotationState
from portal.models.assignments import AssignmentState
from portal.models.consensus import ConsensusStatus
from portal.models.taskstates import TaskState
from portal.models.videos import VideoState


@dataclass(frozen=True)
class Holding:
    """One mini-batch whose manifest holds the video: who trained on it has to be told."""

    mini_batch_id: str
    job: str
    version: str
    new_version: str | None


@dataclass(frozen=True)
class ErasureReport:
    """What an erasure took away, and where the video went before."""

    video_id: str
    n_tasks: int
    n_captions: int
    n_predictions: int
    manifests: tuple[Holding, ...]


@transaction.atomic
def erase(*, video: Video, actor: str) -> ErasureReport:
    """Take a video's bytes and words away and close its tasks; say which manifests held it.

    Rows stay as tombstones, so that counts and histories hold; the id never comes back. Erasing
    again reports again.
    """
    video = Video.objects.select_for_update().get(pk=video.pk)
    tasks = Task.objects.select_for_update().filter(video=video).order_by("pk")
    task_ids = [task.pk for task in tasks]
    report = _report(video, task_ids)
    if video.state == VideoState.ERASED:
        return report
    _empty_evidence(task_ids)
    _empty_consensus(task_ids)
    Prediction.objects.filter(video=video).update(
        caption="", tokens=None, candidates=None, embedding=None
    )
    _close(Task.objects.filter(pk__in=task_ids))
    _bury(video)
    AuditEntry.objects.record(
        action="video.erased",
        on=video,
        project_id=video.project_id,
        actor=actor,
        details=asdict(report),
    )
    return report


def _report(video: Video, task_ids: list[int]) -> ErasureReport:
    items = BatchItem.objects.filter(task_id__in=task_ids).select_related(
        "batch__job__version", "batch__job__new_version"
    )
    jobs = {item.batch.job for item in items if hasattr(item.batch, "job")}
    return ErasureReport(
        video_id=video.video_id,
        n_tasks=len(task_ids),
        n_captions=Annotation.objects.filter(task_id__in=task_ids).count(),
        n_predictions=Prediction.objects.filter(video=video).count(),
        manifests=tuple(
            Holding(
                job.batch.mini_batch_id,
                str(job.uid),
                job.version.name,
                job.new_version.name if job.new_version else None,
            )
            for job in sorted(jobs, key=lambda job: job.pk)
        ),
    )


def _empty_evidence(task_ids: list[int]) -> None:
    captions = Annotation.objects.filter(task_id__in=task_ids)
    AnnotationRevision.objects.filter(annotation__in=captions).update(text="")
    Vote.objects.filter(annotation__in=captions).update(rationale="")
    captions.update(text="", state=AnnotationState.ERASED)
    leases = Assignment.objects.filter(task_id__in=task_ids)
    leases.exclude(draft="").update(draft="")
    leases.filter(state=AssignmentState.LEASED).update(state=AssignmentState.RELEASED)
    Review.objects.filter(task_id__in=task_ids).update(text="")
    GoldReference.objects.filter(task_id__in=task_ids).delete()


def _empty_consensus(task_ids: list[int]) -> None:
    consensuses = Consensus.objects.filter(task_id__in=task_ids)
    consensuses.update(caption="", judge_reason="", reason="", inputs={}, candidates=[])
    consensuses.standing().update(status=ConsensusStatus.REJECTED)
    for event in Event.objects.filter(data__task_id__in=task_ids):
        event.data = {key: value for key, value in event.data.items() if key != "caption"}
        event.save(update_fields=["data"])


def _close(tasks: "QuerySet[Task]") -> None:
    """Reject the tasks and count their evidence as settled: there is nothing to weigh any more."""
    for task in tasks:
        task.state, task.is_gold = TaskState.REJECTED, False
        task.closed_at = task.closed_at or timezone.now()
        task.settled_revision = task.revision
        task.n_taken = Assignment.objects.filter(task=task).holding().count()
        task.n_captions = 0
        task.save()


def _bury(video: Video) -> None:
    keys = [key for key in (video.file_key, video.thumbnail_key) if key]
    video.state, video.erased_at = VideoState.ERASED, timezone.now()
    video.file_key = video.thumbnail_key = video.source_url = video.failure = ""
    video.tags = []
    video.save()
    transaction.on_commit(partial(_delete, keys))


def _delete(keys: Iterable[str]) -> None:
    store = stores.configured()
    for key in keys:
        store.delete(key)
