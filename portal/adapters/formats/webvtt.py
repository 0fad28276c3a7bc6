"""WebVTT: https://www.w3.org/TR/webvtt1/. `&`, `<` and `>` are escaped, so `-->` cannot occur.

A line end before another one is written as `&#10;`: an empty line would end the cue.
"""

import html
import re
from collections.abc import Iterable, Iterator

from portal.adapters.formats import subtitles
from portal.adapters.formats.records import About, Entry, Malformed, Record, Sink, Source
from portal.adapters.formats.subtitles import Cue, clock, timing

SUFFIX = ".vtt"
# What would end a line for one reader or another.
_ENDS = re.compile("\n(?=\n)|[\u2028\u2029\x85]")
_TAG = re.compile(r"<[^>\n]*>")


def write(records: Iterable[Record], sink: Sink, about: About) -> None:
    """Write a zip of .vtt files."""
    subtitles.write(records, sink, SUFFIX, page)


def page(cues: list[Cue]) -> str:
    """Return one file."""
    blocks = [
        f"{number}\n{clock(cue.start_ms, '.')} --> {clock(cue.end_ms, '.')}\n{escaped(cue.text)}\n"
        for number, cue in enumerate(cues, 1)
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def escaped(text: str) -> str:
    """Return a cue's payload."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _ENDS.sub(lambda match: f"&#{ord(match[0])};", text)


def read(source: Source, name: str = "video.vtt") -> Iterator[Entry]:
    """Yield the cues of one file or of a zip of them."""
    return subtitles.read(source, name, _cues)


def _cues(text: str) -> Iterator[Cue]:
    lines = text.split("\n")
    if not re.match(r"WEBVTT(?:[ \t].*)?$", lines[0]):
        raise Malformed.on("file", "line 1: a WebVTT file begins with WEBVTT.")
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        first = at
        while at < len(lines) and lines[at]:
            at += 1
        yield from _block(first + 1, lines[first:at])


def _block(number: int, lines: list[str]) -> Iterator[Cue]:
    """Yield the cue of a block; headers, notes, styles and regions have none."""
    place = next((i for i, line in enumerate(lines[:2]) if "-->" in line), None)
    if place is None or lines[0].startswith(("WEBVTT", "NOTE")):
        return
    try:
        start_ms, end_ms = timing(lines[place])
    except Malformed as broken:
        yield Cue(number, 0, 0, "", broken.detail)
        return
    payload = _TAG.sub("", "\n".join(lines[place + 1 :]))
    yield Cue(number, start_ms, end_ms, html.unescape(payload))
