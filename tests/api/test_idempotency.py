"""Calls that are repeated under a key."""

import pytest

from portal.models import IdempotencyKey, Task
from tests import factories
from tests.api.conftest import problem

BODY = {"video_id": "clip-1", "uncertainty": 0.5}


def keyed(api, body, key="k1", path="tasks"):
    return api.post(path, body, headers={"Idempotency-Key": key})


def test_the_same_key_gives_the_stored_answer(api) -> None:
    first = keyed(api, BODY)
    again = keyed(api, BODY)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert Task.objects.count() == 1


def test_the_stored_answer_outlives_a_change(api) -> None:
    first = keyed(api, BODY)
    Task.objects.update(state="settled")

    assert keyed(api, BODY).json() == first.json()


def test_the_same_members_in_another_order_are_the_same_body(api) -> None:
    keyed(api, BODY)

    assert keyed(api, dict(reversed(BODY.items()))).status_code == 201


def test_another_body_under_a_key_is_refused(api) -> None:
    keyed(api, BODY)

    problem(keyed(api, BODY | {"uncertainty": 0.6}), 422, "idempotency_key_reused")
    assert Task.objects.get().uncertainty == 0.5


def test_another_address_is_another_key(api) -> None:
    keyed(api, BODY)

    prediction = {"video_id": "clip-2", "caption": "a", "model_version": "m", "uncertainty": 0.1}
    assert keyed(api, prediction, path="predictions").status_code == 201
    assert keyed(api, BODY, path="tasks/").headers["Idempotency-Replayed"] == "true"


def test_keys_of_two_callers_are_independent(api, caller, project) -> None:
    _, other = factories.token_and_secret(project=project)
    keyed(api, BODY)

    answer = keyed(caller(other), {"video_id": "clip-2"})

    assert answer.status_code == 201
    assert Task.objects.count() == 2


def test_a_refused_call_keeps_no_key(api) -> None:
    problem(keyed(api, BODY | {"uncertainty": 7}), 400)

    assert not IdempotencyKey.objects.exists()
    assert keyed(api, BODY).status_code == 201


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "x" * 10_000, "a b", "\u00e9", "a\tb"])
def test_a_key_is_short_visible_ascii(api, key) -> None:
    problem(keyed(api, BODY, key), 400)
    assert not Task.objects.exists()


def test_nothing_to_do_is_stored_too(api) -> None:
    first = keyed(api, {"annotator_id": "ann"}, path="tasks/assign")
    factories.TaskFactory(project=factories.models.Project.objects.get(slug="clips"))
    again = keyed(api, {"annotator_id": "ann"}, path="tasks/assign")

    assert (first.status_code, again.status_code) == (204, 204)
