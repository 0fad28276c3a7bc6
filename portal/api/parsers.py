"""What a request body may be: strict JSON within its limit, or NDJSON read line by line.

Sizes are counted here and compared with Content-Length: a server hands on a body that broke off
as if it were whole.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest
from django.utils.http import parse_header_parameters
from rest_framework.exceptions import APIException, UnsupportedMediaType
from rest_framework.parsers import BaseParser

from portal.api import json
from portal.errors import InvalidInput, TooLarge

REMEDY = "Split it, or send NDJSON where the call takes it."
BULK_VALUES = 2_000_000
ARRAY_BYTES = 16_000_000  # an array is in memory whole, at up to twenty times its size


class LengthRequired(APIException):
    """A body without Content-Length, which never reaches a parser."""

    status_code = 411
    default_detail = "Send Content-Length with the body; chunked bodies are not read."
    default_code = "length_required"


class StrictJSONParser(BaseParser):
    """One JSON object; lists, other values and anything ambiguous are refused."""

    media_type = "application/json"
    accepted: ClassVar[tuple[type, ...]] = (dict,)
    wanted: ClassVar[str] = "object"
    max_values: ClassVar[int] = json.MAX_VALUES

    @property
    def max_bytes(self) -> int:
        return int(settings.JSON_MAX_BYTES)

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the decoded body.

        Raises InvalidInput, TooLarge, or UnsupportedMediaType for another charset or encoding.
        """
        announced = _announced(media_type, parser_context, self.max_bytes)
        value = self.decode(_whole(stream, announced, self.max_bytes))
        if not isinstance(value, self.accepted):
            json.refuse(json.BODY, f"The body must be a JSON {self.wanted}.", "wrong_type")
        return value

    def decode(self, raw: bytes) -> Any:
        """Return the value of the whole body."""
        return json.decode(raw, max_values=self.max_values)


class BulkJSONParser(StrictJSONParser):
    """A JSON array (or one object), held in memory whole: much more comes as NDJSON."""

    accepted = (list, dict)
    wanted = "array or object"
    max_values = BULK_VALUES

    @property
    def max_bytes(self) -> int:
        return min(int(settings.BULK_MAX_BYTES), ARRAY_BYTES)


class NDJSONParser(BaseParser):
    """One JSON object a line, decoded while the view reads; a bad line is an error of its own."""

    media_type = "application/x-ndjson"
    quick: ClassVar[json.Quick | None] = None

    def parse(  # type: ignore[override]  # the stubs know forms and mappings only
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Iterator[json.Line]:
        """Return an iterator of lines.

        While it is read it raises TooLarge beyond the bulk limit and InvalidInput where the body
        broke off: lines that came before have been handed out by then.
        """
        limit = int(settings.BULK_MAX_BYTES)
        announced = _announced(media_type, parser_context, limit)
        return json.read_lines(
            stream, max_bytes=limit, expected_bytes=announced, quick=type(self).quick
        )


def check_framing(request: HttpRequest) -> None:
    """Refuse, before any parser, a body whose length is missing, contradictory or empty.

    For POST, PUT and PATCH. DRF takes an empty body, and a chunked one whose server gives no
    length, for `{}`. Raises LengthRequired or InvalidInput.
    """
    length = request.META.get("CONTENT_LENGTH") or ""
    is_chunked = bool(request.META.get("HTTP_TRANSFER_ENCODING"))
    if is_chunked and length:
        json.refuse(
            json.BODY,
            "Content-Length and Transfer-Encoding exclude each other.",
            "ambiguous_length",
        )
    if is_chunked:
        raise LengthRequired
    if length and not (length.isascii() and length.isdigit()):
        json.refuse(json.BODY, "Content-Length is not a number.", "invalid_length")
    if not length or int(length) == 0:
        json.refuse(json.BODY, "The body is empty; send a JSON object.", "empty")


def _announced(
    media_type: str | None, parser_context: Mapping[str, Any] | None, max_bytes: int
) -> int | None:
    """Return the announced length, after refusing what need not be read at all."""
    _, parameters = parse_header_parameters(media_type or "")
    if parameters.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType(media_type or "", "Only charset=utf-8 is read.")
    request = (parser_context or {}).get("request")
    headers = request.META if request is not None else {}
    encoding = headers.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise UnsupportedMediaType(
            media_type or "", "Only bodies without Content-Encoding are read."
        )
    length = headers.get("CONTENT_LENGTH") or ""
    announced = int(length) if length.isascii() and length.isdigit() else None
    if announced is not None and announced > max_bytes:
        raise TooLarge(f"The body has {announced} bytes; {max_bytes} are read. {REMEDY}")
    return announced


def _whole(stream: Any, announced: int | None, max_bytes: int) -> bytes:
    body = bytearray()
    while piece := stream.read(json.CHUNK):
        body += piece
        if len(body) > max_bytes:
            raise TooLarge(f"The body has more than the {max_bytes} bytes that are read. {REMEDY}")
    if announced is not None and len(body) < announced:
        raise InvalidInput.on(
            json.BODY, f"{announced} bytes were announced and {len(body)} arrived.", "incomplete"
        )
    return bytes(body)
