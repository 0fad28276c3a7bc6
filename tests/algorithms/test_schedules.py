"""When a turn of a schedule has come."""

from datetime import UTC, datetime, time, timedelta

import pytest

from portal.algorithms.schedules import is_due, newest_turn

THURSDAY = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("weekday", "at", "turn"),
    [
        (3, time(12), THURSDAY),
        (3, time(12, 0, 1), THURSDAY - timedelta(days=7) + timedelta(seconds=1)),
        (3, time(3), datetime(2026, 11, 26, 3, tzinfo=UTC)),
        (2, time(23), datetime(2026, 11, 25, 23, tzinfo=UTC)),
        (4, time(3), datetime(2026, 11, 20, 3, tzinfo=UTC)),
    ],
)
def test_the_newest_turn_of_a_week(weekday, at, turn):
    assert newest_turn(THURSDAY, weekday, at) == turn


@pytest.mark.parametrize(
    ("last", "rule", "due"),
    [
        (timedelta(hours=23), {"every_hours": 24}, False),
        (timedelta(hours=24), {"every_hours": 24}, True),
        (timedelta(days=400), {}, False),
        (timedelta(hours=10), {"weekday": 3, "at": time(3)}, True),
        (timedelta(hours=8), {"weekday": 3, "at": time(3)}, False),
        (timedelta(days=30), {"weekday": 4, "at": time(3)}, True),
        (timedelta(hours=8), {"every_hours": 6, "weekday": 3, "at": time(3)}, True),
    ],
)
def test_a_turn_that_has_come_is_due_until_it_is_taken(last, rule, due):
    assert is_due(THURSDAY - last, THURSDAY, **rule) == due
