"""The published description of the API."""

import json

import pytest
from django.core.management import call_command
from django.test import Client

from portal.api import urls
from portal.api.base import PortalView
from tests.api.conftest import schema


def test_the_schema_is_valid_and_without_warnings(tmp_path) -> None:
    call_command("spectacular", "--fail-on-warn", "--validate", file=str(tmp_path / "schema.yml"))


def test_every_route_is_described_once_without_its_slash() -> None:
    assert len(schema()["paths"]) == len(urls.ROUTES)
    assert not [path for path in schema()["paths"] if path.endswith("/")]


@pytest.mark.parametrize(("route", "view"), urls.ROUTES)
def test_every_method_says_what_it_needs(route: str, view: type[PortalView]) -> None:
    methods = {
        name for name in ("GET", "POST", "PUT", "PATCH", "DELETE") if hasattr(view, name.lower())
    }
    if view.permission_classes:
        assert methods == set(view.needs), route


def test_every_operation_tells_what_a_refusal_looks_like() -> None:
    for item in schema()["paths"].values():
        for operation in item.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]


def test_the_documentation_is_served_from_here(db: None) -> None:
    page = Client().get("/docs")
    script = Client().get("/docs?script=")
    document = Client().get("/api/schema", headers={"Accept": "application/json"})

    assert page.status_code == 200
    assert "://" not in page.content.decode().replace("http://testserver", "")
    assert "/api/schema" in script.content.decode()
    assert json.loads(document.content)["info"]["title"] == "Label Portal"
