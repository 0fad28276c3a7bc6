"""Cursor pages, ordered by id: as fast on the last page as on the first, and never shifting.

A cursor is signed for its address: a forged one, or one from another list, is refused.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from django.core import signing
from django.db.models import Model, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.queries import text, whole
from portal.errors import InvalidInput

if TYPE_CHECKING:
    from portal.api.base import PortalView

Row = TypeVar("Row", bound=Model)

DEFAULT_SIZE = 50
LARGEST = 200
FORWARDS, BACKWARDS = "n", "p"
PAGE_FILTERS = {
    "cursor": text("Where to go on, as `next` and `previous` say it."),
    "page_size": whole(f"Rows a page, at most {LARGEST}.", least=1, most=LARGEST),
}


def narrow(view: "PortalView", rows: "QuerySet[Row]") -> "QuerySet[Row]":
    """Apply the filters that the caller gave and that name a column."""
    wanted = {
        view.filters[name].column: value
        for name, value in view.query.items()
        if name in view.filters and view.filters[name].column
    }
    return rows.filter(**wanted)


def paged(
    view: "PortalView", rows: "QuerySet[Row]", describe: Callable[[Row], dict[str, Any]]
) -> Response:
    """Answer one page of `rows` with links to the next and the previous one."""
    request = view.request
    size = view.query.get("page_size", DEFAULT_SIZE)
    direction, after = _read(request, view.query.get("cursor"))
    if direction == BACKWARDS:
        found = list(rows.filter(pk__lt=after).order_by("-pk")[: size + 1])
        page = found[:size][::-1]
        has_next, has_previous = True, len(found) > size
    else:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: size + 1])
        page = found[:size]
        has_next, has_previous = len(found) > size, after > 0
    return Response(
        {
            "next": _link(request, FORWARDS, page[-1].pk) if page and has_next else None,
            "previous": _link(request, BACKWARDS, page[0].pk) if page and has_previous else None,
            "results": [describe(row) for row in page],
        }
    )


def _signer(request: Request) -> signing.Signer:
    return signing.Signer(salt=f"cursor:{request.path.rstrip('/')}", sep=".")


def _read(request: Request, cursor: str | None) -> tuple[str, int]:
    if cursor is None:
        return FORWARDS, 0
    try:
        place = _signer(request).unsign(cursor)
    except signing.BadSignature:
        raise InvalidInput.on("cursor", "This cursor is not one of this list.") from None
    return place[0], int(place[1:])


def _link(request: Request, direction: str, pk: int) -> str:
    kept = {name: value for name, value in request.GET.items() if name != "cursor"}
    cursor = _signer(request).sign(f"{direction}{pk}")
    return request.build_absolute_uri(f"{request.path}?{urlencode(kept | {'cursor': cursor})}")
