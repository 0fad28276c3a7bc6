"""Rules that span tables, which the database itself holds by triggers, raw SQL included.

A CHECK sees one row: that a batch item's *video* is held out lies in another table. SQLite rebuilds
a table to alter it and would stumble over a trigger that names it, so the triggers are taken down
before a migration and put up after it; putting them up twice is harmless.
"""

from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

LEAKED = "evaluation_videos_are_never_trained_on"

_HELD_OUT_TASK = """
    SELECT 1 FROM portal_task t JOIN portal_video v ON v.id = t.video_id
    WHERE t.id = NEW.task_id AND (t.is_evaluation OR v.is_evaluation)
"""
_TRAINED_VIDEO = """
    SELECT 1 FROM portal_batchitem i JOIN portal_task t ON t.id = i.task_id
    WHERE t.video_id = NEW.id
"""
# name → (table, on what, which rows are refused)
GUARDS = {
    "batch_items_hold_no_evaluation_video": (
        "portal_batchitem",
        "INSERT OR UPDATE OF task_id",
        _HELD_OUT_TASK,
        "TRUE",
    ),
    "a_trained_video_is_not_held_out_later": (
        "portal_video",
        "UPDATE OF is_evaluation",
        _TRAINED_VIDEO,
        "NEW.is_evaluation",
    ),
}


def take_down(using: str, **_: Any) -> None:
    """Drop the triggers before tables are altered."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for name, (table, events, _rows, _when) in GUARDS.items():
            for statement in _dropping(connection, name, table, events):
                cursor.execute(statement)


def put_up(using: str, **_: Any) -> None:
    """Create the triggers that are not there."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for name, (table, events, rows, when) in GUARDS.items():
            for statement in _creating(connection, name, table, events, rows, when):
                cursor.execute(statement)


def _creating(
    connection: BaseDatabaseWrapper, name: str, table: str, events: str, rows: str, when: str
) -> list[str]:
    if connection.vendor == "sqlite":
        return [
            f"CREATE TRIGGER IF NOT EXISTS {name}_{place} BEFORE {event} ON {table} "
            f"WHEN {when} AND EXISTS ({rows}) BEGIN SELECT RAISE(ABORT, '{LEAKED}'); END"
            for place, event in enumerate(events.split(" OR "))
        ]
    function = (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF EXISTS ({rows}) THEN RAISE EXCEPTION '{LEAKED}' "
        "USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$"
    )
    trigger = (
        f"CREATE OR REPLACE TRIGGER {name} BEFORE {events} ON {table} "
        f"FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION {name}()"
    )
    return [function, trigger]


def _dropping(connection: BaseDatabaseWrapper, name: str, table: str, events: str) -> list[str]:
    if connection.vendor == "sqlite":
        places = range(len(events.split(" OR ")))
        return [f"DROP TRIGGER IF EXISTS {name}_{place}" for place in places]
    if table not in connection.introspection.table_names():  # a database that is still empty
        return []
    return [f"DROP TRIGGER IF EXISTS {name} ON {table}"]
