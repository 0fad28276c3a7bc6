"""What is said when no view could answer."""

import pytest
from django.db import InterfaceError, OperationalError
from django.test import RequestFactory

from labelportal import handlers


def test_under_the_api_the_answer_is_problem_json() -> None:
    response = handlers.not_found(RequestFactory().get("/api/v1/nothing"))
    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"


def test_elsewhere_the_answer_is_a_page() -> None:
    response = handlers.not_found(RequestFactory().get("/nothing"))
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (OperationalError("database is locked"), 503),
        (InterfaceError("connection already closed"), 503),
        (OperationalError("database or disk is full"), 507),
        (ValueError("a bug"), 500),
    ],
)
def test_a_database_that_is_busy_or_full_is_told_apart_from_a_fault(fault, status) -> None:
    try:
        raise fault
    except type(fault):
        response = handlers.server_error(RequestFactory().get("/api/v1/tasks"))
    assert response.status_code == status
    assert ("Retry-After" in response) == (status == 503)
    assert str(fault).encode() not in response.content


def test_a_wrong_host_is_refused_without_echo(client) -> None:
    response = client.get("/api/v1/tasks", headers={"host": "evil.example.org"})
    assert response.status_code == 400
    assert b"evil" not in response.content


def test_every_answer_names_its_request_and_its_policy(client) -> None:
    pages = client.get("/nothing")
    console = client.get("/admin/nothing")
    assert pages["X-Request-ID"] != console["X-Request-ID"]
    assert "unsafe" not in pages["Content-Security-Policy"]
    assert "'unsafe-eval'" in console["Content-Security-Policy"]
    assert "default-src 'none'" in console["Content-Security-Policy"]
