"""`filter(pk__among=ids)`: `IN` with one parameter however many values there are.

Django writes a parameter a value, which for thousands costs more than the query and which SQLite
bounds. Imported for its effect by the package.
"""

from typing import Any

import msgspec
from django.core.exceptions import EmptyResultSet
from django.db.models import Field, ForeignKey, Lookup


class Among(Lookup[Any]):
    """Whether a whole number or a text is one of a sequence."""

    lookup_name = "among"
    prepare_rhs = False

    def get_prep_lookup(self) -> list[Any]:
        """Take any iterable."""
        return list(self.rhs)

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """Write it as a table of JSON values."""
        left, params = self._left(compiler, connection)
        values = msgspec.json.encode(self.rhs).decode()
        return f"{left} IN (SELECT value FROM json_each(%s))", [*params, values]  # noqa: S608

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """Write it as an array."""
        left, params = self._left(compiler, connection)
        kind = "text" if isinstance(self.rhs[0], str) else "bigint"
        return f"{left} = ANY(%s::{kind}[])", [*params, self.rhs]

    def _left(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        if not self.rhs:  # nothing is among nothing: Django need not ask the database
            raise EmptyResultSet
        left, params = self.process_lhs(compiler, connection)
        return left, list(params)


Field.register_lookup(Among)
ForeignKey.register_lookup(Among)
