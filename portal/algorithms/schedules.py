"""Whether something that happens every so often, or weekly, is due."""

from datetime import datetime, time, timedelta


def is_due(
    last: datetime,
    now: datetime,
    *,
    every_hours: float = 0.0,
    weekday: int | None = None,
    at: time = time(0),
) -> bool:
    """Whether a turn has come since `last`: so many hours after it, or on the weekday.

    Monday is 0; 0 hours and no weekday are never. `at` is in the time zone of `now`; a turn that
    was missed is due until it has been taken.
    """
    if every_hours > 0 and now - last >= timedelta(hours=every_hours):
        return True
    return weekday is not None and last < newest_turn(now, weekday, at)


def newest_turn(now: datetime, weekday: int, at: time) -> datetime:
    """Return the last time that it was this day of the week at this time, `now` included."""
    today = now.replace(
        hour=at.hour, minute=at.minute, second=at.second, microsecond=at.microsecond
    )
    turn = today - timedelta(days=(now.weekday() - weekday) % 7)
    return turn if turn <= now else turn - timedelta(days=7)
