"""Files of captions, read strictly line by line, and files of results, written whole or not at all.

A line is one caption: `{"task", "annotator", "caption", "shown_prediction"?, "votes"?}`. It passes
the same rules as a caption that comes through the API.
"""

import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec

from portal.errors import InvalidInput
from portal.models.texts import clean_caption

MAX_LINE_BYTES = 1 << 20
BOM = b"\xef\xbb\xbf"

Name = Annotated[str, msgspec.Meta(max_length=200, pattern=r"\S")]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class VoteLine(msgspec.Struct, forbid_unknown_fields=True, frozen=True, order=True):
    """One reviewer's score of the caption on the same line."""

    annotator: Name
    score: Share


class CaptionLine(msgspec.Struct, forbid_unknown_fields=True):
    """One person's caption of one task, with the prediction that they were shown, if any."""

    task: Name
    annotator: Name
    caption: str
    shown_prediction: str | None = None
    votes: tuple[VoteLine, ...] = ()


@dataclass(frozen=True)
class Line:
    """One line of a file: where it stands and ends, and its caption or why it has none."""

    number: int
    end_byte: int
    caption: CaptionLine | None = None
    problem: str = ""


_decoder = msgspec.json.Decoder(CaptionLine)


def read(stream: BinaryIO) -> Iterator[Line]:
    """Yield every line that is not blank, a bad one as its problem, and go on after it."""
    number = n_bytes = 0
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        n_bytes += len(raw)
        if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
            n_bytes += _skip_rest(stream)
            problem = f"A line has at most {MAX_LINE_BYTES} bytes."
            yield Line(number, n_bytes, problem=problem)
            continue
        content = (raw.removeprefix(BOM) if number == 1 else raw).strip(b" \t\r\n")
        if not content:
            continue
        try:
            yield Line(number, n_bytes, parse(content))
        except InvalidInput as refused:
            yield Line(number, n_bytes, problem=printable(refused.detail))


def parse(raw: bytes) -> CaptionLine:
    """Return one line's caption, cleaned; raise InvalidInput saying what is wrong with it."""
    try:
        line = _decoder.decode(raw)
        json.loads(raw, object_pairs_hook=_once)  # the typed decoder keeps the last of two keys
    except UnicodeDecodeError as broken:
        raise InvalidInput("This is not UTF-8.") from broken
    except msgspec.MsgspecError as broken:
        raise InvalidInput(f"{broken}.") from broken
    line.caption = clean_caption(line.caption)
    if line.shown_prediction is not None:
        line.shown_prediction = clean_caption(line.shown_prediction, "shown_prediction")
    return line


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise InvalidInput("A key is there twice.")


def _skip_rest(stream: BinaryIO) -> int:
    n_bytes = 0
    while piece := stream.readline(MAX_LINE_BYTES):
        n_bytes += len(piece)
        if piece.endswith(b"\n"):
            break
    return n_bytes


def printable(text: str) -> str:
    """Spell out what a terminal would obey instead of show: names in a file are anybody's."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


@contextmanager
def whole_files(paths: Sequence[Path]) -> Iterator[list[BinaryIO]]:
    """Open files that take their names once all are complete and on disk; else nothing stays."""
    beside = [path.with_name(f".{path.name}.{secrets.token_hex(4)}") for path in paths]
    try:
        with ExitStack() as stack:
            files: list[BinaryIO] = [stack.enter_context(each.open("xb")) for each in beside]
            yield files
            for file in files:
                file.flush()
                os.fsync(file.fileno())
        for each, path in zip(beside, paths, strict=True):
            each.replace(path)
        for folder in {path.parent for path in paths}:
            _sync(folder)
    finally:
        for each in beside:
            each.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
