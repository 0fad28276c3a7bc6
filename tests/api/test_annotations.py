"""Captions: submitted, corrected, withdrawn; what they may be made of."""

import unicodedata
from datetime import timedelta

import pytest
from django.utils import timezone

from portal.models import Annotation, Assignment, Task
from portal.services import assignments
from tests import factories
from tests.api.conftest import problem


@pytest.fixture
def task(project) -> Task:
    return factories.TaskFactory(project=project)


def submit(api, task, text="a dog runs", who="ann", **more):
    body = {"annotator_id": who, "caption": text} | more
    return api.post(f"tasks/{task.pk}/annotations", body)


def test_a_machine_submits_without_a_lease_while_a_slot_is_free(api, task) -> None:
    answer = submit(api, task, seconds=12.5)

    assert answer.status_code == 201
    assert answer.json()["annotator_id"] == "ann"
    assert answer.json()["caption"] == "a dog runs"
    assert Annotation.objects.get().seconds == 12.5


def test_a_submit_under_a_lease_fills_its_slot(api, task) -> None:
    claimed = api.post("tasks/assign", {"annotator_id": "ann"}).json()

    assert submit(api, task, lease=claimed["lease"]["token"]).status_code == 201
    assert Assignment.objects.get().state == "submitted"


def test_an_expired_lease_refuses_and_the_draft_comes_back(api, task) -> None:
    claimed = api.post("tasks/assign", {"annotator_id": "ann"}).json()
    Assignment.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    refused = submit(api, task, "my long work", lease=claimed["lease"]["token"])

    assert problem(refused, 409, "lease_expired")["draft"] == "my long work"
    assert not Annotation.objects.exists()
    again = api.post("tasks/assign", {"annotator_id": "ann"}).json()
    assert again["draft"] == "my long work"


def test_the_draft_is_kept_under_an_idempotency_key_too(api, task) -> None:
    claimed = api.post("tasks/assign", {"annotator_id": "ann"}).json()
    Assignment.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    body = {"annotator_id": "ann", "caption": "my work", "lease": claimed["lease"]["token"]}

    refused = api.post(f"tasks/{task.pk}/annotations", body, headers={"Idempotency-Key": "once"})

    problem(refused, 409, "lease_expired")
    assert Assignment.objects.get().draft == "my work"


def test_a_lease_that_went_to_another_leaves_theirs_untouched(api, task) -> None:
    Task.objects.update(n_wanted=1)
    mine = api.post("tasks/assign", {"annotator_id": "ann"}).json()["lease"]["token"]
    Assignment.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assignments.expire_stale()
    theirs = api.post("tasks/assign", {"annotator_id": "ben"}).json()["lease"]["token"]

    problem(submit(api, task, lease=mine), 409, "lease_expired")
    problem(submit(api, task, who="ben", lease=mine), 409)
    assert submit(api, task, who="ben", lease=theirs).status_code == 201


def test_a_second_caption_of_one_person_is_a_conflict(api, task) -> None:
    submit(api, task)

    problem(submit(api, task, "again"), 409, "already_answered")


def test_a_full_task_takes_no_more(api, task) -> None:
    Task.objects.update(n_wanted=1)
    task.refresh_from_db()
    factories.AssignmentFactory(task=task)

    problem(submit(api, task, who="ben"), 409, "task_closed")


