"""Records as rows of a table, one text a row: what CSV and Parquet have in common.

`kind` says what a text is: the `consensus` that stands, a person's `caption`, a further accepted
`reference`, or a model's `prediction`. Rows of one segment follow one another.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

import msgspec

from portal.adapters.formats.records import (
    Caption,
    Entry,
    Guess,
    Malformed,
    Record,
    decoded,
    encoded,
    milliseconds,
    unmet,
)

Row = dict[str, Any]

COLUMNS: dict[str, type] = {
    "video_id": str,
    "start": float,
    "end": float,
    "kind": str,
    "caption": str,
    "author": str,
    "seconds": float,
    "guideline": int,
    "created_at": str,
    "split": str,
    "language": str,
    "status": str,
    "confidence": float,
    "agreement": float,
    "model_version": str,
    "uncertainty": float,
    "duration": float,
    "video_url": str,
    "tags": str,
    "task_id": int,
}
NEEDED = ("video_id", "caption")
KINDS = ("consensus", "caption", "reference", "prediction")


def rows_of(record: Record) -> Iterator[Row]:
    """Yield a record's rows."""
    shared: Row = {
        "video_id": record.video_id,
        "start": record.start_ms / 1000,
        "end": record.end_ms / 1000 if record.end_ms else None,
        "split": record.split or None,
        "language": record.language or None,
        "duration": record.duration,
        "video_url": record.url or None,
        "tags": encoded(record.tags).decode() if record.tags else None,
        "task_id": record.task_id,
    }
    if record.caption:
        yield shared | {
            "kind": "consensus",
            "caption": record.caption,
            "status": record.status or None,
            "confidence": record.confidence,
            "agreement": record.agreement,
        }
    for caption in record.captions:
        yield shared | {
            "kind": "caption",
            "caption": caption.text,
            "author": caption.author or None,
            "seconds": caption.seconds,
            "guideline": caption.guideline,
            "created_at": caption.created_at,
        }
    for text in record.references:
        yield shared | {"kind": "reference", "caption": text}
    for guess in record.predictions:
        yield shared | {
            "kind": "prediction",
            "caption": guess.text,
            "model_version": guess.version or None,
            "uncertainty": guess.uncertainty,
        }


def entries_of(rows: Iterable[tuple[str, Row | Malformed]]) -> Iterator[Entry]:
    """Put rows that follow one another and are about one segment together again."""
    for key, group in groupby(rows, lambda placed: _key(placed[1])):
        if key is None:
            yield from (Entry(place, problem=str(row)) for place, row in group)
            continue
        yield from _entries(key, group)


def _key(row: Row | Malformed) -> tuple[str, int, int] | None:
    if isinstance(row, Malformed):
        return None
    return row["video_id"], milliseconds(row.get("start")), milliseconds(row.get("end"))


def _entries(key: tuple[str, int, int], group: Iterable[tuple[str, Any]]) -> Iterator[Entry]:
    record, first = None, ""
    for place, row in group:
        if record is None:
            first = place
            try:
                record = _begun(key, row)
            except Malformed as broken:
                yield Entry(place, problem=broken.detail)
                continue
        problem = _added(record, row)
        if problem:
            yield Entry(place, problem=problem)
    if record is not None and (record.texts() or record.predictions):
        record.references = unmet(record.references, _without_references(record))
        yield Entry(first, record)


def _without_references(record: Record) -> Record:
    return msgspec.structs.replace(record, references=[])


def _begun(key: tuple[str, int, int], row: Row) -> Record:
    video_id, start_ms, end_ms = key
    if row.get("end") is not None and end_ms <= start_ms:
        raise Malformed.on("file", "end must be after start.")
    tags = row.get("tags")
    return Record(
        video_id=video_id,
        start_ms=start_ms,
        end_ms=end_ms,
        split=row.get("split") or "",
        language=row.get("language") or "",
        duration=row.get("duration"),
        url=row.get("video_url") or "",
        tags=decoded(tags.encode(), list[str], "tags") if tags else [],
        task_id=row.get("task_id"),
        captions=[],
        references=[],
        predictions=[],
    )


def _added(record: Record, row: Row) -> str:
    """Add one row's text; return what is wrong with it, if anything."""
    kind = row.get("kind") or ("caption" if row.get("author") else "reference")
    add = _ADDING.get(kind)
    if add is None:
        return f"kind is one of {', '.join(KINDS)}, not {kind[:40]!r}."
    if not row.get("caption"):
        return "The caption is empty."
    add(record, row)
    return ""


def _add_consensus(record: Record, row: Mapping[str, Any]) -> None:
    record.caption, record.status = row["caption"], row.get("status") or ""
    record.confidence, record.agreement = row.get("confidence"), row.get("agreement")


def _add_caption(record: Record, row: Mapping[str, Any]) -> None:
    record.captions.append(
        Caption(
            row["caption"],
            row.get("author") or "",
            row.get("seconds"),
            row.get("guideline"),
            row.get("created_at"),
        )
    )


def _add_reference(record: Record, row: Mapping[str, Any]) -> None:
    record.references.append(row["caption"])


def _add_prediction(record: Record, row: Mapping[str, Any]) -> None:
    guess = Guess(row["caption"], row.get("model_version") or "", row.get("uncertainty"))
    record.predictions.append(guess)


_ADDING: dict[str, Callable[[Record, Row], None]] = {
    "consensus": _add_consensus,
    "caption": _add_caption,
    "reference": _add_reference,
    "prediction": _add_prediction,
}
