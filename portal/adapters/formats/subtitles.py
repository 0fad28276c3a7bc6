"""What WebVTT and SRT have in common: cues on a clip, a file a clip, zipped with a list of clips.

`metadata.jsonl` in the zip names each file's clip, its length, language and split. A segment that
ends with a clip of unknown length ends at 99:59:59.999.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

import msgspec

from portal.adapters.formats import archives
from portal.adapters.formats.records import (
    Entry,
    Malformed,
    Record,
    Sink,
    Source,
    decoded,
    encoded,
    end_within,
    whole,
)

TO_THE_END = 359_999_999
METADATA = "metadata.jsonl"
_TIMING = re.compile(
    r"\s*(?:(\d{2,}):)?(\d{2}):(\d{2})[.,](\d{3})\s+-->\s+(?:(\d{2,}):)?(\d{2}):(\d{2})[.,](\d{3})(?:\s.*)?"
)


class Cue(NamedTuple):
    """One text from when to when; `problem` where its times cannot be read."""

    line: int
    start_ms: int
    end_ms: int
    text: str
    problem: str = ""


class Clip(msgspec.Struct):
    """A line of the metadata."""

    file_name: str
    video_id: str
    duration: float | None = None
    language: str = ""
    split: str = ""
    url: str = ""


def write(
    records: Iterable[Record], sink: Sink, suffix: str, page: Callable[[list[Cue]], str]
) -> None:
    """Write a zip with a file a clip; `page` puts cues down as the format has them."""
    archive = archives.ZipOut(sink)
    clips = []
    for number, (video_id, group) in enumerate(groupby(records, lambda each: each.video_id), 1):
        of_clip = list(group)
        name, first = archives.member_name(video_id, number, suffix), of_clip[0]
        archive.add(name, page([_cue(record) for record in of_clip]).encode())
        clip = Clip(name, video_id, first.duration, first.language, first.split, first.url)
        clips.append(encoded(clip))
    archive.add(METADATA, b"\n".join([*clips, b""]))
    archive.close()


def _cue(record: Record) -> Cue:
    end_ms = record.end_ms or round((record.duration or 0.0) * 1000)
    text = next(iter(record.texts()), "")
    return Cue(0, record.start_ms, end_ms if end_ms > record.start_ms else TO_THE_END, text)


def read(source: Source, name: str, cues: Callable[[str], Iterator[Cue]]) -> Iterator[Entry]:
    """Yield the cues of a zip's files, or of one file called `name`."""
    head = source.read(4)
    source.seek(0)
    if head != b"PK\x03\x04":
        clip = Clip(name, archives.video_id_of(name) or "video")
        yield from _entries(clip, whole(source), cues)
        return
    files = dict(archives.members(source))
    clips = _clips(files.pop(METADATA, b""))
    for file_name, raw in files.items():
        clip = clips.get(file_name) or Clip(file_name, archives.video_id_of(file_name))
        yield from _entries(clip, raw, cues)


def _clips(raw: bytes) -> dict[str, Clip]:
    lines = enumerate(raw.split(b"\n"), 1)
    clips = [decoded(line, Clip, f"{METADATA} line {number}") for number, line in lines if line]
    return {clip.file_name: clip for clip in clips}


def _entries(clip: Clip, raw: bytes, cues: Callable[[str], Iterator[Cue]]) -> Iterator[Entry]:
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        yield Entry(clip.file_name, problem="This is not UTF-8.")
        return
    for cue in cues(text):
        place = f"{clip.file_name} line {cue.line}"
        if cue.problem:
            yield Entry(place, problem=cue.problem)
            continue
        end_ms = 0 if cue.end_ms == TO_THE_END else cue.end_ms
        record = Record(
            video_id=clip.video_id,
            start_ms=cue.start_ms,
            end_ms=end_within(end_ms, cue.start_ms, clip.duration),
            duration=clip.duration,
            language=clip.language,
            split=clip.split,
            url=clip.url,
            references=[cue.text] if cue.text else [],
        )
        yield Entry(place, record)


def clock(milliseconds: int, point: str) -> str:
    """Write a time as hh:mm:ss.mmm."""
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{rest:03d}"


def timing(line: str) -> tuple[int, int]:
    """Read a cue's times; raise Malformed where there are none, or the end is not after."""
    match = _TIMING.fullmatch(line)
    if match is None:
        raise Malformed.on("file", f"No times: {line[:60]!r}.")
    parts = [int(part or 0) for part in match.groups()]
    start, end = (((h * 60 + m) * 60 + s) * 1000 + ms for h, m, s, ms in (parts[:4], parts[4:]))
    if end <= start:
        raise Malformed.on("file", "A cue ends after it starts.")
    return start, end
