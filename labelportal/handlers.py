"""What is said when no view could answer: problem+json under /api/, a plain page elsewhere."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.exceptions import TemplateDoesNotExist
from django.template.loader import render_to_string

TITLES = {
    400: "The request cannot be understood",
    403: "This is not yours to do",
    404: "There is nothing here",
    500: "Something broke on our side",
    503: "The database is busy",
    507: "The disk is full",
}
DETAILS = {
    400: "A part of the request is malformed; nothing was changed.",
    403: "Your role does not include this, or the form was open for too long: reload and retry.",
    404: "The address is wrong, or what it named is not visible to you.",
    500: "What you had saved is safe. Try again; if it stays, tell whoever runs this portal.",
    503: "Nothing was changed. Try again in a few seconds.",
    507: "Nothing was changed. Whoever runs this portal has to make room.",
}
CODES = {
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    500: "server_error",
    503: "database_busy",
    507: "disk_full",
}


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer a request that Django refused before any view saw it."""
    return answer(request, 400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer a request that a view refused."""
    return answer(request, 403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose token is missing or old; the reason is for the log alone."""
    return answer(request, 403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer an unknown address; foreign and unknown look alike."""
    return answer(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a request that broke; a database that is busy or full is told apart from a fault."""
    return answer(request, status_of(sys.exc_info()[1]))


def status_of(fault: BaseException | None) -> int:
    """Return 507 for a full disk, 503 for a database that cannot answer now, 500 for all else."""
    if not isinstance(fault, OperationalError | InterfaceError):
        return 500
    return 507 if "disk is full" in str(fault) or "No space left" in str(fault) else 503


def answer(request: HttpRequest, status: int) -> HttpResponse:
    """Say `status` in the tongue of the door that was knocked at."""
    request_id = getattr(request, "request_id", "")
    response: HttpResponse
    if request.path_info.startswith("/api/"):
        problem: dict[str, object] = {
            "type": "about:blank",
            "title": TITLES[status],
            "status": status,
            "code": CODES[status],
            "detail": DETAILS[status],
            "errors": [],
            "request_id": request_id,
        }
        response = JsonResponse(problem, status=status, content_type="application/problem+json")
    else:
        response = HttpResponse(_page(status, request_id), status=status)
    if status == 503:
        response["Retry-After"] = "5"
    return response


def _page(status: int, request_id: str) -> str:
    """Render without the request: its context processors may need the database that is down."""
    shown = {
        "status": status,
        "title": TITLES[status],
        "detail": DETAILS[status],
        "request_id": request_id,
    }
    try:
        return render_to_string("errors/error.html", shown)
    except TemplateDoesNotExist:
        return f"<!doctype html><title>{TITLES[status]}</title><p>{DETAILS[status]}</p>"
