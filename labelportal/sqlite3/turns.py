"""Whose turn it is to write: a thread waits for those of its process, a process for the others.

SQLite lets one connection write at a time, and whoever finds the lock taken sleeps, up to a tenth
of a second, before asking again: the quick starve the patient, and at times nobody writes. In this
line the next one is woken at once. It is a courtesy between programs that know of it; SQLite's own
lock is taken after it and is what keeps the data whole.
"""

import fcntl
import os
import threading
from collections import defaultdict

from django.db.utils import OperationalError

# Of a process only one thread waits at the file, which cannot be waited for with an end.
_doors: dict[str, threading.Lock] = defaultdict(threading.Lock)


class Turn:
    """One connection's place in the line; taken and given back by the thread that writes."""

    def __init__(self) -> None:
        self._held: tuple[threading.Lock, int] | None = None

    def take(self, path: str, *, patience: float) -> None:
        """Wait for one's turn at a database; raises OperationalError after so many seconds."""
        door = _doors[path]
        if not door.acquire(timeout=patience):
            raise OperationalError("database is locked")
        try:
            file = os.open(f"{path}-turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except BaseException:
            door.release()
            raise
        self._held = door, file
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except BaseException:  # a signal may interrupt the wait
            self.give_back()
            raise

    def give_back(self) -> None:
        """Let the next one write; does nothing where it is not one's turn."""
        if self._held is not None:
            (door, file), self._held = self._held, None
            os.close(file)  # which unlocks it
            door.release()
