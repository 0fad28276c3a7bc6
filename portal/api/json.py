"""JSON as the portal accepts it: everything a lenient decoder lets through is refused by name.

Refused: invalid UTF-8, a byte order mark, duplicate keys, NaN and Infinity (spelled or by
overflow), integers of 64 bits and more, NUL and lone surrogates in keys and values, more than 32
levels, more than 200,000 values, anything after the document.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from portal.errors import InvalidInput, PortalError, TooLarge

MAX_DEPTH = 32
MAX_VALUES = 200_000
MAX_INTEGER_DIGITS = 20  # of 2**63, and a sign
INTEGER_LIMIT = 2**63
BODY = "body"  # the field of an error that belongs to no field
BOM = b"\xef\xbb\xbf"
CHUNK = 64 * 1024

_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


# Reads what is surely sound, and leaves everything else (None) to the strict reader.
Quick = Callable[[bytes], Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of NDJSON: its number in the file, and either its value or why it was refused."""

    number: int
    value: Any = None
    error: PortalError | None = None


def decode(raw: bytes, *, max_values: int = MAX_VALUES) -> Any:
    """Return the value of one JSON document; raise InvalidInput naming the field or the line."""
    if raw.startswith(BOM):
        refuse(BODY, "Send UTF-8 without a byte order mark.", "byte_order_mark")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as broken:
        refuse(BODY, f"The body is not UTF-8 (byte {broken.start}).", "invalid_utf8")
    try:
        value = _decoder.decode(text)
    except json.JSONDecodeError as broken:
        where = f"line {broken.lineno}, column {broken.colno}"
        refuse(BODY, f"This is not JSON: {broken.msg} ({where}).", "invalid_json")
    except RecursionError:
        refuse(BODY, f"At most {MAX_DEPTH} levels are read.", "too_deep")
    _check(value, max_values, has_escapes="\\u" in text)
    return value


def read_lines(
    stream: Any,
    *,
    max_bytes: int,
    expected_bytes: int | None = None,
    max_line_bytes: int = 1 << 20,
    quick: Quick | None = None,
) -> Iterator[Line]:
    """Yield the lines of an NDJSON stream, a bad one as its error, and go on after it.

    Blank lines are skipped and counted; CRLF, a byte order mark before the first line and a
    missing last line end are fine. `stream` has `read(size)`. What `quick` makes of a line's bytes
    is its value, unless that is None. Raises TooLarge beyond `max_bytes`, and InvalidInput at the
    end where fewer bytes came than were announced.
    """
    for number, raw in enumerate(_raw_lines(stream, max_bytes, expected_bytes, max_line_bytes), 1):
        if raw is None:
            limit = f"A line has at most {max_line_bytes} bytes."
            yield Line(number, error=InvalidInput.on(BODY, limit, "line_too_long"))
            continue
        content = (raw.removeprefix(BOM) if number == 1 else raw).strip(b" \t\r")
        if content:
            value = quick(content) if quick else None
            yield _line(number, content) if value is None else Line(number, value)


def refuse(field: str, message: str, code: str) -> NoReturn:
    """Raise the one error of this module."""
    raise InvalidInput.on(field, message, code) from None


def _line(number: int, content: bytes) -> Line:
    try:
        return Line(number, decode(content))
    except InvalidInput as error:
        return Line(number, error=error)


def _raw_lines(
    stream: Any, max_bytes: int, expected_bytes: int | None, max_line_bytes: int
) -> Iterator[bytes | None]:
    """Yield each line without its end; None for one that is longer than allowed."""
    held, is_too_long = b"", False
    for piece in _pieces(stream, max_bytes, expected_bytes):
        *whole, held = (held + piece).split(b"\n")
        for line in whole:
            yield None if is_too_long or len(line) > max_line_bytes else line
            is_too_long = False
        if len(held) > max_line_bytes:
            held, is_too_long = b"", True
    if held or is_too_long:
        yield None if is_too_long or len(held) > max_line_bytes else held


def _pieces(stream: Any, max_bytes: int, expected_bytes: int | None) -> Iterator[bytes]:
    n_bytes = 0
    while piece := stream.read(CHUNK):
        n_bytes += len(piece)
        if n_bytes > max_bytes:
            raise TooLarge(f"The body has more than the {max_bytes} bytes allowed.")
        yield piece
    if expected_bytes is not None and n_bytes < expected_bytes:
        refuse(BODY, f"{expected_bytes} bytes were announced and {n_bytes} arrived.", "incomplete")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        refuse(_shown(twice), "This key is there twice.", "duplicate_key")
    return found


def _constant(name: str) -> NoReturn:
    refuse(BODY, f"{name} is not a JSON number.", "invalid_number")


def _integer(digits: str) -> int:
    if len(digits) > MAX_INTEGER_DIGITS:  # before int(): its cost grows with the square
        refuse(BODY, "An integer here has at most 63 bits.", "number_out_of_range")
    return int(digits)


_decoder = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_constant=_constant, parse_int=_integer, strict=True
)


def _check(root: Any, max_values: int, has_escapes: bool) -> None:
    """Look at every value once, without recursion.

    Text can only be unstorable where the document has \\u escapes: raw NUL and raw surrogates
    have been refused by then.
    """
    pending: list[tuple[str, int, Iterable[tuple[object, Any]]]] = [("", 0, [("", root)])]
    n_values = 1
    while pending:
        path, depth, items = pending.pop()
        for key, value in items:
            if value.__class__ is float and key.__class__ is int and math.isfinite(value):
                continue  # embeddings are most of what comes
            if problem := _problem(key, value, has_escapes):
                refuse(_under(path, key) or BODY, *problem)
            if isinstance(value, dict | list):
                n_values += len(value)
                if depth >= MAX_DEPTH:
                    refuse(_under(path, key), f"At most {MAX_DEPTH} levels are read.", "too_deep")
                if n_values > max_values:
                    refuse(BODY, f"At most {max_values} values are read.", "too_many_values")
                inside = value.items() if isinstance(value, dict) else enumerate(value)
                pending.append((_under(path, key), depth + 1, inside))


def _problem(key: object, value: Any, has_escapes: bool) -> tuple[str, str] | None:
    """Return message and code of what is wrong with one key and value."""
    if isinstance(value, float) and not math.isfinite(value):
        return "The number is too large.", "number_out_of_range"
    if isinstance(value, int) and not -INTEGER_LIMIT < value < INTEGER_LIMIT:
        return "An integer here has at most 63 bits.", "number_out_of_range"
    if has_escapes and isinstance(value, str) and _UNSTORABLE.search(value):
        return "The text holds NUL or half a character.", "invalid_text"
    if has_escapes and isinstance(key, str) and _UNSTORABLE.search(key):
        return "A key holds NUL or half a character.", "invalid_text"
    return None


def _under(path: str, key: object) -> str:
    name = _shown(str(key))
    return f"{path}.{name}" if path else name


def _shown(key: str) -> str:
    """Return a key as an error may carry it: short, and storable itself."""
    return _UNSTORABLE.sub("\ufffd", key)[:100]
