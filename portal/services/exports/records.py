"""Rows as records, a clip's segments together, block by block, so that memory stays flat."""

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from portal.adapters import stores
from portal.adapters.formats import Caption, Guess, Media, Record
from portal.algorithms import sampling
from portal.errors import NotFound
from portal.models import Annotation, Project
from portal.services.exports.options import Options, chosen

BLOCK = 500
_SUFFIX = re.compile(r"\.[a-z0-9]{1,10}")
COLUMNS = (
    "task_id",
    "task__video_id",
    "task__video__video_id",
    "task__video__source_url",
    "task__video__clip_seconds",
    "task__video__tags",
    "task__video__is_evaluation",
    "task__video__file_key",
    "task__start_ms",
    "task__end_ms",
    "caption",
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


def records_of(project: Project, options: Options) -> Iterator[Record]:
    """Yield every chosen segment; segments of one clip follow one another."""
    rows = chosen(project, options).order_by("task__video_id", "task__start_ms", "task_id")
    wanted, name = set(options.tags), Naming(project, options)
    block: list[dict[str, Any]] = []
    for values in rows.values_list(*COLUMNS).iterator(chunk_size=BLOCK):
        row = dict(zip(COLUMNS, values, strict=True))
        if wanted and wanted.isdisjoint(row["task__video__tags"]):
            continue
        block.append(row)
        if len(block) == BLOCK:
            yield from _records(block, project, options, name)
            block = []
    yield from _records(block, project, options, name)


def _records(
    rows: list[dict[str, Any]], project: Project, options: Options, name: "Naming"
) -> Iterator[Record]:
    captions = _captions([row["task_id"] for row in rows], name)
    for row in rows:
        yield _record(row, project, options, captions[row["task_id"]])


def _captions(task_ids: list[int], name: "Naming") -> dict[int, list[Caption]]:
    """Return people's standing captions by task."""
    found: dict[int, list[Caption]] = defaultdict(list)
    rows = Annotation.objects.standing().filter(task_id__in=task_ids).order_by("id")
    for task_id, text, author, seconds, guideline, created_at in rows.values_list(
        "task_id", "text", "author__annotator_id", "seconds", "guideline__number", "created_at"
    ):
        caption = Caption(text, name(author), seconds, guideline, created_at.isoformat())
        found[task_id].append(caption)
    return found


def _record(
    row: dict[str, Any], project: Project, options: Options, captions: list[Caption]
) -> Record:
    said = row["task__prediction__caption"]
    version, unsure = row["task__prediction__version__name"], row["task__prediction__uncertainty"]
    return Record(
        task_id=row["task_id"],
        clip_row=row["task__video_id"],
        video_id=row["task__video__video_id"],
        url=row["task__video__source_url"],
        duration=row["task__video__clip_seconds"],
        tags=row["task__video__tags"],
        file_key=row["task__video__file_key"],
        start_ms=row["task__start_ms"],
        end_ms=row["task__end_ms"],
        language=project.language,
        split=sampling.split_of(
            row["task__video__video_id"],
            is_evaluation=row["task__video__is_evaluation"],
            salt=project.evaluation_salt,
            validation_share=options.validation_share,
        ),
        caption=row["caption"],
        status=row["status"],
        agreement=row["agreement"],
        confidence=row["confidence"],
        captions=captions,
        predictions=[Guess(said, version, unsure)] if said else [],
        details=_details(row, row["created_at"]),
    )


def _details(row: dict[str, Any], at: datetime) -> dict[str, Any]:
    return {
        "llm_confidence": row["judge_confidence"],
        "judge": row["judge"] or None,
        "method": row["method"],
        "n_votes": len(row["inputs__votes"] or ()),
        "finalized_at": at.isoformat(),
    }


class Naming:
    """What an author is called in the file; worked out once a person."""

    def __init__(self, project: Project, options: Options) -> None:
        self._project, self._are_ids = project, options.authors == "ids"
        self._known: dict[str, str] = {}

    def __call__(self, annotator_id: str) -> str:
        if self._are_ids:
            return annotator_id
        if annotator_id not in self._known:
            self._known[annotator_id] = self._project.pseudonym_of(annotator_id)
        return self._known[annotator_id]


def media_of(store: stores.LocalStore, record: Record) -> Media | None:
    """Open a record's clip; None where it has no bytes here."""
    if not record.file_key:
        return None
    try:
        file = store.open(record.file_key)
    except NotFound:
        return None
    n_bytes = file.seek(0, 2)
    file.seek(0)
    suffix = Path(record.file_key).suffix.lower()
    return Media(file, n_bytes, suffix if _SUFFIX.fullmatch(suffix) else ".mp4")


def opener(store: stores.LocalStore, options: Options) -> "partial[Media | None] | None":
    """Return what opens clips for a format that takes them along, where that was asked for."""
    return partial(media_of, store) if options.with_files else None
