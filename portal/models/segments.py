"""Segments: which part of a clip a prediction or task is about, in whole milliseconds."""

from django.db.models import F, Q

from portal.errors import InvalidInput

SEGMENT_RULE = Q(end_ms=0) | Q(end_ms__gt=F("start_ms"))


def segment_ms(start: float | None, end: float | None) -> tuple[int, int]:
    """Turn seconds into stored milliseconds; no end is 0, the end of the clip."""
    start_ms = round((start or 0.0) * 1000)
    end_ms = round(end * 1000) if end is not None else 0
    if end is not None and end_ms <= start_ms:
        raise InvalidInput.on("end", "end must be after start.", "end_before_start")
    return start_ms, end_ms
