"""Multipart uploads that arrived whole: DRF takes a body that broke off for a complete one."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils.http import parse_header_parameters
from rest_framework.parsers import DataAndFiles, MultiPartParser

from portal.errors import InvalidInput, TooLarge

FRAME_BYTES = 1_000_000  # what the form's other fields and its boundaries may add


class UploadParser(MultiPartParser):
    """multipart/form-data, refused where bytes or the closing boundary are missing."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> "DataAndFiles[Any, Any]":
        """Return the form's fields and files; raise InvalidInput or TooLarge."""
        headers = (parser_context or {})["request"].META
        announced = headers.get("CONTENT_LENGTH") or ""
        limit = settings.UPLOAD_MAX_BYTES + FRAME_BYTES
        if announced.isdigit() and int(announced) > limit:
            raise TooLarge(f"The upload has {announced} bytes; {limit} are allowed.")
        counted = _Counted(stream)
        parsed = super().parse(counted, media_type, parser_context)
        boundary = parse_header_parameters(media_type or "")[1].get("boundary", "")
        counted.check(int(announced or 0), f"--{boundary}--".encode())
        return parsed


class _Counted:
    """A stream that remembers how much was read and how it ended."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._n_bytes, self._tail = stream, 0, b""

    def read(self, *size: int) -> bytes:
        """Read on."""
        piece: bytes = self._stream.read(*size)
        self._n_bytes += len(piece)
        self._tail = (self._tail + piece)[-300:]
        return piece

    def check(self, announced: int, ending: bytes) -> None:
        """Refuse a body that is shorter than announced or does not end as a form does."""
        if self._n_bytes < announced:
            message = f"{announced} bytes were announced and {self._n_bytes} arrived."
            raise InvalidInput.on("body", message, "incomplete")
        if not self._tail.rstrip(b"\r\n").endswith(ending):
            raise InvalidInput.on("body", "The form has no closing boundary.", "incomplete")
