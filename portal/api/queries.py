"""Query strings, read strictly: known names only, each once, each of its kind."""

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from portal.errors import InvalidInput

MAX_PARAMETERS = 50
MAX_CHARACTERS = 200
MAX_WHOLE = 2**63 - 1

_WHOLE = re.compile(r"[0-9]{1,19}")
_UNSTORABLE = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Filter:
    """One parameter: how its text is read, and the column it narrows (none: the view's own)."""

    read: Callable[[str], Any]
    about: str
    column: str = ""
    schema: Any = str
    choices: tuple[str, ...] = ()


def text(about: str, column: str = "") -> Filter:
    """Take any text."""
    return Filter(str, about, column)


def whole(about: str, column: str = "", *, least: int = 0, most: int = MAX_WHOLE) -> Filter:
    """Take a whole number within bounds."""

    def read(given: str) -> int:
        if not _WHOLE.fullmatch(given) or not least <= int(given) <= most:
            raise ValueError(f"This must be a whole number, {least} to {most}.")
        return int(given)

    return Filter(read, about, column, schema=int)


def flag(about: str, column: str = "") -> Filter:
    """Take true or false."""

    def read(given: str) -> bool:
        if given not in ("true", "false"):
            raise ValueError("This must be true or false.")
        return given == "true"

    return Filter(read, about, column, schema=bool)


def choice(about: str, choices: tuple[str, ...], column: str = "") -> Filter:
    """Take one of a few words."""

    def read(given: str) -> str:
        if given not in choices:
            raise ValueError(f"This must be one of {', '.join(choices)}.")
        return given

    return Filter(read, about, column, choices=choices)


def uid(about: str, column: str = "") -> Filter:
    """Take a UUID."""

    def read(given: str) -> uuid.UUID:
        if len(given) != 36:
            raise ValueError("This must be a UUID.")
        return uuid.UUID(given)

    return Filter(read, about, column, schema=uuid.UUID)


def read_query(raw: str, filters: Mapping[str, Filter]) -> dict[str, Any]:
    """Return the values of a raw query string.

    Raises InvalidInput for a name that is unknown or repeated, and for a value that is not UTF-8,
    too long, not printable or not of its kind.
    """
    pairs = [part.partition("=") for part in raw.split("&") if part]
    if len(pairs) > MAX_PARAMETERS:
        raise InvalidInput.on("query", f"At most {MAX_PARAMETERS} parameters are read.", "too_many")
    values: dict[str, Any] = {}
    for raw_name, _, raw_value in pairs:
        name, given = _plain(raw_name, "query"), _plain(raw_value, raw_name[:50])
        if name not in filters:
            raise InvalidInput.on(name, "There is no such filter here.", "unknown_filter")
        if name in values:
            raise InvalidInput.on(name, "Give this once.", "repeated")
        values[name] = _value(name, given, filters[name].read)
    return values


def _plain(quoted: str, field: str) -> str:
    try:
        given = unquote_to_bytes(quoted.replace("+", " ")).decode()
    except UnicodeDecodeError:
        raise InvalidInput.on(field, "This is not UTF-8.", "invalid_utf8") from None
    if len(given) > MAX_CHARACTERS:
        raise InvalidInput.on(field, f"This has at most {MAX_CHARACTERS} characters.", "too_long")
    if _UNSTORABLE.search(given):
        raise InvalidInput.on(field, "This holds control characters.", "invalid_text")
    return given


def _value(name: str, given: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(given)
    except ValueError as refused:
        raise InvalidInput.on(name, str(refused) or "This is malformed.") from None
