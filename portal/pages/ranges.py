"""Byte ranges as players ask for them (RFC 9110, section 14)."""

import re
from dataclasses import dataclass

MOST_BYTES = 2_000_000  # of an open-ended range: a player that stalls must not hold a thread
MOST_RANGES = 16
_RANGE = re.compile(r"([0-9]{0,18})-([0-9]{0,18})")


class Unsatisfiable(ValueError):
    """A range that no byte of the file lies in."""


@dataclass(frozen=True)
class Span:
    """Bytes `first` to `last`, both included."""

    first: int
    last: int

    @property
    def n_bytes(self) -> int:
        return self.last - self.first + 1


def parse(header: str, size: int) -> Span | None:
    """Return the one span to answer with; None where the header is to be ignored.

    Of several ranges the first is answered. An open-ended one is cut at MOST_BYTES: the player
    asks for more when it needs more. Raises Unsatisfiable for ranges beyond the end, and for more
    of them than any player asks for.
    """
    unit, _, rest = header.partition("=")
    if unit.strip().lower() != "bytes":
        return None
    wanted = rest.split(",", MOST_RANGES)
    if len(wanted) > MOST_RANGES:
        raise Unsatisfiable("Too many ranges.")
    match = _RANGE.fullmatch(wanted[0].strip())
    if match is None or not any(match.groups()):
        return None
    return _span(match[1], match[2], size)


def _span(first: str, last: str, size: int) -> Span | None:
    if not first:  # the last n bytes
        n_bytes = min(int(last), size)
        if not n_bytes:
            raise Unsatisfiable("No byte is asked for.")
        return Span(size - n_bytes, size - 1)
    start = int(first)
    if start >= size:
        raise Unsatisfiable("The range begins after the end.")
    if not last:
        return Span(start, min(start + MOST_BYTES, size) - 1)
    if int(last) < start:
        return None
    return Span(start, min(int(last), size - 1))
