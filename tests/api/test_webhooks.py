"""Webhook endpoints over the API."""

import pytest

from portal.models import Endpoint, IdempotencyKey
from tests import factories
from tests.api.conftest import problem


@pytest.fixture(autouse=True)
def reachable(settings) -> None:
    settings.OUTBOUND_ALLOW = ["example.com:443"]


URL = "https://example.com/hook"


def test_an_endpoint_shows_its_secret_once(api) -> None:
    added = api.post("webhooks", {"url": URL, "events": ["ping"]}).json()

    assert added["secret"].startswith("whsec_")
    shown = api.get(f"webhooks/{added['uid']}").json()
    assert "secret" not in shown
    assert added["secret"] not in Endpoint.objects.get().secret


def test_a_rotation_gives_another_secret(api) -> None:
    added = api.post("webhooks", {"url": URL}).json()

    rotated = api.post(f"webhooks/{added['uid']}/rotate").json()

    assert rotated["secret"] != added["secret"]
    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "http://127.0.0.1:22/"}, None),
        ({"url": "file:///etc/passwd"}, None),
        ({"url": "http://u:p@example.com/"}, None),
        ({"url": 7}, "url"),
        ({"url": URL, "events": ["everything"]}, "events.0"),
        ({"url": URL, "events": "ping"}, "events"),
        ({"url": URL, "secret": "mine"}, "secret"),
        ({}, "url"),
    ],
)
def test_a_bad_endpoint_is_refused(api, body, field) -> None:
    problem(api.post("webhooks", body), 400, field=field)

    assert not Endpoint.objects.exists()


def test_an_endpoint_is_changed_and_removed(api) -> None:
    path = f"webhooks/{api.post('webhooks', {'url': URL}).json()['uid']}"

    assert api.patch(path, {"is_active": False}).json()["is_active"] is False
    problem(api.patch(path, {}), 400)
    problem(api.patch(path, {"is_active": "no"}), 400, field="is_active")
    problem(api.post(f"{path}/ping"), 409)
    assert api.delete(path).status_code == 204
    problem(api.get(path), 404)


def test_a_ping_is_logged_and_sent_again(api) -> None:
    path = f"webhooks/{api.post('webhooks', {'url': URL}).json()['uid']}"
    event = api.post(f"{path}/ping").json()["event"]

    delivery = api.get(f"{path}/deliveries").json()["results"][0]

    assert delivery["event"] == event
    assert delivery["state"] == "pending"
    assert api.post(f"deliveries/{delivery['id']}/redeliver").json()["event"] == event


def test_foreign_endpoints_and_deliveries_are_not_there(api) -> None:
    delivery = factories.DeliveryFactory()
    path = f"webhooks/{delivery.endpoint.uid}"

    for call in (
        api.get(path),
        api.patch(path, {"is_active": False}),
        api.delete(path),
        api.post(f"{path}/ping"),
        api.post(f"{path}/rotate"),
        api.get(f"{path}/deliveries"),
        api.post(f"deliveries/{delivery.pk}/redeliver"),
    ):
        problem(call, 404, "not_found")
    assert api.get("webhooks").json()["results"] == []


@pytest.mark.parametrize("role", ["expert", "annotator", "reader"])
def test_endpoints_are_for_managers(as_role, project, role) -> None:
    endpoint = factories.EndpointFactory(project=project)
    person = as_role(role)

    problem(person.get("webhooks"), 403)
    problem(person.get(f"webhooks/{endpoint.uid}"), 403)
    assert as_role("manager").get("webhooks").status_code == 200
