"""The two statements that work is given out with, written by hand because they are the hot ones.

Both take the same time at a thousand waiting tasks and at a million. `TaskQuerySet` calls them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet


class Candidate(NamedTuple):
    """What of a waiting task decides who is given it; they compare by due time, then key."""

    virtual_due: datetime
    pk: int
    n_captions: int
    difficulty: float
    tags: list[str]


@dataclass(frozen=True)
class TakenSlot:
    """A slot that was just counted on a task, whose row the transaction now holds."""

    task_id: int
    n_wanted: int
    is_gold: bool
    prediction_id: int | None
    why_next: dict[str, object]
    now: datetime  # by the database's clock


COLUMNS = ("virtual_due", "pk", "n_captions", "difficulty", "video__tags")


def read_candidates(walks: Sequence["QuerySet[Any]"], n: int) -> list[Candidate]:
    """Return the first `n` tasks of several walks, each in its own stretch of the index."""
    if not walks:
        return []
    compiled = [walk.values_list(*COLUMNS)[:n].query.sql_with_params() for walk in walks]
    statement = " UNION ALL ".join(
        f"SELECT * FROM ({sql}) AS walk_{place}"  # noqa: S608 what the ORM compiled
        for place, (sql, _) in enumerate(compiled)
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [value for _, values in compiled for value in values])
        return sorted(_candidate(row) for row in cursor.fetchall())[:n]


def _candidate(row: Sequence[Any]) -> Candidate:
    due, pk, n_captions, difficulty, tags = row
    return Candidate(_time(due), pk, n_captions, difficulty, json.loads(tags))


def take_first(pks: Sequence[int]) -> TakenSlot | None:
    """Count a slot of the first of these open tasks with room that nobody else is at.

    PostgreSQL passes over rows that somebody is at; SQLite has one writer at a time anyway.
    """
    if not pks:
        return None
    ranks = [number for place, pk in enumerate(pks) for number in (pk, place)]
    with connection.cursor() as cursor:
        cursor.execute(_take_first_sql(len(pks)), [*pks, *ranks])
        row = cursor.fetchone()
    if row is None:
        return None
    task_id, n_wanted, is_gold, prediction_id, why_next, now = row
    return TakenSlot(
        task_id, n_wanted, bool(is_gold), prediction_id, json.loads(why_next), _time(now)
    )


def _take_first_sql(n: int) -> str:
    is_postgres = connection.vendor == "postgresql"
    clock = "clock_timestamp()" if is_postgres else "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')"
    listed, cases = ", ".join(["%s"] * n), " ".join(["WHEN %s THEN %s"] * n)
    has_room = "state = 'open' AND n_taken < n_wanted"
    first = (
        f"SELECT id FROM portal_task WHERE id IN ({listed}) AND {has_room} "  # noqa: S608 no values
        f"ORDER BY CASE id {cases} END LIMIT 1{' FOR UPDATE SKIP LOCKED' if is_postgres else ''}"
    )
    return (
        f"UPDATE portal_task SET n_taken = n_taken + 1 "  # noqa: S608 no values
        f"WHERE id = ({first}) AND {has_room} "
        f"RETURNING id, n_wanted, is_gold, prediction_id, why_next, {clock}"
    )


def database_clock() -> datetime:
    """The database's time: machines that disagree must not expire one another's leases."""
    is_postgres = connection.vendor == "postgresql"
    clock = "clock_timestamp()" if is_postgres else "STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {clock}")
        return _time(cursor.fetchone()[0])


def _time(value: datetime | str) -> datetime:
    """A time as a cursor gives it; SQLite's are texts or naive, in UTC."""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return at if at.tzinfo else at.replace(tzinfo=UTC)
