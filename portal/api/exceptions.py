"""Every refusal as application/problem+json (RFC 9457), whoever raised it.

A fault of our own is not handled here: it stays an exception, is logged, and becomes a 500 that
tells nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
)
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response

from portal.errors import FieldProblem, PortalError

CONTENT_TYPE = "application/problem+json"
BODY = "body"  # the field of an error that belongs to no field
RETRY_SECONDS = 5


@dataclass(frozen=True)
class Problem:
    """One refusal, before it is written down."""

    status: int
    code: str
    detail: str
    errors: list[FieldProblem] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def body(self, request_id: str = "") -> dict[str, Any]:
        """Return the members of the JSON object that is answered."""
        return self.extra | {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "errors": self.errors,
            "request_id": request_id,
        }


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer `error` as a problem; None leaves a fault of our own to Django's log."""
    problem = problem_of(error)
    if problem is None:
        return None
    request_id = getattr(context["request"], "request_id", "")
    return Response(
        problem.body(request_id),
        status=problem.status,
        headers=problem.headers,
        content_type=CONTENT_TYPE,
    )


def problem_response(
    status: int, code: str, detail: str, *, request_id: str = "", **extra: Any
) -> HttpResponse:
    """Return a problem for places that no API view reaches."""
    problem = Problem(status, code, detail, extra=extra)
    return JsonResponse(problem.body(request_id), status=status, content_type=CONTENT_TYPE)


def problem_of(error: Exception) -> Problem | None:
    """Translate an exception; None for what nobody but us can have caused."""
    if isinstance(error, PortalError):
        retry = {"Retry-After": str(RETRY_SECONDS)} if error.status == 503 else {}
        return Problem(error.status, error.code, error.detail, error.errors, error.extra, retry)
    if isinstance(error, exceptions.ValidationError):
        return _of_validation(error)
    if isinstance(error, exceptions.APIException):
        return _of_framework(error)
    if isinstance(error, OperationalError | InterfaceError):
        return _of_database(error)
    if isinstance(error, IntegrityError):
        detail = "Somebody changed the same thing at the same time; look again and repeat."
        return Problem(409, "conflict", detail)
    return _of_django(error)


def _of_validation(error: exceptions.ValidationError) -> Problem:
    found = list(_flatten(error.detail))
    shown = "; ".join(f"{each['field']}: {each['message']}" for each in found[:3])
    code = found[0]["code"] if len({each["code"] for each in found}) == 1 else "invalid"
    return Problem(400, code, shown, found)


def _flatten(detail: Any, path: str = "") -> Iterator[FieldProblem]:
    """Walk DRF's nested details into one flat list; list positions become part of the field."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            is_whole = name == "non_field_errors"
            yield from _flatten(inner, path if is_whole else f"{path}.{name}".lstrip("."))
    elif isinstance(detail, list):
        for number, inner in enumerate(detail):
            is_leaf = isinstance(inner, exceptions.ErrorDetail)
            yield from _flatten(inner, path if is_leaf else f"{path}.{number}".lstrip("."))
    else:
        yield FieldProblem(field=path or BODY, code=str(detail.code), message=str(detail))


def _of_framework(error: exceptions.APIException) -> Problem:
    headers = {}
    if auth_header := getattr(error, "auth_header", ""):
        headers["WWW-Authenticate"] = auth_header
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(int(wait) + 1)
    return Problem(error.status_code, str(error.get_codes()), str(error.detail), headers=headers)


def _of_database(error: Exception) -> Problem:
    said = str(error).lower()
    if "disk is full" in said or "no space left" in said:
        return Problem(507, "disk_full", "There is no room left on the portal's disk.")
    detail = "The database is busy; nothing was changed. Repeat the call."
    return Problem(503, "database_busy", detail, headers={"Retry-After": str(RETRY_SECONDS)})


def _of_django(error: Exception) -> Problem | None:
    if isinstance(error, Http404):
        return Problem(404, "not_found", "There is nothing here that you may see.")
    if isinstance(error, PermissionDenied):
        return Problem(403, "not_allowed", "Your role does not include this.")
    if isinstance(error, RequestDataTooBig):
        return Problem(413, "too_large", "The body is larger than this call allows.")
    if isinstance(error, TooManyFieldsSent | UnreadablePostError | SuspiciousOperation):
        return Problem(400, "bad_request", "The request cannot be read as it came.")
    return None
