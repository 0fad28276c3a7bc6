"""Moments as the API writes them: ISO 8601 in UTC, ending in Z."""

from datetime import UTC, datetime


def iso(moment: datetime | None) -> str | None:
    """Write a moment; None stays None."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None
