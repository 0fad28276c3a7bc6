"""VATEX: one entry a segment, whole seconds in its `videoID`, captions by language.

`start` and `end` stand beside, for segments that begin between seconds; readers of VATEX pass
them over. Wang et al., "VATEX: A Large-Scale, High-Quality Multilingual Dataset", 2019.
"""

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from portal.adapters.formats.records import (
    About,
    Entry,
    Malformed,
    Record,
    Sink,
    Source,
    decoded,
    each,
    end_within,
    milliseconds,
    whole,
)
from portal.adapters.formats.spools import JSONList

_NAME = re.compile(r"(.+)_([0-9]{6})_([0-9]{6})", re.S)
_CAPTIONS = re.compile(r"([A-Za-z0-9-]{2,16})Cap")
CHINESE = "ch"  # VATEX's own name for zh


class Item(msgspec.Struct):
    """What of an entry is not captions."""

    videoID: str  # noqa: N815 the format's word
    start: float | None = None
    end: float | None = None
    duration: float | None = None
    url: str = ""
    split: str = ""


def write(records: Iterable[Record], sink: Sink, about: About) -> None:
    """Write the list."""
    sink.write(b"[\n")
    entries = JSONList(sink)
    for record in records:
        entries.add(_item(record, about))
    sink.write(b"]\n")


def _item(record: Record, about: About) -> dict[str, Any]:
    first, last = record.start_ms // 1000, math.ceil(record.ends_at())
    language = record.language or about.language
    key = f"{CHINESE if language == 'zh' else language}Cap"
    return {
        "videoID": f"{record.video_id}_{first:06d}_{last:06d}",
        "enCap": [],
        "chCap": [],
        key: record.texts(),
        "start": record.start_ms / 1000,
        "end": record.end_ms / 1000 if record.end_ms else None,
        "duration": record.duration,
        "url": record.url,
        "split": record.split,
    }


def read(source: Source) -> Iterator[Entry]:
    """Yield the entries, one record a language that has captions."""
    for place, fields, problem in each(decoded(whole(source), list[msgspec.Raw], "file"), dict, ""):
        if problem:
            yield Entry(place, problem=problem)
            continue
        try:
            yield from (Entry(place, record) for record in _records(fields))
        except (msgspec.ValidationError, Malformed) as broken:
            yield Entry(place, problem=f"{broken}.".replace("..", "."))


def _records(fields: dict[str, Any]) -> Iterator[Record]:
    item = msgspec.convert(fields, Item)
    match = _NAME.fullmatch(item.videoID)
    if match is None:
        raise Malformed.on("file", "videoID is <id>_<start>_<end> with six digits each.")
    is_exact = item.start is not None
    start_ms = milliseconds(item.start) if is_exact else int(match[2]) * 1000
    end_ms = milliseconds(item.end) if is_exact else int(match[3]) * 1000
    for key, texts in fields.items():
        named = _CAPTIONS.fullmatch(key)
        if named is None or not texts:
            continue
        yield Record(
            video_id=match[1],
            start_ms=start_ms,
            end_ms=end_within(end_ms, start_ms, item.duration),
            duration=item.duration,
            url=item.url,
            split=item.split,
            language="zh" if named[1] == CHINESE else named[1],
            references=msgspec.convert(texts, list[str]),
        )
