"""The two statements that work is given out with, written by hand because they are the hot ones.

Both take the same time at a thousand waiting tasks and at a million. `TaskQuerySet` calls them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import connection


class Candidate(NamedTuple):
    """What of a waiting task decides who is given it; they compare by due time, then key."""

    virtual_due: datetime
    pk: int
    n_captions: int
    difficulty: float


@dataclass(frozen=True)
class TakenSlot:
    """A slot that was just counted on a task, whose row the transaction now holds."""

    task_id: int
    n_wanted: int
    is_gold: bool
    prediction_id: int | None
    why_next: dict[str, object]
    now: datetime  # by the database's clock


# The terms of the partial indexes stand here as there: that is how SQLite knows them again.
_WALK = """
SELECT t.virtual_due, t.id, t.n_captions, t.difficulty FROM portal_task AS t
WHERE t.project_id = %s AND {pool} AND t.virtual_due >= %s
AND NOT t.is_gold AND t.n_taken < t.n_wanted AND t.state = 'open'
AND NOT EXISTS (
    SELECT 1 FROM portal_assignment AS a WHERE a.task_id = t.id AND a.annotator_id = %s
    AND a.state NOT IN ('expired', 'released'))
AND NOT EXISTS (
    SELECT 1 FROM portal_annotation AS c JOIN portal_vote AS v ON v.annotation_id = c.id
    WHERE c.task_id = t.id AND v.voter_id = %s)
ORDER BY t.virtual_due, t.id LIMIT %s
"""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def read_candidates(
    *,
    annotator_pk: int,
    project_id: int,
    pools: Sequence[int] | None,
    since: datetime | None,
    n: int,
) -> list[Candidate]:
    """Return the first `n` tasks that `TaskQuerySet.open_for` gives, in these pools (None: all).

    Each pool is walked in its own stretch of the index: `pool IN (…)` would read and sort them.
    """
    statement, values = candidates_statement(
        annotator_pk=annotator_pk, project_id=project_id, pools=pools, since=since, n=n
    )
    if not values:
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return sorted(Candidate(_time(due), *rest) for due, *rest in cursor.fetchall())[:n]


def candidates_statement(
    *,
    annotator_pk: int,
    project_id: int,
    pools: Sequence[int] | None,
    since: datetime | None,
    n: int,
) -> tuple[str, list[Any]]:
    """Return the statement that reads candidates, and its values; none where there is no pool."""
    walks: Sequence[int | None] = [None] if pools is None else pools
    after = connection.ops.adapt_datetimefield_value(since or _LONG_AGO)
    values: list[Any] = []
    for pool in walks:
        named = [project_id] if pool is None else [project_id, pool]
        values += [*named, after, annotator_pk, annotator_pk, n]
    whole, part = _WALK.format(pool="TRUE"), _WALK.format(pool="t.pool = %s")
    if len(walks) == 1:
        return (whole if walks[0] is None else part), values
    walked = [f"SELECT * FROM ({part}) AS w{k}" for k in range(len(walks))]  # noqa: S608 no values
    return " UNION ALL ".join(walked), values


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
