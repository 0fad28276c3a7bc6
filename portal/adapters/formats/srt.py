"""SubRip: numbered from 1, times with a comma. It has no escapes: `&` and `<` stay as they are.

Two things that would break a file get an invisible character, which reading takes away again: an
empty line inside a text a no-break space, and `-->` a word joiner before its `>`.
"""

import re
from collections.abc import Iterable, Iterator

from portal.adapters.formats import subtitles
from portal.adapters.formats.records import About, Entry, Malformed, Record, Sink, Source
from portal.adapters.formats.subtitles import Cue, clock, timing

SUFFIX = ".srt"
SPACE, JOINER = "\u00a0", "\u2060"
_EMPTY = re.compile(rf"^({SPACE}*)$", re.M)
_PADDED = re.compile(rf"^{SPACE}({SPACE}*)$", re.M)
_ARROW = re.compile(rf"--({JOINER}*)>")
_JOINED = re.compile(rf"--{JOINER}({JOINER}*)>")
_NUMBER = re.compile(r"\s*\d+\s*")


def write(records: Iterable[Record], sink: Sink, about: About) -> None:
    """Write a zip of .srt files."""
    subtitles.write(records, sink, SUFFIX, page)


def page(cues: list[Cue]) -> str:
    """Return one file."""
    return "\n".join(
        f"{number}\n{clock(cue.start_ms, ',')} --> {clock(cue.end_ms, ',')}\n{guarded(cue.text)}\n"
        for number, cue in enumerate(cues, 1)
    )


def guarded(text: str) -> str:
    """Return a text that cannot be taken for the end of its cue or for times."""
    return _ARROW.sub(rf"--{JOINER}\1>", _EMPTY.sub(rf"{SPACE}\1", text))


def unguarded(text: str) -> str:
    """Return the text that `guarded` was given."""
    return _JOINED.sub(r"--\1>", _PADDED.sub(r"\1", text))


def read(source: Source, name: str = "video.srt") -> Iterator[Entry]:
    """Yield the cues of one file or of a zip of them."""
    return subtitles.read(source, name, _cues)


def _cues(text: str) -> Iterator[Cue]:
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        if not lines[at].strip(" \t"):
            at += 1
            continue
        first = at
        while at < len(lines) and lines[at]:
            at += 1
        yield _cue(first + 1, lines[first:at])


def _cue(number: int, lines: list[str]) -> Cue:
    if not _NUMBER.fullmatch(lines[0]) or len(lines) < 2:
        return Cue(number, 0, 0, "", "A cue begins with its number and its times.")
    try:
        start_ms, end_ms = timing(lines[1])
    except Malformed as broken:
        return Cue(number, 0, 0, "", broken.detail)
    return Cue(number, start_ms, end_ms, unguarded("\n".join(lines[2:])))
