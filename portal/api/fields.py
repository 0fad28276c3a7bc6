"""Input fields that take a value only as what it is: no number for a text, no text for a number.

`Body` is the base of every input: fields it does not name are refused by name.
"""

import math
import uuid
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError


class Body(serializers.Serializer[Any]):
    """An input object: closed, so that a misspelt or read-only field is never silently dropped."""

    def to_internal_value(self, data: Any) -> Any:
        """Refuse unknown fields, then validate the known ones."""
        if isinstance(data, dict) and (unknown := sorted(set(data) - set(self.fields))):
            message = "There is no such field here."
            raise ValidationError(
                {name[:100]: [ErrorDetail(message, "unknown_field")] for name in unknown[:20]}
            )
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """A JSON string, kept as it came."""

    default_error_messages = {"invalid": "This must be a text."}

    def __init__(self, **options: Any) -> None:
        options.setdefault("trim_whitespace", False)
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> str:
        """Refuse everything that is not a string."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Number(serializers.FloatField):
    """A finite JSON number."""

    default_error_messages = {"invalid": "This must be a number."}

    def to_internal_value(self, data: Any) -> float:
        """Refuse booleans, strings, and what is not finite."""
        if isinstance(data, bool) or not isinstance(data, int | float) or not math.isfinite(data):
            self.fail("invalid")
        return float(data)


class Whole(serializers.IntegerField):
    """A JSON integer; 1.0 is none."""

    default_error_messages = {"invalid": "This must be a whole number."}

    def __init__(self, **options: Any) -> None:
        options.setdefault("max_value", 2**31 - 1)
        options.setdefault("min_value", 0)
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> int:
        """Refuse booleans, fractions and strings."""
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return data


class Flag(serializers.BooleanField):
    """true or false, and nothing that merely looks like it."""

    default_error_messages = {"invalid": "This must be true or false."}

    def to_internal_value(self, data: Any) -> bool:
        """Refuse everything but the two."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Key(serializers.UUIDField):
    """A UUID in its usual spelling."""

    def to_internal_value(self, data: Any) -> uuid.UUID:
        """Refuse integers, which a UUID could also be made of."""
        if not isinstance(data, str) or len(data) != 36:
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class AnnotatorId(Text):
    """An annotator's id as integrations name people: visible ASCII that fits into an address."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=100, **options)