def test_a_person_submits_only_what_they_were_given(as_role, task) -> None:
    person = as_role("annotator")

    problem(person.post(f"tasks/{task.pk}/annotations", {"caption": "a dog"}), 404)
    person.post("tasks/assign", {"project": "clips"})
    assert person.post(f"tasks/{task.pk}/annotations", {"caption": "a dog"}).status_code == 201


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "caption_blank"),
        ("   ", "caption_blank"),
        ("\u200b\u2060\ufeff", "caption_blank"),
        ("a" * 5001, "too_long"),
        ("a" * 1_000_000, "too_long"),
        ("e" + "\u0301" * 1000, None),
        ("right \u202e left", "bidi_override"),
        ("a\ufdd0b", "control_characters"),
        ("bell \x07", "control_characters"),
        (7, "invalid"),
        (True, "invalid"),
        (["a"], "invalid"),
        ({"a": 1}, "invalid"),
        (None, "null"),
    ],
)
def test_a_bad_caption_is_refused_and_changes_nothing(api, task, text, code) -> None:
    problem(submit(api, task, text), 400, code, "caption")

    task.refresh_from_db()
    assert (task.n_taken, task.revision) == (0, 0)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("cafe\u0301", "caf\u00e9"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("<script>alert(1)</script> {{7*7}} {% debug %}", None),
        ("[x](javascript:1)", None),
        ("\u0130stanbul Stra\u00dfe", None),
        ("\u0627\u0644\u0643\u0644\u0628 \u064a\u0631\u0643\u0636", None),
        ("\u0915\u0941\u0924\u094d\u0924\u093e \u0926\u094c\u0921\u093c", None),
        ("\u4e00\u53ea\u72d7\u5728\u8dd1", None),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467 walk", None),
        (
            "\u2067\u0645\u0631\u062d\u0628\u0627\u2069 there",
            "\u0645\u0631\u062d\u0628\u0627 there",
        ),
    ],
)
def test_every_script_comes_back_as_it_went_in(api, task, text, stored) -> None:
    expected = unicodedata.normalize("NFC", text) if stored is None else stored
    pk = submit(api, task, text).json()["id"]

    assert api.get(f"annotations/{pk}").json()["caption"] == expected


@pytest.mark.parametrize("seconds", [-1, 1e9, "5", True])
def test_seconds_are_a_sensible_number(api, task, seconds) -> None:
    problem(submit(api, task, seconds=seconds), 400, field="seconds")


@pytest.mark.parametrize("field", ["author", "status", "number", "id", "created_at", "gold_score"])
def test_fields_that_are_not_the_callers_are_unknown(api, task, field) -> None:
    problem(submit(api, task, **{field: "x"}), 400, "unknown_field", field)


def test_a_correction_needs_the_number_that_was_seen(api, task) -> None:
    path = f"annotations/{submit(api, task).json()['id']}"
    etag = api.get(path).headers["ETag"]

    problem(api.patch(path, {"caption": "better"}), 428, "if_match_required")
    corrected = api.patch(path, {"caption": "better"}, headers={"If-Match": etag})
    problem(api.patch(path, {"caption": "worse"}, headers={"If-Match": etag}), 412, "stale_version")
    problem(api.patch(path, {"caption": "worse"}, headers={"If-Match": "*"}), 412)

    assert corrected.json()["number"] == 2
    assert corrected.headers["ETag"] == '"2"'
    assert Annotation.objects.get().text == "better"


def test_a_withdrawn_caption_frees_its_slot_and_cannot_change(api, task) -> None:
    path = f"annotations/{submit(api, task).json()['id']}"

    assert api.delete(path).status_code == 204
    task.refresh_from_db()
    assert task.n_taken == 0
    problem(api.patch(path, {"caption": "x"}, headers={"If-Match": '"1"'}), 409)
    problem(api.delete(path), 409)


def test_nothing_changes_once_the_task_has_settled(api, task) -> None:
    path = f"annotations/{submit(api, task).json()['id']}"
    Task.objects.update(state="settled")

    problem(api.patch(path, {"caption": "x"}, headers={"If-Match": '"1"'}), 409, "task_closed")
    problem(api.delete(path), 409, "task_closed")


def test_a_machine_that_names_another_author_finds_nothing(api, task) -> None:
    path = f"annotations/{submit(api, task).json()['id']}"

    other = {"caption": "x", "annotator_id": "ben"}
    problem(api.patch(path, other, headers={"If-Match": '"1"'}), 404)
    problem(api.delete(f"{path}?annotator_id=ben"), 404)
    assert Annotation.objects.get().text == "a dog runs"


def test_nobody_corrects_anothers_caption(as_role, api, task) -> None:
    path = f"annotations/{submit(api, task).json()['id']}"
    manager = as_role("manager")

    problem(manager.patch(path, {"caption": "x"}, headers={"If-Match": '"1"'}), 403)
    problem(as_role("annotator").patch(path, {"caption": "x"}, headers={"If-Match": '"1"'}), 404)


def test_a_submit_needs_few_queries(api, task, django_assert_max_num_queries) -> None:
    claimed = api.post("tasks/assign", {"annotator_id": "ann"}).json()
    token = claimed["lease"]["token"]
    body = {"annotator_id": "ann", "caption": "a dog runs", "lease": token}

    with django_assert_max_num_queries(40):
        api.post(f"tasks/{task.pk}/annotations", body)
