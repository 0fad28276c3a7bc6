"""Commits that need not wait for the disk: what a power cut takes along is found owed again."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

NORMAL = 1  # SQLite: a commit is in the log, and on the disk with the next one that waits


@contextmanager
def unhurried() -> Iterator[None]:
    """Let what commits inside reach the disk a moment later, in its order.

    For leases and for the books of the job queue alone. Does nothing inside of a transaction.
    """
    if connection.in_atomic_block:
        yield
        return
    relax, restore = _statements()
    with connection.cursor() as cursor:
        cursor.execute(relax)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(restore)


def _statements() -> tuple[str, str]:
    if connection.vendor == "postgresql":
        return "SET synchronous_commit TO off", "RESET synchronous_commit"
    with connection.cursor() as cursor:
        level = int(cursor.execute("PRAGMA synchronous").fetchone()[0])
    return f"PRAGMA synchronous={min(level, NORMAL)}", f"PRAGMA synchronous={level}"
