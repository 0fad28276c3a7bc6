"""Parquet: the table of `tables`, one text a row, written here and read by pyarrow.

Writing needs only plain pages, gzipped: a few lines against the 130 MB that pyarrow adds to an
install. Other people's files use every encoding there is, so reading them asks for pyarrow.
https://github.com/apache/parquet-format
"""

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from itertools import chain, groupby, islice
from typing import Any

from portal.adapters.formats import tables
from portal.adapters.formats.records import About, Entry, Malformed, Record, Sink, Source
from portal.adapters.formats.tables import COLUMNS, NEEDED, Row
from portal.adapters.formats.thrift import I32, I64, encode, varint

MAGIC = b"PAR1"
ROWS_A_GROUP = 10_000
CREATOR = "label-portal (build 1)"
PLAIN, RLE = I32(0), I32(3)
GZIP = I32(2)
UTF8 = I32(0)
OPTIONAL = I32(1)
BYTE_ARRAY, DOUBLE, INT64 = I32(6), I32(5), I32(2)
_KINDS = {str: BYTE_ARRAY, float: DOUBLE, int: INT64}
REMEDY = "Reading Parquet needs pyarrow, which is not installed here: pip install pyarrow."


def write(records: Iterable[Record], sink: Sink, about: About) -> None:
    """Write row groups as they fill, then the footer that finds them."""
    sink.write(MAGIC)
    at, groups, n_rows = len(MAGIC), [], 0
    rows = chain.from_iterable(map(tables.rows_of, records))
    while block := list(islice(rows, ROWS_A_GROUP)):
        group, written = _group(block, sink, at)
        groups.append(group)
        at += written
        n_rows += len(block)
    footer = encode(_footer(groups, n_rows, about))
    sink.write(footer + struct.pack("<I", len(footer)) + MAGIC)


def _group(rows: Sequence[Row], sink: Sink, at: int) -> tuple[dict[int, Any], int]:
    """Write one row group; return what the footer says of it and its length."""
    chunks, written = [], 0
    for name, kind in COLUMNS.items():
        values = [row.get(name) for row in rows]
        head, page, n_plain = _page(values, kind)
        sink.write(head + page)
        size = len(head) + len(page)
        meta = {
            1: _KINDS[kind],
            2: [PLAIN, RLE],
            3: [name],
            4: GZIP,
            5: I64(len(rows)),
            6: I64(len(head) + n_plain),
            7: I64(size),
            9: I64(at + written),
        }
        chunks.append({2: I64(at + written), 3: meta})
        written += size
    return {1: chunks, 2: I64(written), 3: I64(len(rows))}, written


def _page(values: Sequence[Any], kind: type) -> tuple[bytes, bytes, int]:
    """Return a column's page with its header, and the page's length before it was packed."""
    levels = b"".join(
        varint(len(list(run)) << 1) + bytes([is_there])
        for is_there, run in groupby(value is not None for value in values)
    )
    there = [value for value in values if value is not None]
    plain = struct.pack("<I", len(levels)) + levels + _plain(there, kind)
    packer = zlib.compressobj(1, wbits=31)
    page = packer.compress(plain) + packer.flush()
    header = {
        1: I32(0),
        2: I32(len(plain)),
        3: I32(len(page)),
        5: {1: I32(len(values)), 2: PLAIN, 3: RLE, 4: RLE},
    }
    return encode(header), page, len(plain)


def _plain(values: Sequence[Any], kind: type) -> bytes:
    if kind is float:
        return struct.pack(f"<{len(values)}d", *values)
    if kind is int:
        return struct.pack(f"<{len(values)}q", *values)
    texts = [value.encode() for value in values]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def _footer(groups: list[dict[int, Any]], n_rows: int, about: About) -> dict[int, Any]:
    root = {4: "schema", 5: I32(len(COLUMNS))}
    columns = [
        {1: _KINDS[kind], 3: OPTIONAL, 4: name} | ({6: UTF8, 10: {1: {}}} if kind is str else {})
        for name, kind in COLUMNS.items()
    ]
    said = [{1: "name", 2: about.name}, {1: "created_at", 2: about.created_at}]
    return {
        1: I32(1),
        2: [root, *columns],
        3: I64(n_rows),
        4: groups,
        5: said,
        6: CREATOR,
    }


def read(source: Source) -> Iterator[Entry]:
    """Yield the rows' records; raise Malformed on what is no Parquet, or without pyarrow."""
    return tables.entries_of(_rows(source))


def _rows(source: Source) -> Iterator[tuple[str, Row | Malformed]]:
    try:
        pyarrow, pq = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as missing:
        raise Malformed.on("format", REMEDY, "not_installed") from missing
    try:
        file = pq.ParquetFile(source)
        _check(file.schema_arrow)
        number = 0
        for batch in file.iter_batches(batch_size=ROWS_A_GROUP):
            for cells in batch.to_pylist():
                number += 1
                yield f"row {number}", _typed(cells)
    except (pyarrow.ArrowException, OSError) as broken:
        raise Malformed.on(
            "file", f"This is no Parquet file that can be read: {broken}."
        ) from broken


def _check(schema: Any) -> None:
    missing = [name for name in NEEDED if name not in schema.names]
    if missing:
        raise Malformed.on("file", f"The column {' and '.join(missing)} is missing.")


def _typed(cells: Row) -> Row | Malformed:
    row = {name: cells.get(name) for name in COLUMNS}
    for name, value in row.items():
        kinds = (int, float) if COLUMNS[name] is float else (COLUMNS[name],)
        if value is not None and (not isinstance(value, kinds) or isinstance(value, bool)):
            return Malformed.on("file", f"{name} is a {type(value).__name__}.")
    return row if row["video_id"] else Malformed.on("file", "video_id is empty.")
