"""The manifest of a batch: one JSON line a task, frozen in a file, named in a signed payload.

Lines are made from frozen rows in one order, so what a payload says of a manifest that is not
written yet is what will be written.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction

from portal import signals
from portal.adapters import signatures, stores
from portal.models import BatchItem, Consensus, Event, RetrainJob, Video
from portal.models.consensus import USING
from portal.models.retraining import ACTIVE, JobState
from portal.models.videos import VideoState
from portal.signals import announce

LINK_SECONDS = 7 * 86_400
CLIP_LINK_SECONDS = 30 * 86_400
MANIFEST_BYTES = 1 << 30


class _Facts(NamedTuple):
    sha256: str
    n_bytes: int
    n_records: int


def freeze(*, job_id: int) -> None:
    """Write the job's manifest and tell the trainers; a job that is past that is left alone."""
    job = _loaded(job_id)
    if job is None or job.state not in ACTIVE or job.batch.manifest_key:
        return
    store = stores.configured()
    key = ""
    facts = _measured(_lines(job))
    if facts.n_records:
        with store.incoming(suffix=".jsonl", max_bytes=MANIFEST_BYTES) as sink:
            for line in _lines(job):
                sink.write(line)
            key = sink.keep(expected_bytes=facts.n_bytes, expected_sha256=facts.sha256).key
    kept = False
    try:
        kept = _dispatch(job_id, key, facts, _data(job, facts, settings.BASE_URL))
    finally:
        if key and not kept:
            store.delete(key)


@transaction.atomic
def _dispatch(job_id: int, key: str, facts: _Facts, data: dict[str, Any]) -> bool:
    """Name the written manifest and record the event; False where another freeze was first."""
    jobs = RetrainJob.objects.select_for_update(of=("self",)).select_related("batch")
    job = jobs.get(pk=job_id)
    if job.state not in ACTIVE or job.batch.manifest_key:
        return False
    if not key:
        job.error = {"code": "empty_batch", "message": "Every video of the batch was erased."}
        job.move(JobState.FAILED)
        job.save(update_fields=["state", "error", "finished_at"])
        return False
    batch = job.batch
    batch.manifest_key, batch.manifest_sha256 = key, facts.sha256
    batch.manifest_bytes, batch.n_records = facts.n_bytes, facts.n_records
    batch.save()
    if job.state == JobState.FROZEN:  # a trainer that polls may have accepted it already
        job.move(JobState.DISPATCHING)
        job.save(update_fields=["state"])
    event = Event.objects.record(project_id=job.project_id, type="retraining.requested", data=data)
    announce(signals.event_recorded, event_id=event.pk)
    return True


def payload(job: RetrainJob, base_url: str) -> dict[str, Any]:
    """Say what is asked of a trainer, in the shape that the webhook carries."""
    return {
        "type": "retraining.requested",
        "timestamp": job.created_at.isoformat(),
        "data": _data(job, _facts(job), base_url),
    }


def manifest_link(job: RetrainJob, base_url: str) -> str:
    """Return a fresh signed address of the manifest; a run may ask for another at any time."""
    return _manifest_url(job, base_url, int(time.time()) + LINK_SECONDS)


def _loaded(job_id: int) -> RetrainJob | None:
    jobs = RetrainJob.objects.select_related("project", "version", "batch")
    return jobs.filter(pk=job_id).first()


def _path(job: RetrainJob) -> str:
    return f"/api/v1/retraining/{job.uid}"


def _manifest_url(job: RetrainJob, base_url: str, expires: int) -> str:
    return base_url + signatures.sign_link(f"{_path(job)}/manifest", expires, settings.FIELD_KEY)


def _data(job: RetrainJob, facts: _Facts, base_url: str) -> dict[str, Any]:
    run_id, name = str(job.uid), job.version.name
    return {
        "run_id": run_id,
        "idempotency_key": f"{run_id}:{facts.sha256}",
        "project": job.project.slug,
        "reason": job.reason,
        "base_model": {"name": name, "version": name, "uri": job.version.uri or None},
        "batch": {
            "id": job.batch.mini_batch_id,
            "kind": job.batch.kind,
            "new_count": min(job.batch.n_new, facts.n_records),
            "total_count": _total(job),
        },
        "manifest": _manifest_entry(job, facts, base_url),
        "excluded_eval": _excluded(job),
        "callback": {
            "url": f"{base_url}{_path(job)}/events",
            "token": None,  # put in as the message leaves: a run's token is stored nowhere
            "heartbeat_s": job.heartbeat_seconds,
        },
    }


