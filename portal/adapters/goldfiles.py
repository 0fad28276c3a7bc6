"""Files of gold: one clip a line with its accepted answers, read strictly and line by line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

MAX_LINE_BYTES = 100_000
MAX_REFERENCES = 50


class Entry(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One gold clip: `references` are accepted, `shown_prediction` is wrong on purpose."""

    video_id: str
    references: list[str]
    start: float | None = None
    end: float | None = None
    shown_prediction: str | None = None


@dataclass(frozen=True)
class Line:
    """One line by its number: an entry, or what is wrong with it."""

    number: int
    entry: Entry | None
    problem: str = ""


def read(lines: Iterable[bytes]) -> Iterator[Line]:
    """Read JSON Lines (UTF-8, blank lines skipped); a bad line is a problem, never an exception."""
    decoder = msgspec.json.Decoder(Entry)
    for number, raw in enumerate(lines, start=1):
        text = raw.strip().removeprefix(b"\xef\xbb\xbf")
        if not text:
            continue
        yield _line(number, text, decoder)


def _line(number: int, text: bytes, decoder: "msgspec.json.Decoder[Entry]") -> Line:
    if len(text) > MAX_LINE_BYTES:
        return Line(number, None, f"The line is longer than {MAX_LINE_BYTES} bytes.")
    try:
        entry = decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as wrong:
        return Line(number, None, f"{str(wrong).rstrip('.')}.")
    if not 1 <= len(entry.references) <= MAX_REFERENCES:
        return Line(number, None, f"references holds 1–{MAX_REFERENCES} accepted answers.")
    return Line(number, entry)
