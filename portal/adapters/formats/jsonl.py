"""JSON Lines: one segment a line with everything that is known of it; the portal's own format."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from portal.adapters.formats.records import (
    About,
    Caption,
    Entry,
    Guess,
    Malformed,
    Record,
    Sink,
    Source,
    decoded,
    milliseconds,
    unmet,
)

LINE_BYTES = 1 << 20
BOM = b"\xef\xbb\xbf"


class CaptionLine(msgspec.Struct, forbid_unknown_fields=True):
    """One person's caption."""

    caption: str
    annotator: str = ""
    seconds: float | None = None
    guideline: int | None = None
    created_at: str | None = None


class PredictionLine(msgspec.Struct, forbid_unknown_fields=True):
    """One model's caption."""

    caption: str
    model_version: str = ""
    uncertainty: float | None = None


class Line(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One segment. Only `video_id` has to be there; the flat names are those of the API."""

    task_id: int | None = None
    video_id: str
    video_url: str = ""
    start: float = 0.0
    end: float | None = None
    duration: float | None = None
    language: str = ""
    caption: str = ""
    references: list[str] = []
    captions: list[CaptionLine] = []
    status: str = ""
    semantic_agreement: float | None = None
    confidence: float | None = None
    llm_confidence: float | None = None
    judge: str | None = None
    method: str = ""
    n_captions: int | None = None
    n_votes: int | None = None
    model_caption: str | None = None
    model_version: str | None = None
    uncertainty: float | None = None
    predictions: list[PredictionLine] = []
    split: str = ""
    tags: list[str] = []
    finalized_at: str | None = None
    annotator: str = ""
    seconds: float | None = None
    project: str = ""


_encoder = msgspec.json.Encoder()


def write(records: Iterable[Record], sink: Sink, about: About) -> None:
    """Write one line a record."""
    for record in records:
        sink.write(_encoder.encode(line_of(record)) + b"\n")


def line_of(record: Record) -> dict[str, Any]:
    """Return a record as the fields of its line."""
    first, *more = record.predictions or [Guess("")]
    line: dict[str, Any] = {
        "task_id": record.task_id,
        "video_id": record.video_id,
        "video_url": record.url,
        "start": record.start_ms / 1000,
        "end": record.end_ms / 1000 if record.end_ms else None,
        "duration": record.duration,
        "language": record.language,
        "caption": record.caption,
        "references": record.texts(),
        "captions": [_caption(caption) for caption in record.captions],
        "status": record.status,
        "semantic_agreement": record.agreement,
        "confidence": record.confidence,
        "n_captions": len(record.captions),
        "model_caption": first.text or None,
        "model_version": first.version or None,
        "uncertainty": first.uncertainty,
        "split": record.split,
        "tags": record.tags,
    }
    if more:
        line["predictions"] = [
            {"caption": each.text, "model_version": each.version, "uncertainty": each.uncertainty}
            for each in more
        ]
    return line | record.details


def _caption(caption: Caption) -> dict[str, Any]:
    return {
        "caption": caption.text,
        "annotator": caption.author,
        "seconds": caption.seconds,
        "guideline": caption.guideline,
        "created_at": caption.created_at,
    }


def read(source: Source) -> Iterator[Entry]:
    """Yield each line that is not blank, a bad one as its problem, and go on after it."""
    number = 0
    while raw := source.readline(LINE_BYTES + 1):
        number += 1
        place = f"line {number}"
        if len(raw) > LINE_BYTES and not raw.endswith(b"\n"):
            while raw and not raw.endswith(b"\n"):
                raw = source.readline(LINE_BYTES)
            yield Entry(place, problem=f"A line has at most {LINE_BYTES} bytes.")
            continue
        content = (raw.removeprefix(BOM) if number == 1 else raw).strip(b" \t\r\n")
        if content:
            yield entry_of(content, place)


def entry_of(content: bytes, place: str) -> Entry:
    """Read one line."""
    try:
        line = decoded(content, Line, place)
        json.loads(content, object_pairs_hook=_once)  # the typed decoder keeps the last of two
        return Entry(place, record_of(line))
    except Malformed as broken:
        return Entry(place, problem=broken.detail.removeprefix(f"{place}: "))


def record_of(line: Line) -> Record:
    """Return a line as a record."""
    record = Record(
        video_id=line.video_id,
        url=line.video_url,
        start_ms=milliseconds(line.start),
        end_ms=milliseconds(line.end),
        duration=line.duration,
        language=line.language,
        caption=line.caption,
        status=line.status,
        confidence=line.confidence,
        agreement=line.semantic_agreement,
        captions=[
            Caption(each.caption, each.annotator, each.seconds, each.guideline, each.created_at)
            for each in line.captions
        ],
        predictions=_guesses(line),
        split=line.split,
        tags=line.tags,
        task_id=line.task_id,
        project=line.project,
    )
    if line.end is not None and record.end_ms <= record.start_ms:
        raise Malformed.on("file", "end must be after start.")
    if line.annotator:  # the short form: one caption a line
        record.captions = [Caption(line.caption, line.annotator, line.seconds), *record.captions]
        record.caption = ""
    record.references = unmet(line.references, record)
    return record


def _guesses(line: Line) -> list[Guess]:
    first = (
        [Guess(line.model_caption, line.model_version or "", line.uncertainty)]
        if line.model_caption
        else []
    )
    return first + [
        Guess(each.caption, each.model_version, each.uncertainty) for each in line.predictions
    ]


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise Malformed.on("file", "A key is there twice.")
