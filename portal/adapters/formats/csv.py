"""CSV: one text a row, cells that no spreadsheet takes for a formula, read strictly.

A cell that would begin a formula gets an apostrophe before it, and so does one that begins with
apostrophes and then such a character: reading takes one off, and every text comes back as it was.
"""

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from portal.adapters.formats import tables
from portal.adapters.formats.records import About, Entry, Malformed, Record, Sink, Source
from portal.adapters.formats.tables import COLUMNS, NEEDED, Row

CELL_CHARACTERS = 131_072  # of the csv module
_FORMULA = re.compile("'*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")
_GUARDED = re.compile("''*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")
ROWS_A_WRITE = 2000
LINE_BYTES = 2 << 20


def write(records: Iterable[Record], sink: Sink, about: About) -> None:
    """Write a header and one row a text."""
    page = io.StringIO(newline="")
    writer = csv.writer(page, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    n_rows = 0
    for record in records:
        for row in tables.rows_of(record):
            writer.writerow([_cell(row.get(column)) for column in COLUMNS])
            n_rows += 1
        if n_rows >= ROWS_A_WRITE:
            _turn(page, sink)
            n_rows = 0
    _turn(page, sink)


def _turn(page: io.StringIO, sink: Sink) -> None:
    sink.write(page.getvalue().encode())
    page.seek(0)
    page.truncate()


def _cell(value: Any) -> Any:
    return safe(value) if isinstance(value, str) else value


def safe(text: str) -> str:
    """Return a cell that a spreadsheet shows and does not compute."""
    return f"'{text}" if _FORMULA.match(text) else text


def unsafe(text: str) -> str:
    """Return the text that `safe` was given."""
    return text[1:] if _GUARDED.match(text) else text


def read(source: Source) -> Iterator[Entry]:
    """Yield the rows' records.

    Raises Malformed, naming the line, where the table itself is broken: after a lost quote no
    later row could be trusted.
    """
    return tables.entries_of(_rows(source))


def _rows(source: Source) -> Iterator[tuple[str, Row | Malformed]]:
    lines = _Lines(source)
    reader = csv.reader(lines, strict=True)
    header = _header(_next(reader, lines))
    while (cells := _next(reader, lines)) is not None:
        if not cells:
            continue
        if len(cells) != len(header):
            raise Malformed.on(
                "file", f"line {lines.first}: {len(cells)} cells under {len(header)} headings."
            )
        place = f"line {lines.first}"
        try:
            yield place, _typed(dict(zip(header, cells, strict=True)))
        except Malformed as broken:
            yield place, broken


def _next(reader: Any, lines: "_Lines") -> list[str] | None:
    lines.begin()
    try:
        cells: list[str] | None = next(reader, None)
    except csv.Error as broken:
        raise Malformed.on("file", f"line {lines.first}: {broken}.") from broken
    if lines.n_quotes % 2:
        raise Malformed.on("file", f"line {lines.first}: a quote without its partner.")
    return cells


def _header(cells: list[str] | None) -> list[str]:
    names = [name.strip() for name in cells or []]
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise Malformed.on("file", f"line 1: the heading {' and '.join(missing)} is missing.")
    if len(set(names)) < len(names):
        raise Malformed.on("file", "line 1: a heading is there twice.")
    return names


def _typed(cells: dict[str, str]) -> Row:
    row: Row = {}
    for name, kind in COLUMNS.items():
        cell = unsafe(cells.get(name, ""))
        if cell:
            row[name] = cell if kind is str else _number(name, cell, kind)
    if "video_id" not in row:
        raise Malformed.on("file", "video_id is empty.")
    return row


def _number(name: str, cell: str, kind: type) -> Any:
    try:
        number = kind(cell)
    except ValueError:
        number = math.nan
    if not cell.isascii() or "_" in cell or not math.isfinite(number):
        raise Malformed.on("file", f"{name} is no number: {cell[:40]!r}.")
    return number


class _Lines:
    """A file's lines as text, for the csv module; knows where the row began that is being read."""

    def __init__(self, source: Source) -> None:
        self._source, self._number = source, 0
        self.first, self.n_quotes = 1, 0

    def begin(self) -> None:
        """Note that a new row begins with the next line."""
        self.first, self.n_quotes = self._number + 1, 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        raw = self._source.readline(LINE_BYTES)
        if not raw:
            raise StopIteration
        self._number += 1
        if len(raw) == LINE_BYTES:
            raise Malformed.on("file", f"line {self._number}: more than {LINE_BYTES} bytes.")
        if self._number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if b"\x00" in raw:
            raise Malformed.on(
                "file", f"line {self._number}: a NUL byte; is it UTF-16? Send UTF-8."
            )
        try:
            line = raw.decode()
        except UnicodeDecodeError as broken:
            raise Malformed.on("file", f"line {self._number}: this is not UTF-8.") from broken
        self.n_quotes += line.count('"')
        return line
