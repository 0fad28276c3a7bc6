"""What need not wait for the disk does not, and everything after it does again."""

import pytest
from django.db import connection, transaction

from portal.adapters.commits import unhurried

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _durable():
    """The tests' own database does not wait for the disk at all."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=FULL")
    yield
    connection.close()


def waits() -> bool:
    """Whether a commit waits for the disk now."""
    is_postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit" if is_postgres else "PRAGMA synchronous")
        level = cursor.fetchone()[0]
    return level not in ("off", 0, 1)


def test_only_what_is_inside_does_not_wait() -> None:
    assert waits()
    with unhurried(), transaction.atomic():
        assert not waits()
    assert waits()


def test_the_next_commit_waits_after_a_failure_too() -> None:
    with pytest.raises(ZeroDivisionError), unhurried():
        raise ZeroDivisionError
    assert waits()


def test_a_transaction_that_is_open_waits_as_it_would_have() -> None:
    with transaction.atomic():
        with unhurried():
            assert waits()
        assert waits()