def _manifest_entry(job: RetrainJob, facts: _Facts, base_url: str) -> dict[str, Any]:
    expires = int(time.time()) + LINK_SECONDS
    return {
        "url": _manifest_url(job, base_url, expires),
        "expires_at": datetime.fromtimestamp(expires, UTC).isoformat(),
        "sha256": facts.sha256,
        "bytes": facts.n_bytes,
        "records": facts.n_records,
        "format": "jsonl",
    }


def _facts(job: RetrainJob) -> _Facts:
    batch = job.batch
    if batch.manifest_key:
        return _Facts(batch.manifest_sha256, batch.manifest_bytes, batch.n_records)
    return _measured(_lines(job))


def _measured(lines: Iterator[bytes]) -> _Facts:
    digest, n_bytes, n_records = hashlib.sha256(), 0, 0
    for line in lines:
        digest.update(line)
        n_bytes, n_records = n_bytes + len(line), n_records + 1
    return _Facts(digest.hexdigest(), n_bytes, n_records)


def _total(job: RetrainJob) -> int:
    """Count the tasks that this project's retrainings have used so far, this one included."""
    used = BatchItem.objects.filter(batch__project=job.project_id, batch__job__state__in=USING)
    return used.filter(batch_id__lte=job.batch_id).values("task_id").distinct().count()


def _excluded(job: RetrainJob) -> dict[str, Any]:
    held_out = Video.objects.filter(project=job.project_id, is_evaluation=True)
    digest, count = hashlib.sha256(), 0
    for video_id in held_out.order_by("video_id").values_list("video_id", flat=True).iterator():
        digest.update(video_id.encode() + b"\n")
        count += 1
    return {"count": count, "ids_sha256": digest.hexdigest()}


def _lines(job: RetrainJob) -> Iterator[bytes]:
    items = (
        BatchItem.objects.filter(batch=job.batch_id)
        .exclude(task__video__state=VideoState.ERASED)
        .select_related("task__video", "task__prediction__version", "consensus")
        .order_by("pk")
    )
    expires = int(job.created_at.timestamp()) + CLIP_LINK_SECONDS
    for item in items.iterator(chunk_size=500):
        line = json.dumps(_line(item, job.project.language, expires), ensure_ascii=False)
        yield line.encode() + b"\n"


def _line(item: BatchItem, language: str, expires: int) -> dict[str, Any]:
    task, consensus, prediction = item.task, item.consensus, item.task.prediction
    start, end = task.segment
    return {
        "task_id": task.pk,
        "video": _video_entry(task.video, expires),
        "start": start,
        "end": end,
        "language": language,
        "caption": consensus.caption,
        "references": _references(consensus),
        "consensus": {
            "confidence": consensus.confidence,
            "n_captions": len(consensus.candidates),
            "n_votes": len(consensus.inputs.get("votes", ())),
            "method": consensus.method,
        },
        "weight": item.weight,
        "model_caption": prediction.caption if prediction else None,
        "model_version": prediction.version.name if prediction else None,
        "uncertainty": prediction.uncertainty if prediction else None,
        "split": "train",
        "tags": task.video.tags,
    }


def _video_entry(video: Video, expires: int) -> dict[str, Any]:
    url = None
    if video.is_playable:
        path = f"/media/videos/{video.uid}"
        url = settings.BASE_URL + signatures.sign_link(path, expires, settings.FIELD_KEY)
    return {
        "video_id": video.video_id,
        "url": url,
        "sha256": video.sha256 or None,
        "mime": video.mime or None,
        "duration": video.clip_seconds,
    }


def _references(consensus: Consensus) -> list[str]:
    """Return the standing caption first, then what others said of the clip."""
    said = [str(row.get("caption", "")) for row in consensus.candidates]
    return list(dict.fromkeys(text for text in (consensus.caption, *said) if text))
