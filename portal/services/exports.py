"""Exports: a project's settled captions as JSON Lines, made by a job from one snapshot."""

import time
from collections.abc import Iterator
from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from portal import signals
from portal.adapters import signatures, stores
from portal.adapters.stores import Stored
from portal.errors import DiskFull, InvalidInput, TooLarge
from portal.models import AuditEntry, Consensus, Event, Export, Project, User
from portal.models.exports import ExportState
from portal.models.videos import VideoState
from portal.signals import announce

LINK_SECONDS = 86_400
EXPORT_BYTES = 16 << 30
CHUNK = 2000
COLUMNS = (
    "task_id",
    "task__video__video_id",
    "task__start_ms",
    "task__end_ms",
    "task__video__tags",
    "task__is_evaluation",
    "caption",
    "candidates",
    "status",
    "agreement",
    "confidence",
    "judge_confidence",
    "judge",
    "method",
    "inputs__votes",
    "task__prediction__caption",
    "task__prediction__version__name",
    "task__prediction__uncertainty",
    "created_at",
)


@transaction.atomic
def request(*, project: Project, name: str, user: User | None = None) -> Export:
    """Order an export; a job builds it."""
    name = name.strip()
    if not 1 <= len(name) <= 120 or not name.isprintable():
        raise InvalidInput.on("name", "An export's name has 1 to 120 printable characters.")
    export = Export.objects.create(project=project, name=name, requested_by=user)
    AuditEntry.objects.record(
        action="export.requested",
        on=export,
        project_id=project.pk,
        actor=f"user:{user}" if user else "system",
        user=user,
    )
    announce(signals.export_requested, export_id=export.pk)
    return export


def build(*, export_id: int) -> None:
    """Write an export's file and say that it is ready; one that is finished is left alone.

    The rows come from a single SELECT, which is one snapshot on either database whatever is
    written meanwhile, and stream through, so memory stays flat.
    """
    export = Export.objects.unbuilt().select_related("project").filter(pk=export_id).first()
    if export is None:
        return
    Export.objects.unbuilt().filter(pk=export_id).update(state=ExportState.BUILDING)
    store = stores.configured()
    try:
        stored, n_rows = _written(store, export.project)
    except (InvalidInput, DiskFull, TooLarge) as failed:
        reason = failed.detail if not isinstance(failed, InvalidInput) else _NOTHING
        _finish(export, state=ExportState.FAILED, failure=reason)
        return
    kept = _finish(
        export,
        state=ExportState.READY,
        file_key=stored.key,
        sha256=stored.sha256,
        n_bytes=stored.bytes,
        n_rows=n_rows,
    )
    if not kept:
        store.delete(stored.key)


def link(*, export: Export, base_url: str) -> str:
    """Return a signed address of the file that works for a day."""
    path = f"/api/v1/exports/{export.uid}/download"
    expires = int(time.time()) + LINK_SECONDS
    return base_url + signatures.sign_link(path, expires, settings.FIELD_KEY)


_NOTHING = "No task of the project has settled yet."


def _written(store: stores.LocalStore, project: Project) -> tuple[Stored, int]:
    encoder, n_rows = msgspec.json.Encoder(), 0
    with store.incoming(suffix=".jsonl", max_bytes=EXPORT_BYTES) as sink:
        for line in _lines(project):
            sink.write(encoder.encode(line) + b"\n")
            n_rows += 1
        return sink.keep(), n_rows


@transaction.atomic
def _finish(export: Export, **changes: Any) -> bool:
    """Write what became of the export; False where another builder was first."""
    owed = Export.objects.unbuilt().filter(pk=export.pk)
    if not owed.update(finished_at=timezone.now(), **changes):
        return False
    if changes["state"] == ExportState.READY:
        event = Event.objects.record(
            project_id=export.project_id,
            type="export.ready",
            data={
                "export": str(export.uid),
                "name": export.name,
                "rows": changes["n_rows"],
                "bytes": changes["n_bytes"],
                "sha256": changes["sha256"],
            },
        )
        announce(signals.event_recorded, event_id=event.pk)
    return True


def _lines(project: Project) -> Iterator[dict[str, Any]]:
    rows = (
        Consensus.objects.final()
        .filter(project=project)
        .exclude(task__video__state=VideoState.ERASED)
        .order_by("task_id")
        .values_list(*COLUMNS)
    )
    for row in rows.iterator(chunk_size=CHUNK):
        yield _line(project.language, dict(zip(COLUMNS, row, strict=True)))


def _line(language: str, row: dict[str, Any]) -> dict[str, Any]:
    end_ms = row["task__end_ms"]
    said = [candidate.get("caption", "") for candidate in row["candidates"]]
    return {
        "task_id": row["task_id"],
        "video_id": row["task__video__video_id"],
        "start": row["task__start_ms"] / 1000,
        "end": end_ms / 1000 if end_ms else None,
        "language": language,
        "caption": row["caption"],
        "references": list(dict.fromkeys(text for text in (row["caption"], *said) if text)),
        "status": row["status"],
        "semantic_agreement": row["agreement"],
        "confidence": row["confidence"],
        "llm_confidence": row["judge_confidence"],
        "judge": row["judge"] or None,
        "method": row["method"],
        "n_captions": len(said),
        "n_votes": len(row["inputs__votes"] or ()),
        "model_caption": row["task__prediction__caption"],
        "model_version": row["task__prediction__version__name"],
        "uncertainty": row["task__prediction__uncertainty"],
        "split": "evaluation" if row["task__is_evaluation"] else "train",
        "tags": row["task__video__tags"],
        "finalized_at": row["created_at"].isoformat(),
    }
