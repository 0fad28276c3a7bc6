"""Bytes on their way: gathered into larger pieces, or kept on disk until it is their turn."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from portal.adapters.formats.records import Sink, encoded

CHUNK = 256 * 1024


class Gathered:
    """A sink that hands on many small pieces as a few large ones; flush it at the end."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self._room = sink, bytearray()

    def write(self, data: bytes, /) -> None:
        """Take the next bytes."""
        self._room += data
        if len(self._room) >= CHUNK:
            self.flush()

    def flush(self) -> None:
        """Hand on what is there."""
        self._sink.write(bytes(self._room))
        self._room.clear()


class JSONList:
    """Elements of a JSON list, written one by one with commas between."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self._comma = sink, b""

    def add(self, value: Any) -> None:
        """Write one element."""
        self._sink.write(self._comma + encoded(value))
        self._comma = b",\n"


@contextmanager
def two_lists(sink: Sink, between: bytes) -> Iterator[tuple[JSONList, JSONList]]:
    """Give two lists to fill at once; the second follows the first in the file."""
    with tempfile.TemporaryFile() as spool:
        yield JSONList(sink), JSONList(spool)
        sink.write(between)
        spool.seek(0)
        while piece := spool.read(CHUNK):
            sink.write(piece)
