"""The statements that work is given out with, written by hand because they are the hot ones.

Each takes the same time at a thousand waiting tasks and at a million.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import connection


class Candidate(NamedTuple):
    """What of a waiting task decides who is given it; they compare by due time, then key."""

    due: float  # its virtual due time, in seconds of the epoch
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


class Slot(NamedTuple):
    """A row on a task: whose it is, which place it has or had, and its state."""

    pk: int
    annotator_pk: int
    number: int
    state: str


# OFFSET 0 keeps PostgreSQL from a join, and + 0 from the index by person: where its statistics are
# of yesterday it thinks that somebody has done nothing, and would compare each waiting task with
# all that they have done. This way it looks up the few rows of one task after the other.
# The terms of the partial indexes stand here as there: that is how SQLite knows them again.
_WALK = """
SELECT {due}, t.id, t.n_captions, t.difficulty FROM portal_task AS t
WHERE t.project_id = %s AND {pool} AND t.virtual_due >= %s
AND NOT t.is_gold AND t.n_taken < t.n_wanted AND t.state = 'open'
AND NOT EXISTS (
    SELECT 1 FROM portal_assignment AS a WHERE a.task_id = t.id AND a.annotator_id + 0 = %s
    AND a.state NOT IN ('expired', 'released') LIMIT 1 OFFSET 0)
AND NOT EXISTS (
    SELECT 1 FROM portal_annotation AS c JOIN portal_vote AS v ON v.annotation_id = c.id
    WHERE c.task_id = t.id AND v.voter_id + 0 = %s LIMIT 1 OFFSET 0)
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
        found = cursor.fetchall()
    if connection.vendor == "sqlite":
        found = [(_time(due).timestamp(), *rest) for due, *rest in found]
    return sorted(map(Candidate._make, found))[:n]


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
    # A float: the driver would spend longer on making 64 times than on all the rest.
    is_postgres = connection.vendor == "postgresql"
    due = "EXTRACT(EPOCH FROM t.virtual_due)::float8" if is_postgres else "t.virtual_due"
    whole, part = _WALK.format(due=due, pool="TRUE"), _WALK.format(due=due, pool="t.pool = %s")
    if len(walks) == 1:
        return (whole if walks[0] is None else part), values
    walked = [f"SELECT * FROM ({part}) AS w{k}" for k in range(len(walks))]  # noqa: S608 no values
    return " UNION ALL ".join(walked), values


def take_first(pks: Sequence[int], *, waits: bool) -> TakenSlot | None:
    """Count a slot of the first of these open tasks with room; None where there is none.

    PostgreSQL passes over rows that somebody is at this moment, or `waits` until they have done,
    so that only then None means that there is no room. SQLite has one writer at a time anyway.
    """
    if not pks:
        return None
    is_postgres = connection.vendor == "postgresql"
    statement = (_TAKE_WAITING if waits else _TAKE_FREE) if is_postgres else _TAKE_ON_SQLITE
    listed = ",".join(str(int(pk)) for pk in pks)
    ranked = f"{{{listed}}}" if is_postgres else f"[{listed}]"
    with connection.cursor() as cursor:
        cursor.execute(statement, [ranked])
        row = cursor.fetchone()
    if row is None:
        return None
    task_id, n_wanted, is_gold, prediction_id, why_next, now = row
    return TakenSlot(
        task_id, n_wanted, bool(is_gold), prediction_id, json.loads(why_next), _time(now)
    )


# All ranked keys are one value, an array or a list: an index lookup each, until one is free.
_TAKE = """
UPDATE portal_task SET n_taken = n_taken + 1
WHERE state = 'open' AND n_taken < n_wanted AND id = (
    SELECT t.id FROM {ranked} CROSS JOIN portal_task AS t
    WHERE t.id = r.id AND t.state = 'open' AND t.n_taken < t.n_wanted
    ORDER BY r.place LIMIT 1 {lock})
RETURNING id, n_wanted, is_gold, prediction_id, why_next, {clock}
"""
_TAKE_FREE, _TAKE_WAITING = (
    _TAKE.format(
        ranked="unnest(%s::bigint[]) WITH ORDINALITY AS r (id, place)",
        lock=f"FOR UPDATE OF t {passes_over}",
        clock="clock_timestamp()",
    )
    for passes_over in ("SKIP LOCKED", "")
)
_TAKE_ON_SQLITE = _TAKE.format(
    ranked="(SELECT value AS id, key AS place FROM json_each(%s)) AS r",
    lock="",
    clock="STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')",
)


def read_slots(task_pk: int) -> list[Slot]:
    """Return everybody's rows on a task; the transaction holds it, so they stay as they are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, annotator_id, slot, state FROM portal_assignment WHERE task_id = %s",
            [task_pk],
        )
        return [Slot(*row) for row in cursor.fetchall()]


def read_pools(project_id: int) -> list[tuple[int, str, str]]:
    """Return number, language and comma-separated skills of each of a project's pools."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number, language, skills FROM portal_pool WHERE project_id = %s", [project_id]
        )
        return list(cursor.fetchall())


def holds_any(annotator_pk: int) -> bool:
    """Whether somebody has a lease, be it over or not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM portal_assignment WHERE annotator_id = %s AND state = 'leased' LIMIT 1",
            [annotator_pk],
        )
        return cursor.fetchone() is not None


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
