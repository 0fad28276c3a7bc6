"""SQLite's writers wait in line, and what follows from a change does not wait for the disk."""

import contextlib
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for

import pytest
from django.db import OperationalError, connections, transaction

from labelportal.sqlite3.turns import Turn

LINED = "lined"
PATIENCE = 20.0
HOLDER = """
import sys, time
from labelportal.sqlite3.turns import Turn
turn = Turn()
turn.take(sys.argv[1], patience=20)
print("mine", flush=True)
time.sleep(600)
"""


@pytest.fixture
def path(tmp_path, django_db_blocker):
    """A database with one table, which every thread has a connection of its own to."""
    name = str(tmp_path / "some.sqlite3")
    told = {"ENGINE": "labelportal.sqlite3", "NAME": name}
    options = {
        "transaction_mode": "IMMEDIATE",
        "timeout": PATIENCE,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
    }
    connections.settings[LINED] = connections.settings["default"] | told | {"OPTIONS": options}
    with django_db_blocker.unblock():
        with connections[LINED].cursor() as cursor:
            cursor.execute("CREATE TABLE note (text)")
        yield name
        connections[LINED].close()
        del connections[LINED], connections.settings[LINED]


@pytest.fixture
def aside():
    """Do something on another thread, and close that thread's connection."""
    with ThreadPoolExecutor(1) as pool:

        def tidily(order: Callable[[], object]) -> object:
            try:
                return order()
            finally:
                connections[LINED].close()

        yield lambda order: pool.submit(tidily, order)


def write() -> None:
    with connections[LINED].cursor() as cursor:
        cursor.execute("INSERT INTO note VALUES (%s)", ["said"])


def write_many() -> None:
    with connections[LINED].cursor() as cursor:
        cursor.executemany("  insert into note values (%s)", [["one"], ["two"]])


def write_together() -> None:
    with transaction.atomic(using=LINED):
        write()


def read() -> int:
    with connections[LINED].cursor() as cursor:
        return cursor.execute("SELECT COUNT(*) FROM note").fetchone()[0]


@pytest.mark.parametrize("order", [write, write_many, write_together])
def test_who_writes_waits_for_their_turn_though_sqlite_would_let_them(path, aside, order) -> None:
    turn = Turn()
    turn.take(path, patience=PATIENCE)
    writing = aside(order)
    assert not wait_for([writing], timeout=0.2).done
    assert read() == 0
    turn.give_back()
    writing.result(PATIENCE)
    assert read() > 0


def test_a_transaction_keeps_the_turn_until_it_ends(path, aside) -> None:
    with transaction.atomic(using=LINED):
        write()
        write()  # its own turn is not waited for
        writing = aside(write)
        assert not wait_for([writing], timeout=0.2).done
    writing.result(PATIENCE)
    assert read() == 3


def test_who_reads_waits_for_nobody(path, aside) -> None:
    with transaction.atomic(using=LINED):
        write()
        assert aside(read).result(PATIENCE) == 0


def fail_inside() -> None:
    with transaction.atomic(using=LINED):
        write()
        raise ZeroDivisionError


def fail_alone() -> None:
    with connections[LINED].cursor() as cursor:
        cursor.execute("INSERT INTO nothing VALUES (1)")


def close_inside() -> None:
    with transaction.atomic(using=LINED):
        write()
        connections[LINED].close()
        raise ZeroDivisionError


@pytest.mark.parametrize("order", [fail_inside, fail_alone, close_inside])
def test_what_fails_gives_its_turn_back(path, aside, order) -> None:
    with pytest.raises((ZeroDivisionError, OperationalError)):
        order()
    aside(write).result(PATIENCE)
    assert read() == 1


def test_a_turn_that_does_not_come_is_a_locked_database(path) -> None:
    first, second = Turn(), Turn()
    first.take(path, patience=PATIENCE)
    with pytest.raises(OperationalError, match="locked"):
        second.take(path, patience=0.01)
    first.give_back()
    second.take(path, patience=PATIENCE)
    second.give_back()


def test_a_killed_process_leaves_its_turn_to_the_next(path, aside) -> None:
    command = [sys.executable, "-c", HOLDER, path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "mine\n"
        writing = aside(write)
        assert not wait_for([writing], timeout=0.2).done
        holder.kill()
    writing.result(PATIENCE)
    assert read() == 1


def level() -> str:
    """How this thread's connection commits."""
    with connections[LINED].cursor() as cursor:
        number = cursor.execute("PRAGMA synchronous").fetchone()[0]
    return {0: "off", 1: "later", 2: "on the disk"}[number]


def fail() -> None:
    raise ZeroDivisionError


def test_only_the_change_itself_waits_for_the_disk(path) -> None:
    levels = []

    def follow() -> None:
        levels.append(level())
        with transaction.atomic(using=LINED):
            write()
            transaction.on_commit(lambda: levels.append(level()), using=LINED)
        levels.append(level())

    with transaction.atomic(using=LINED):
        write()
        levels.append(level())
        transaction.on_commit(follow, using=LINED)
    assert levels == ["on the disk", "later", "later", "later"]
    assert level() == "on the disk"


@pytest.mark.parametrize("last", [fail, lambda: connections[LINED].close()])
def test_the_next_change_waits_for_the_disk_however_the_last_one_ended(path, last) -> None:
    with contextlib.suppress(ZeroDivisionError), transaction.atomic(using=LINED):
        transaction.on_commit(last, using=LINED)
    assert level() == "on the disk"
    levels = []
    with transaction.atomic(using=LINED):
        transaction.on_commit(lambda: levels.append(level()), using=LINED)
    assert levels == ["later"]
