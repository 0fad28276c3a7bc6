"""The database backend that Django loads by its name: `ENGINE = "labelportal.sqlite3"`."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.db.backends.sqlite3 import base

from labelportal.sqlite3.turns import Turn

FULL = 2  # SQLite's number for the level at which a commit waits for the disk
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that waits for its turn before each transaction and each single write."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.turn = Turn()
        self.syncs = False

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        self.syncs = connection.execute("PRAGMA synchronous").fetchone()[0] == FULL
        return connection

    def create_cursor(self, name: str | None = None) -> "Cursor":
        cursor: Cursor = self.connection.cursor(factory=partial(Cursor, wrapper=self))
        return cursor

    @contextmanager
    def its_turn(self) -> Iterator[None]:
        """Wait for this connection's turn, for what needs no transaction."""
        self._take_turn()
        try:
            yield
        finally:
            self.turn.give_back()

    def run_and_clear_commit_hooks(self) -> None:
        """Run what follows from a commit without waiting for the disk at each of its own commits.

        The change itself is on the disk by then. What follows from it is found again by the sweep,
        should a power cut take it along, and the next change that waits carries it to the disk.
        """
        if not (self.syncs and self.run_on_commit):
            super().run_and_clear_commit_hooks()
            return
        self._sync(at_commits=False)
        try:
            super().run_and_clear_commit_hooks()
        finally:
            self._sync(at_commits=True)

    def _sync(self, *, at_commits: bool) -> None:
        self.syncs = at_commits
        if self.connection is not None:  # a new one syncs
            self.connection.execute(f"PRAGMA synchronous={'FULL' if at_commits else 'NORMAL'}")

    def _take_turn(self) -> None:
        if not self.is_in_memory_db():
            patience = float(self.settings_dict["OPTIONS"].get("timeout", 5))
            self.turn.take(str(self.settings_dict["NAME"]), patience=patience)

    def _start_transaction_under_autocommit(self) -> None:
        self._take_turn()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self.turn.give_back()
            raise

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc] # where it fails, a rollback follows
        self.turn.give_back()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self.turn.give_back()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self.turn.give_back()


class Cursor(base.SQLiteCursorWrapper):
    """A cursor whose single writes, outside of any transaction, wait for their turn too."""

    def __init__(self, connection: Any, *, wrapper: DatabaseWrapper) -> None:
        super().__init__(connection)
        self.wrapper = wrapper

    def execute(self, query: str, params: Any = None) -> Any:
        if not self._writes_alone(query):
            return super().execute(query, params)
        with self.wrapper.its_turn():
            return super().execute(query, params)

    def executemany(self, query: str, param_list: Iterable[Any]) -> Any:
        if not self._writes_alone(query):
            return super().executemany(query, param_list)
        with self.wrapper.its_turn():
            return super().executemany(query, param_list)

    def _writes_alone(self, query: str) -> bool:
        return not self.connection.in_transaction and query.lstrip()[:7].upper().startswith(WRITES)
