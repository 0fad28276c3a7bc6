"""Clips and their pictures, to sessions with a right to them and to signed links.

What a file is called and what type it has is decided here, never by what was uploaded.
"""

import time
from io import BufferedIOBase
from typing import BinaryIO

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.http import parse_etags
from django.views.decorators.http import require_safe

from portal.adapters import objectstores, signatures, stores
from portal.errors import InvalidInput, NotFound, SignatureInvalid
from portal.models import Annotation, Assignment, Preference, User, Video, Vote
from portal.models.preferences import pairs_open_to
from portal.pages import ranges
from portal.pages.seats import seat_on

PLAYABLE = ("video/mp4", "video/webm", "video/quicktime", "video/x-matroska", "video/ogg")
PICTURES = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
SECONDS_CACHED = 3600
SECONDS_LENT = 6 * 3600  # longer than anybody looks at one clip


@require_safe
def video(request: HttpRequest, uid: str) -> HttpResponseBase:
    """Answer with a clip's bytes, whole or the range that was asked for."""
    row = _permitted(request, uid)
    if not row.is_playable:
        raise Http404("There is no file.")
    if objectstores.is_object(row.file_key):
        return _elsewhere(row.file_key)
    mime = row.mime if row.mime in PLAYABLE else "application/octet-stream"
    return _answer(request, row, row.file_key, mime)


@require_safe
def thumbnail(request: HttpRequest, uid: str) -> HttpResponseBase:
    """Answer with a clip's still picture."""
    row = _permitted(request, uid)
    if not row.thumbnail_key:
        raise Http404("There is no picture.")
    suffix = "." + row.thumbnail_key.rpartition(".")[2]
    return _answer(request, row, row.thumbnail_key, PICTURES.get(suffix, "image/jpeg"))


def _permitted(request: HttpRequest, uid: str) -> Video:
    """Return the video where link or session gives a right to it; else it does not exist."""
    row = Video.objects.standing().select_related("project").filter(uid=uid).first()
    if row is None or not (_is_signed(request) or _has_right(request, row)):
        raise Http404("No such clip.")
    return row


def _is_signed(request: HttpRequest) -> bool:
    expires, signature = request.GET.get("expires", ""), request.GET.get("signature", "")
    try:
        signatures.check_link(request.path, expires, signature, settings.FIELD_KEY, now=time.time())
    except SignatureInvalid:
        return False
    return True


def _has_right(request: HttpRequest, row: Video) -> bool:
    """Whether the session's user may see the clip: by role, or as annotator by having met it."""
    if not isinstance(request.user, User):
        return False
    seat = seat_on(request.user, row.project)
    if seat.sees_everything:
        return True
    person = seat.known_annotator
    return person is not None and (
        Assignment.objects.filter(annotator=person, task__video=row).exists()
        or Annotation.objects.reviewable_by(person).filter(task__video=row).exists()
        or Vote.objects.filter(voter=person, annotation__task__video=row).exists()
        or pairs_open_to(person).filter(task__video=row).exists()
        or Preference.objects.filter(voter=person, task__video=row).exists()
    )


def _answer(request: HttpRequest, row: Video, key: str, mime: str) -> HttpResponseBase:
    try:
        file = stores.configured().open(key)
    except NotFound as gone:
        raise Http404("The file is gone.") from gone
    size = file.seek(0, 2)
    etag = f'"{stores.tag_of(key, file)}"'
    if etag in parse_etags(request.headers.get("If-None-Match", "")):
        file.close()
        response: HttpResponseBase = HttpResponse(status=304)
    else:
        try:
            response = _body(file, _span(request, size, etag), size, mime)
        except ranges.Unsatisfiable:
            file.close()
            response = HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    response["Cache-Control"] = f"private, max-age={SECONDS_CACHED}"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _elsewhere(key: str) -> HttpResponseBase:
    """Lead to the object store, which answers ranges itself; anew each time, for it expires."""
    try:
        url = objectstores.link(key, seconds=SECONDS_LENT)
    except InvalidInput as refused:
        raise Http404("The object store is not configured.") from refused
    response = HttpResponse(status=302, headers={"Location": url})
    response["Cache-Control"] = "no-store"
    return response


def _span(request: HttpRequest, size: int, etag: str) -> ranges.Span | None:
    header, condition = request.headers.get("Range", ""), request.headers.get("If-Range", etag)
    return ranges.parse(header, size) if header and condition == etag else None


def _body(file: BinaryIO, span: ranges.Span | None, size: int, mime: str) -> HttpResponseBase:
    whole = span or ranges.Span(0, size - 1)
    response = FileResponse(
        Slice(file, whole), status=206 if span else 200, content_type=mime, filename=""
    )
    response["Content-Length"] = str(whole.n_bytes)
    response["Content-Disposition"] = "inline"
    if span:
        response["Content-Range"] = f"bytes {span.first}-{span.last}/{size}"
    return response


class Slice(BufferedIOBase):
    """A file that begins and ends where the span does."""

    def __init__(self, file: BinaryIO, span: ranges.Span) -> None:
        self._file, self._left = file, span.n_bytes
        file.seek(span.first)

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes, none at the span's end."""
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        self._left -= len(data)
        return data

    def close(self) -> None:
        """Close the file beneath."""
        self._file.close()
        super().close()
