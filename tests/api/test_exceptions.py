"""Refusals as problem+json, whoever raised them."""

import pytest
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http.request import UnreadablePostError
from rest_framework.exceptions import ErrorDetail, Throttled, ValidationError

from portal import errors
from portal.api.exceptions import problem_of, problem_response


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (OperationalError("database is locked"), 503, "database_busy"),
        (OperationalError("server closed the connection unexpectedly"), 503, "database_busy"),
        (InterfaceError("connection already closed"), 503, "database_busy"),
        (OperationalError("database or disk is full"), 507, "disk_full"),
        (OperationalError("could not extend file: No space left on device"), 507, "disk_full"),
        (IntegrityError("UNIQUE constraint failed"), 409, "conflict"),
        (RequestDataTooBig("inner words"), 413, "too_large"),
        (SuspiciousOperation("inner words"), 400, "bad_request"),
        (UnreadablePostError("inner words"), 400, "bad_request"),
        (Throttled(wait=7), 429, "throttled"),
        (errors.DiskFull("x"), 507, "disk_full"),
        (errors.PeerUnavailable("x"), 503, "peer_unavailable"),
    ],
)
def test_every_known_trouble_has_its_status(error, status, code) -> None:
    problem = problem_of(error)

    assert (problem.status, problem.code) == (status, code)
    assert ("Retry-After" in problem.headers) == (status in (429, 503))
    assert str(error) not in problem.detail or isinstance(error, errors.PortalError | Throttled)


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), AttributeError("x")])
def test_a_fault_of_our_own_is_left_to_the_log(error) -> None:
    assert problem_of(error) is None


def test_nested_refusals_become_one_list_of_fields() -> None:
    detail = {
        "a": [ErrorDetail("bad", "invalid")],
        "b": {"c": [{}, {"d": [ErrorDetail("worse", "null")]}]},
        "non_field_errors": [ErrorDetail("worst", "odd")],
    }

    problem = problem_of(ValidationError(detail))

    assert [(each["field"], each["code"]) for each in problem.errors] == [
        ("a", "invalid"),
        ("b.c.1.d", "null"),
        ("body", "odd"),
    ]
    assert (problem.status, problem.code) == (400, "invalid")


def test_every_error_of_the_portal_has_a_status_and_a_code_of_its_own() -> None:
    pending, seen = [errors.PortalError], {}
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        problem = problem_of(kind("A sentence."))
        assert problem.detail == "A sentence."
        assert 400 <= problem.status < 600
        seen.setdefault(problem.code, []).append(kind)
    assert all(len(kinds) == 1 for kinds in seen.values()), seen


def test_a_problem_can_be_answered_without_a_view() -> None:
    response = problem_response(404, "not_found", "Nothing.", request_id="abc")

    assert response.headers["Content-Type"] == "application/problem+json"
    assert b'"request_id": "abc"' in response.content
