"""Hugging Face VideoFolder: a zip of `{train,validation,test}/x.mp4`, a `metadata.jsonl` in each.

With the clips' bytes it loads as it is; without them, `file_name` is left out and `video_url` says
where each clip is. https://huggingface.co/docs/datasets/video_load
"""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import IO, Any

import msgspec

from portal.adapters.formats import archives
from portal.adapters.formats.records import (
    About,
    Entry,
    Malformed,
    Record,
    Sink,
    Source,
    decoded,
    encoded,
    milliseconds,
    unmet,
)

METADATA = "metadata.jsonl"
SPLITS = ("train", "validation", "test")


class Line(msgspec.Struct, kw_only=True):
    """One segment; further columns are passed over."""

    file_name: str = ""
    video_id: str = ""
    start: float = 0.0
    end: float | None = None
    caption: str = ""
    text: str = ""
    references: list[str] = []
    language: str = ""
    status: str = ""
    confidence: float | None = None
    agreement: float | None = None
    duration: float | None = None
    video_url: str = ""
    tags: list[str] = []


def write(records: Iterable[Record], sink: Sink, about: About) -> None:
    """Write the zip: clips as they come, the lists at its end."""
    archive, names = archives.ZipOut(sink), _Names(about)
    with ExitStack() as stack:
        lists: dict[str, IO[bytes]] = {  # a line a segment: on disk, not in memory
            split: stack.enter_context(tempfile.TemporaryFile()) for split in SPLITS
        }
        for number, record in enumerate(records, 1):
            split = record.split if record.split in SPLITS else SPLITS[0]
            name = names.of(record, split, number, archive)
            if about.media is None or name:  # no clip without bytes in a folder of clips
                lists[split].write(encoded(_line(record, name)) + b"\n")
        _append(lists, archive)
    archive.close()


def _append(lists: dict[str, IO[bytes]], archive: archives.ZipOut) -> None:
    """Put the lists in that hold something, or an empty one where none does."""
    is_empty = not any(each.tell() for each in lists.values())
    for split, each in lists.items():
        n_bytes = each.tell()
        each.seek(0)
        if n_bytes or is_empty:
            archive.copy(f"{split}/{METADATA}", each, n_bytes)


class _Names:
    """What the clips are called in the archive, each put in once."""

    def __init__(self, about: About) -> None:
        self._media, self._known = about.media, dict[str, str]()

    def of(self, record: Record, split: str, number: int, archive: archives.ZipOut) -> str:
        if self._media is None:
            return ""
        if record.video_id not in self._known:
            self._known = {record.video_id: ""}  # segments of a clip follow one another
            media = self._media(record)
            if media is not None:
                with media.file:
                    name = archives.member_name(record.video_id, number, media.suffix)
                    archive.copy(f"{split}/{name}", media.file, media.n_bytes)
                self._known[record.video_id] = name
        return self._known[record.video_id]


def _line(record: Record, name: str) -> dict[str, Any]:
    line = {
        "video_id": record.video_id,
        "start": record.start_ms / 1000,
        "end": record.end_ms / 1000 if record.end_ms else None,
        "caption": record.caption,
        "references": record.texts(),
        "language": record.language,
        "status": record.status,
        "confidence": record.confidence,
        "agreement": record.agreement,
        "duration": record.duration,
        "video_url": record.url,
        "tags": record.tags,
    }
    return {"file_name": name} | line if name else line


def read(source: Source) -> Iterator[Entry]:
    """Yield the lines of the lists; the clips themselves are not unpacked."""
    lists = archives.members(source, lambda name: name.rpartition("/")[2] == METADATA)
    n_lists = 0
    for name, raw in lists:
        n_lists += 1
        folder = name.rpartition("/")[0].rpartition("/")[2]
        split = folder if folder in SPLITS else ""
        for number, line in enumerate(raw.split(b"\n"), 1):
            if line.strip():
                yield _entry(line, f"{name} line {number}", split)
    if not n_lists:
        raise Malformed.on("file", f"The zip file holds no {METADATA}.")


def _entry(raw: bytes, place: str, split: str) -> Entry:
    try:
        line: Line = decoded(raw, Line, place)
    except Malformed as broken:
        return Entry(place, problem=broken.detail.removeprefix(f"{place}: "))
    video_id = line.video_id or archives.video_id_of(line.file_name)
    if not video_id:
        return Entry(place, problem="Neither video_id nor file_name says which clip this is.")
    record = Record(
        video_id=video_id,
        start_ms=milliseconds(line.start),
        end_ms=milliseconds(line.end),
        caption=line.caption or line.text,
        language=line.language,
        status=line.status,
        confidence=line.confidence,
        agreement=line.agreement,
        duration=line.duration,
        url=line.video_url,
        tags=line.tags,
        split=split,
    )
    if line.end is not None and record.end_ms <= record.start_ms:
        return Entry(place, problem="end must be after start.")
    record.references = unmet(line.references, record)
    return Entry(place, record)
