"""One view of the database over several statements, whatever is written meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def snapshot() -> Iterator[None]:
    """Read everything inside from one moment; nothing may be written.

    PostgreSQL: a read-only transaction at REPEATABLE READ. SQLite: a deferred one, which reads
    from the log's state at its first statement and keeps no writer waiting (Django's own would
    take the write lock). Inside a transaction that is open already, that one's view stands.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
