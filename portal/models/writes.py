"""Write many rows at the speed of the database; `bulk_create` takes four times as long.

Ids are drawn beforehand, so that rows can point at each other before they are written. Columns that
are not named get their field's default; a unique key that is taken skips its row.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import connection, models
from django.db.models.fields import NOT_PROVIDED

Row = tuple[Any, ...]


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
        return _at_once(model, fields, rows)
    return _each(model, fields, rows)


def update_each(model: type[models.Model], names: Sequence[str], rows: Sequence[Row]) -> int:
    """Set the named fields of many rows, each to its own values; a row begins with its id."""
    if not rows:
        return 0
    fields: list[Any] = [model._meta.pk, *(model._meta.get_field(name) for name in names)]
    quote = connection.ops.quote_name
    table, columns = quote(model._meta.db_table), [quote(field.column) for field in fields]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            source, values = _table(fields)
            pairs = zip(columns[1:], values[1:], strict=True)
            changes = ", ".join(f"{column} = {value}" for column, value in pairs)
            where = f"{table}.{columns[0]} = {values[0]}"
            sql = f"UPDATE {table} SET {changes} FROM {source} WHERE {where}"  # noqa: S608
            cursor.execute(sql, [_document(fields, rows)])
        else:
            changes = ", ".join(f"{column} = %s" for column in columns[1:])
            sql = f"UPDATE {table} SET {changes} WHERE {columns[0]} = %s"  # noqa: S608
            cursor.executemany(sql, [(*row[1:], row[0]) for row in _adapted(fields, rows)])
        return int(cursor.rowcount)


def _at_once(model: type[models.Model], fields: Sequence[Any], rows: Sequence[Row]) -> int:
    """One statement, one parameter: a JSON document that the server reads as a table."""
    source, values = _table(fields)
    places = ", ".join([*values, *_defaults(model, fields)])
    # Names and defaults are the models' own, values are parameters.
    sql = f"INSERT INTO {_into(model, fields)} SELECT {places} FROM {source} ON CONFLICT DO NOTHING"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [_document(fields, rows)])
        return int(cursor.rowcount)


def _table(fields: Sequence[Any]) -> tuple[str, list[str]]:
    """The document as a table, and what each of its columns is called there."""
    kinds = [str(field.db_type(connection)).split("(")[0] for field in fields]
    kinds = [{"bytea": "text", "varchar": "text"}.get(kind, kind) for kind in kinds]
    columns = ", ".join(f"c{i} {kind}" for i, kind in enumerate(kinds))
    values = [
        f"decode(v.c{i}, 'base64')" if isinstance(field, models.BinaryField) else f"v.c{i}"
        for i, field in enumerate(fields)
    ]
    return f"json_to_recordset(%s::json) AS v({columns})", values


def _document(fields: Sequence[Any], rows: Sequence[Row]) -> str:
    """Rows as JSON: times as ISO 8601, bytes as base64, JSON columns as they are."""
    names = [f"c{i}" for i in range(len(fields))]
    return msgspec.json.encode([dict(zip(names, row, strict=True)) for row in rows]).decode()


def _each(model: type[models.Model], fields: Sequence[Any], rows: Sequence[Row]) -> int:
    """One prepared statement for all rows."""
    values = ", ".join([*["%s"] * len(fields), *_defaults(model, fields)])
    sql = f"INSERT INTO {_into(model, fields)} VALUES ({values}) ON CONFLICT DO NOTHING"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.executemany(sql, _adapted(fields, rows))
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


def _adapted(fields: Sequence[Any], rows: Sequence[Row]) -> Sequence[Row]:
    """Rows as SQLite's driver takes them."""
    changed = [(i, convert) for i, field in enumerate(fields) if (convert := _converter(field))]
    if not changed:
        return rows
    columns = list(zip(*rows, strict=True))
    for i, convert in changed:
        columns[i] = tuple(map(convert, columns[i]))
    return list(zip(*columns, strict=True))


def _converter(field: Any) -> Callable[[Any], Any] | None:
    """What turns a value into one that the driver takes; None where it is one already."""
    if isinstance(field, models.JSONField):
        return lambda value: None if value is None else msgspec.json.encode(value).decode()
    if isinstance(field, models.DateTimeField):
        return _as_sqlite_moment
    if isinstance(field, models.UUIDField):
        return lambda value: value.hex
    return None


def _as_sqlite_moment(value: datetime | None) -> str | None:
    """As Django's own adapter writes it, without asking for the connection's zone each time."""
    return None if value is None else str(value.astimezone(UTC).replace(tzinfo=None))
