"""Sockets whose every read and write is bound by one deadline and one byte budget."""

import socket
import time
from io import BufferedReader, RawIOBase
from typing import Any

WRITE_BYTES = 16 * 1024


def seconds_left(deadline: float) -> float:
    """Return the time until a deadline of the monotonic clock; raise TimeoutError after it."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class Wire:
    """A socket for http.client with one deadline and one byte budget over all reads and writes."""

    def __init__(self, wire: socket.socket, deadline: float, budget: int) -> None:
        self._wire, self._deadline, self._budget = wire, deadline, budget

    def sendall(self, data: Any) -> None:
        """Send everything in time."""
        view = memoryview(data)
        while view:
            self._wire.settimeout(seconds_left(self._deadline))
            view = view[self._wire.send(view[:WRITE_BYTES]) :]

    def recv_into(self, room: Any) -> int:
        """Receive what is there, in time and within the budget."""
        self._wire.settimeout(seconds_left(self._deadline))
        n_bytes = self._wire.recv_into(room)
        self._budget -= n_bytes
        if self._budget < 0:
            raise ConnectionError("more framing than body")
        return n_bytes

    def makefile(self, _mode: str) -> BufferedReader:
        """Return a reader of what is received."""
        return BufferedReader(_Reader(self))

    def close(self) -> None:
        """Leave the wire open: http.client closes before the body is read, the exchange after."""


class _Reader(RawIOBase):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        return self._wire.recv_into(room)
