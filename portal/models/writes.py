"""Write many rows at the speed of the database; `bulk_create` takes four times as long.

Ids are drawn beforehand, so that rows can point at each other before they are written. Columns that
are not named get their field's default; a unique key that is taken skips its row.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection, models
from django.db.models.fields import NOT_PROVIDED

Row = tuple[Any, ...]

# What an array parameter is called in PostgreSQL, and what its elements are cast to.
ARRAYS = {
    "bigint": "bigint", "integer": "integer", "smallint": "smallint", "boolean": "boolean",
    "double precision": "double precision", "text": "text", "bytea": "bytea",
    "timestamp with time zone": "timestamptz", "jsonb": "text", "uuid": "uuid",
}  # fmt: skip


def next_ids(model: type[models.Model], n: int) -> Sequence[int]:
    """Draw n ids that nobody else is given.

    On SQLite the caller is in a transaction: its one write lock keeps others from drawing the same.
    """
    table, key = model._meta.db_table, str(model._meta.pk.column)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
                [f'"{table}"', key, n],
            )
            return [row[0] for row in cursor.fetchall()]
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        row = cursor.fetchone()
        first = (row[0] if row else 0) + 1
        return range(first, first + n)


def insert_new(model: type[models.Model], names: Sequence[str], rows: Sequence[Row]) -> int:
    """Insert rows of the named fields, skipping those whose unique key is taken; says how many."""
    if not rows:
        return 0
    fields = [model._meta.get_field(name) for name in names]
    if connection.vendor == "postgresql":
        return _unnest(model, fields, rows)
    return _each(model, fields, rows)


def update_each(model: type[models.Model], names: Sequence[str], rows: Sequence[Row]) -> int:
    """Set the named fields of many rows, each to its own values; a row begins with its id."""
    if not rows:
        return 0
    fields: list[Any] = [model._meta.pk, *(model._meta.get_field(name) for name in names)]
    quote = connection.ops.quote_name
    table, columns = quote(model._meta.db_table), [quote(field.column) for field in fields]
    converted = [_converted(f, c) for f, c in zip(fields, zip(*rows, strict=True), strict=True)]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            kinds = [_kind(field) for field in fields]
            changes = ", ".join(
                f"{column} = v.c{i}::{kind}"
                for i, (column, kind) in enumerate(zip(columns, kinds, strict=True))
                if i
            )
            where = f"{table}.{columns[0]} = v.c0"
            sql = f"UPDATE {table} SET {changes} FROM {_arrays(kinds)} WHERE {where}"  # noqa: S608
            cursor.execute(sql, converted)
        else:
            changes = ", ".join(f"{column} = %s" for column in columns[1:])
            sql = f"UPDATE {table} SET {changes} WHERE {columns[0]} = %s"  # noqa: S608
            keys, *values = converted
            cursor.executemany(sql, list(zip(*values, keys, strict=True)))
        return int(cursor.rowcount)


def _arrays(kinds: Sequence[str]) -> str:
    """Parallel array parameters as a table v with the columns c0, c1, …"""
    arrays = ", ".join(f"%s::{ARRAYS[kind]}[]" for kind in kinds)
    return f"unnest({arrays}) AS v({', '.join(f'c{i}' for i in range(len(kinds)))})"


def _unnest(model: type[models.Model], fields: Sequence[Any], rows: Sequence[Row]) -> int:
    """One statement with an array a column: one round trip and one plan for all rows."""
    kinds = [_kind(field) for field in fields]
    places = [f"v.c{i}::{kind}" for i, kind in enumerate(kinds)]
    values = ", ".join([*places, *_defaults(model, fields)])
    # Names and defaults are the models' own, values are parameters.
    sql = (
        f"INSERT INTO {_into(model, fields)} SELECT {values} FROM {_arrays(kinds)}"  # noqa: S608
        " ON CONFLICT DO NOTHING"
    )
    columns = zip(*rows, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(sql, [_converted(f, c) for f, c in zip(fields, columns, strict=True)])
        return int(cursor.rowcount)


def _each(model: type[models.Model], fields: Sequence[Any], rows: Sequence[Row]) -> int:
    """One prepared statement for all rows."""
    values = ", ".join([*["%s"] * len(fields), *_defaults(model, fields)])
    sql = f"INSERT INTO {_into(model, fields)} VALUES ({values}) ON CONFLICT DO NOTHING"  # noqa: S608
    columns = zip(*rows, strict=True)
    converted = [_converted(f, c) for f, c in zip(fields, columns, strict=True)]
    with connection.cursor() as cursor:
        cursor.executemany(sql, list(zip(*converted, strict=True)))
        return int(cursor.rowcount)


def _into(model: type[models.Model], fields: Sequence[Any]) -> str:
    names = [field.column for field in (*fields, *_unnamed(model, fields))]
    quoted = ", ".join(connection.ops.quote_name(name) for name in names)
    return f"{connection.ops.quote_name(model._meta.db_table)} ({quoted})"


def _unnamed(model: type[models.Model], fields: Sequence[Any]) -> list[Any]:
    """The other columns; the database itself counts a key that is not named."""
    fields = [*fields, model._meta.pk]
    return [field for field in model._meta.concrete_fields if field not in fields]


def _defaults(model: type[models.Model], fields: Sequence[Any]) -> list[str]:
    return [_literal(field) for field in _unnamed(model, fields)]


def _literal(field: Any) -> str:
    """A field's default as SQL; one that is computed must be named by the caller."""
    default = field.default
    if default is NOT_PROVIDED:
        default = None if field.null else ""
    if default in (dict, list):
        return f"'{msgspec.json.encode(default()).decode()}'"
    if callable(default) and not isinstance(default, type(models.TextChoices)):
        raise ValueError(f"{field} has a default that differs from row to row; name it.")
    if default is None:
        return "NULL"
    if isinstance(default, bool):
        return "TRUE" if default else "FALSE"
    if isinstance(default, str):
        return "'" + str(default).replace("'", "''").replace("%", "%%") + "'"
    return repr(default)


def _kind(field: Any) -> str:
    kind = str(field.db_type(connection)).split("(")[0]
    kind = {"varchar": "text", "serial": "integer", "bigserial": "bigint"}.get(kind, kind)
    if kind not in ARRAYS:
        raise ValueError(f"{field} is a {kind}, which no array is known for.")
    return kind


def _converted(field: Any, values: Sequence[Any]) -> list[Any]:
    convert = _converter(field)
    return list(values) if convert is None else [convert(value) for value in values]


def _converter(field: Any) -> Callable[[Any], Any] | None:
    """What turns a value into one that the driver takes; None where it is one already."""
    if isinstance(field, models.JSONField):
        return lambda value: None if value is None else msgspec.json.encode(value).decode()
    if connection.vendor == "postgresql":
        return None
    if isinstance(field, models.DateTimeField):
        return _as_sqlite_moment
    if isinstance(field, models.UUIDField):
        return lambda value: value.hex
    return None


def _as_sqlite_moment(value: datetime | None) -> str | None:
    return None if value is None else str(connection.ops.adapt_datetimefield_value(value))
