"""What the API's tests share: a caller whose every answer is held against the published schema."""

import functools
import json
import re
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from tests import factories

JSON = "application/json"


@functools.cache
def schema() -> dict[str, Any]:
    """The OpenAPI document, made once."""
    return json.loads(
        json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str)
    )


@functools.cache
def operations() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Each path as a pattern, those without parameters first."""
    paths = sorted(schema()["paths"].items(), key=lambda item: item[0].count("{"))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "/?"), item) for path, item in paths]


def check_against_schema(method: str, path: str, response: Any) -> None:
    """Fail where an answer has a status, a member or a type that the schema does not name."""
    item = next((item for shape, item in operations() if shape.fullmatch(path)), None)
    if item is None or method not in item:
        return
    answers = item[method]["responses"]
    status = str(response.status_code)
    assert status in answers or status[0] in "45", f"{method} {path}: {status} is undocumented"
    if response.status_code == 204:
        assert not response.content
        return
    content = answers.get(status, answers["default"])["content"]
    kind = response.headers["Content-Type"].partition(";")[0]
    assert kind in content, f"{method} {path}: {kind} is undocumented"
    shape = content[kind]
    if "json" in kind and "ndjson" not in kind and not response.streaming:
        _validator(json.dumps(shape["schema"])).validate(response.json())


@functools.cache
def _validator(shape: str) -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(
        _closed({"components": schema()["components"]} | json.loads(shape)),
        format_checker=jsonschema.FormatChecker(),
    )


def _closed(node: Any) -> Any:
    """Translate OpenAPI's nullable into JSON Schema, and let no object have unnamed members."""
    if isinstance(node, list):
        return [_closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    closed = {name: _closed(each) for name, each in node.items()}
    if "properties" in node and isinstance(node["properties"], dict):
        closed.setdefault("additionalProperties", False)
    if node.get("nullable") is True:
        del closed["nullable"]
        return {"anyOf": [closed, {"type": "null"}]}
    return closed


class Api:
    """Calls under /api/v1, each answer checked; consequences run as they do after a commit."""

    def __init__(self, client: Client, on_commit: Any, secret: str | None = None) -> None:
        self.client, self._on_commit = client, on_commit
        self.headers = {"Authorization": f"Bearer {secret}"} if secret else {}

    def get(self, path: str, **more: Any) -> Any:
        return self.call("get", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return self.call("post", path, body, **more)

    def patch(self, path: str, body: Any = None, **more: Any) -> Any:
        return self.call("patch", path, body, **more)

    def delete(self, path: str, **more: Any) -> Any:
        return self.call("delete", path, **more)

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Make one call; `body` is a JSON value, or bytes as they are."""
        if method not in ("get", "head") and "data" not in more:
            raw = b"" if body is None else body
            more["data"] = raw if isinstance(raw, bytes) else json.dumps(raw)
            more.setdefault("content_type", JSON)
        headers = self.headers | more.pop("headers", {})
        address = path if path.startswith("/") else f"/api/v1/{path}"
        with self._on_commit(execute=True):
            response = getattr(self.client, method)(address, headers=headers, **more)
        check_against_schema(method, address.partition("?")[0], response)
        return response


@pytest.fixture
def caller(db: None, django_capture_on_commit_callbacks: Any) -> Callable[..., Api]:
    """Make callers: of a token's secret, of a signed-in user, or a stranger."""

    def make(secret: str | None = None, user: Any = None, **client: Any) -> Api:
        browser = Client(**client)
        if user is not None:
            browser.force_login(user)
        return Api(browser, django_capture_on_commit_callbacks, secret)

    return make


@pytest.fixture
def project(db: None) -> Any:
    """A project whose tokens may bring annotators."""
    return factories.ProjectFactory(slug="clips", registers_annotators=True, gold_first=0)


@pytest.fixture
def api(caller: Callable[..., Api], project: Any) -> Api:
    """A service token of `project` with every scope."""
    _, secret = factories.token_and_secret(project=project)
    return caller(secret)


@pytest.fixture
def as_role(caller: Callable[..., Api], project: Any) -> Callable[[str], Api]:
    """Make callers who are signed in and have a role in `project`."""

    def make(role: str) -> Api:
        user = factories.UserFactory()
        factories.MembershipFactory(project=project, user=user, role=role)
        api = caller(user=user)
        api.user = user
        return api

    return make


def problem(response: Any, status: int, code: str | None = None, field: str | None = None) -> Any:
    """Assert a refusal and return its body."""
    body = response.json()
    assert response.status_code == status, body
    assert response.headers["Content-Type"] == "application/problem+json"
    assert body["status"] == status
    assert body["request_id"]
    if code is not None:
        assert body["code"] == code or code in {each["code"] for each in body["errors"]}, body
    if field is not None:
        assert field in {each["field"] for each in body["errors"]}, body
    return body
