"""Immutable files going out, resumable: one byte range, tied to the content by its SHA-256."""

import re
import time
from collections.abc import Iterator
from typing import BinaryIO

from django.conf import settings
from django.http import HttpResponseBase, StreamingHttpResponse
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from portal.adapters import signatures, stores
from portal.api.exceptions import problem_response
from portal.api.queries import text
from portal.errors import NotFound, SignatureInvalid

CHUNK = 256 * 1024
NDJSON = "application/x-ndjson"
LINK_FILTERS = {
    "expires": text("Of a signed link."),
    "signature": text("Of a signed link; with one, no token is needed."),
}
_RANGE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{0,18})")


class LinkSigned(BasePermission):
    """Let in whoever holds an address that the portal signed and that has not expired."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        given = request.query_params
        if "signature" not in given:
            return False
        expires, signature = given.get("expires", ""), given["signature"]
        try:
            signatures.check_link(
                request.path, expires, signature, settings.FIELD_KEY, now=time.time()
            )
        except SignatureInvalid:
            raise NotFound(
                "This link is not valid or no longer valid; ask for a new one."
            ) from None
        return True


def send(
    request: Request, *, key: str, n_bytes: int, sha256: str, name: str, content_type: str
) -> HttpResponseBase:
    """Answer with a stored file, or with the part of it that the caller still lacks.

    `name` is ours, never taken from data. A range of another version of the file, and any range
    that is not one plain span, is answered with the whole.
    """
    etag = f'"{sha256}"'
    first, last = _span(request, n_bytes, etag)
    if first >= n_bytes > 0:
        refused = problem_response(
            416,
            "range_not_satisfiable",
            f"The file has {n_bytes} bytes.",
            request_id=getattr(request, "request_id", ""),
        )
        refused["Content-Range"] = f"bytes */{n_bytes}"
        return refused
    is_part = last - first + 1 < n_bytes
    body = _Part(stores.configured().open(key), first, last)
    response = StreamingHttpResponse(
        body, status=206 if is_part else 200, content_type=content_type
    )
    if is_part:
        response["Content-Range"] = f"bytes {first}-{last}/{n_bytes}"
    response["Content-Length"] = str(last - first + 1)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _span(request: Request, n_bytes: int, etag: str) -> tuple[int, int]:
    match = _RANGE.fullmatch(request.headers.get("Range", ""))
    if match is None or request.headers.get("If-Range", etag) != etag:
        return 0, n_bytes - 1
    first, last = int(match[1]), min(int(match[2] or n_bytes), n_bytes - 1)
    return (first, last) if first <= last or first >= n_bytes else (0, n_bytes - 1)


class _Part:
    """Some bytes of an open file; closed by the response, whether or not anybody read them."""

    def __init__(self, file: BinaryIO, first: int, last: int) -> None:
        self._file, self._left = file, last - first + 1
        file.seek(first)

    def __iter__(self) -> Iterator[bytes]:
        while self._left > 0 and (piece := self._file.read(min(CHUNK, self._left))):
            self._left -= len(piece)
            yield piece

    def close(self) -> None:
        """Close the file."""
        self._file.close()
