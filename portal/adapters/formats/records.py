"""The neutral record between rows and files: one clip or segment and what was said of it.

Times are whole milliseconds, as rows have them; an end of 0 is the end of the clip. Formats that
name clips by one string use a media fragment (W3C): `clip#t=1.5,4`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import msgspec

from portal.errors import InvalidInput

WHOLE_BYTES = 512 << 20
_FRAGMENT = re.compile(
    r"(.+)#t=([0-9]{1,7}(?:\.[0-9]{1,3})?)(?:,([0-9]{1,7}(?:\.[0-9]{1,3})?))?", re.S
)
_HAS_FRAGMENT = re.compile(r".+#t=[0-9.,]+", re.S)


class Malformed(InvalidInput):
    """A file that is not what it is said to be; the message says where."""

    code = "malformed"


class Caption(msgspec.Struct):
    """What one person wrote: the author's name as the file has it, seconds spent, guidelines."""

    text: str
    author: str = ""
    seconds: float | None = None
    guideline: int | None = None
    created_at: str | None = None
    is_gold: bool = False


class Guess(msgspec.Struct):
    """What a model said; `score` is a number whose direction the file does not tell."""

    text: str
    version: str = ""
    uncertainty: float | None = None
    score: float | None = None


class Record(msgspec.Struct, kw_only=True):
    """One clip or segment: the caption that stands, people's captions, further right answers."""

    video_id: str
    start_ms: int = 0
    end_ms: int = 0
    duration: float | None = None
    url: str = ""
    tags: list[str] = []
    language: str = ""
    split: str = ""
    caption: str = ""
    status: str = ""
    confidence: float | None = None
    agreement: float | None = None
    captions: list[Caption] = []
    references: list[str] = []
    predictions: list[Guess] = []
    drafts: list[Caption] = []
    skips: list[str] = []
    task_id: int | None = None
    project: str = ""
    clip_row: int = 0  # in the database, by which segments are in order
    file_key: str = ""
    details: dict[str, Any] = {}

    def texts(self) -> list[str]:
        """Every accepted wording, the one that stands first, each once."""
        said = (self.caption, *(caption.text for caption in self.captions), *self.references)
        return list(dict.fromkeys(text for text in said if text))

    @property
    def key(self) -> tuple[str, int, int]:
        return self.video_id, self.start_ms, self.end_ms

    def ends_at(self) -> float:
        """Where the segment ends in seconds; 0 where that is the end of a clip of unknown length.

        For formats that cannot say "to the end".
        """
        return self.end_ms / 1000 if self.end_ms else self.duration or 0.0


@dataclass(frozen=True)
class Entry:
    """One record of a file and where it stands, or what is wrong there."""

    place: str
    record: Record | None = None
    problem: str = ""


@dataclass(frozen=True)
class Media:
    """A clip's bytes, open, with their number and the ending that their type has."""

    file: BinaryIO
    n_bytes: int
    suffix: str


@dataclass(frozen=True)
class About:
    """What a file says of itself; `media` opens a record's clip where files go along."""

    name: str = "captions"
    description: str = "Captions from Label Portal"
    language: str = "en"
    created_at: str = "1970-01-01T00:00:00+00:00"
    media: Callable[[Record], Media | None] | None = None


class Sink(Protocol):
    """Where a file is written to."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes."""


class Source(Protocol):
    """A file to read, from which one may also seek."""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes."""

    def readline(self, size: int = -1, /) -> bytes:
        """Return the next line or its first bytes."""

    def seek(self, place: int, whence: int = 0, /) -> int:
        """Go to another place."""

    def tell(self) -> int:
        """Say where."""


def name_of(record: Record) -> str:
    """Return one string for clip and segment; `parsed_name` takes it apart again."""
    if record.start_ms == 0 and record.end_ms == 0:
        return (
            f"{record.video_id}#t=0"
            if _HAS_FRAGMENT.fullmatch(record.video_id)
            else record.video_id
        )
    end = f",{record.end_ms / 1000:.15g}" if record.end_ms else ""
    return f"{record.video_id}#t={record.start_ms / 1000:.15g}{end}"


def parsed_name(name: str) -> tuple[str, int, int]:
    """Return a name's video id, start and end in milliseconds."""
    match = _FRAGMENT.fullmatch(name)
    if match is None:
        return name, 0, 0
    return match[1], milliseconds(float(match[2])), milliseconds(float(match[3] or 0))


def milliseconds(seconds: float | None) -> int:
    """Turn seconds into milliseconds; none is 0."""
    return round((seconds or 0.0) * 1000)


def end_within(end_ms: int, start_ms: int, duration: float | None) -> int:
    """Return 0, the end of the clip, for an end that lies there or does not follow the start."""
    return 0 if end_ms <= start_ms or end_ms == milliseconds(duration) else end_ms


def unmet(texts: Iterable[str], record: Record) -> list[str]:
    """Return the texts that the record does not hold otherwise, each once."""
    known = set(record.texts())
    return [text for text in dict.fromkeys(texts) if text and text not in known]


def whole(source: Source) -> bytes:
    """Read a file that has to be in memory at once; raise Malformed where it is too large."""
    raw = source.read(WHOLE_BYTES + 1)
    if len(raw) > WHOLE_BYTES:
        raise Malformed.on(
            "file", f"A file of this format has at most {WHOLE_BYTES >> 20} MB; send JSON Lines."
        )
    return raw.removeprefix(b"\xef\xbb\xbf")


def decoded(raw: bytes | msgspec.Raw, kind: Any, place: str) -> Any:
    """Decode JSON as what it has to be; raise Malformed saying where it is not."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except UnicodeDecodeError as broken:
        raise Malformed.on("file", f"{place}: this is not UTF-8.") from broken
    except RecursionError as broken:
        raise Malformed.on("file", f"{place}: this is nested too deeply.") from broken
    except msgspec.MsgspecError as broken:
        raise Malformed.on("file", f"{place}: {broken}.") from broken


def each(raws: Iterable[msgspec.Raw], kind: Any, field: str) -> Iterator[tuple[str, Any, str]]:
    """Decode elements one by one: the place, and the element or what is wrong with it."""
    for index, raw in enumerate(raws):
        place = f"{field}[{index}]"
        try:
            yield place, decoded(raw, kind, place), ""
        except Malformed as broken:
            yield place, None, broken.detail.removeprefix(f"{place}: ")


def encoded(value: Any) -> bytes:
    """Encode as JSON, non-ASCII as it is."""
    return msgspec.json.encode(value)
