"""Thrift's compact protocol, as much of it as Parquet's headers need to be written.

A struct is a dict from field number to value; `I32`, `I64` and `List` say what Python's own types
do not. https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Struct = Mapping[int, Any]


@dataclass(frozen=True)
class I32:
    """A 32-bit integer."""

    value: int


@dataclass(frozen=True)
class I64:
    """A 64-bit integer."""

    value: int


_TYPES: dict[type, int] = {I32: 5, I64: 6, bytes: 8, str: 8, list: 9, dict: 12}


def encode(struct: Struct) -> bytes:
    """Return a struct's bytes; fields that are None are left out."""
    out, last = bytearray(), 0
    for number, value in sorted(struct.items()):
        if value is None:
            continue
        step = number - last  # all of Parquet's fields lie within 15 of one another
        out.append(step << 4 | _TYPES[type(value)])
        out += _value(value)
        last = number
    out.append(0)
    return bytes(out)


def varint(number: int) -> bytes:
    """Return an unsigned integer, seven bits a byte, the lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _value(value: Any) -> bytes:
    match value:
        case I32() | I64():
            return varint(value.value << 1 ^ (value.value >> 63))  # zigzag
        case str():
            return _value(value.encode())
        case bytes():
            return varint(len(value)) + value
        case list():
            kind = _TYPES[type(value[0]) if value else dict]
            n = len(value)
            head = bytes([n << 4 | kind]) if n < 15 else bytes([0xF0 | kind]) + varint(n)
            return head + b"".join(map(_value, value))
        case dict():
            return encode(value)
    raise TypeError(f"{type(value).__name__} has no place in a Parquet header.")
