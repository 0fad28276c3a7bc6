"""Tasks: opened, listed, claimed, extended, given back."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from portal.models import Assignment, Task
from tests import factories
from tests.api.conftest import problem


def test_a_task_opens_with_its_difficulty_and_is_found_again(api) -> None:
    body = {"video_id": "clip-1", "uncertainty": 0.8, "difficulty": 10}

    opened = api.post("tasks", body)
    again = api.post("tasks", body)

    assert (opened.status_code, again.status_code) == (201, 200)
    assert opened.json()["id"] == again.json()["id"]
    assert opened.json()["difficulty"] == 10
    assert opened.json()["uncertainty"] == 0.8
    assert opened.json()["status"] == "open"
    assert opened.json()["video"]["media_url"] is None


def test_segments_of_one_clip_are_tasks_of_their_own(api) -> None:
    first = api.post("tasks", {"video_id": "clip-1", "start": 0, "end": 1.5})
    second = api.post("tasks", {"video_id": "clip-1", "start": 1.5, "end": None})

    assert first.json()["id"] != second.json()["id"]
    assert (second.json()["start"], second.json()["end"]) == (1.5, None)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"difficulty": 3}, "difficulty"),
        ({"difficulty": "5"}, "difficulty"),
        ({"difficulty": True}, "difficulty"),
        ({"difficulty": 5.0}, "difficulty"),
        ({"uncertainty": 2}, "uncertainty"),
        ({"uncertainty": True}, "uncertainty"),
        ({"video_id": 7}, "video_id"),
        ({"video_id": ""}, "video_id"),
        ({"start": 3, "end": 2}, "end"),
        ({"n_wanted": 9}, "n_wanted"),
        ({"status": "settled"}, "status"),
    ],
)
def test_a_bad_task_is_refused_by_its_field(api, change, field) -> None:
    problem(api.post("tasks", {"video_id": "clip-1"} | change), 400, field=field)

    assert not Task.objects.exists()


def test_lists_filter_by_state_and_clip(api, project) -> None:
    factories.TaskFactory(project=project, video__video_id="a")
    factories.TaskFactory(project=project, video__video_id="b", state="settled")
    factories.TaskFactory()

    def ids(query: str) -> list[str]:
        return [row["video"]["video_id"] for row in api.get(f"tasks{query}").json()["results"]]

    assert ids("") == ["a", "b"]
    assert ids("?status=settled") == ["b"]
    assert ids("?video_id=a") == ["a"]
    assert ids("?is_evaluation=true") == []


def test_pages_lead_forwards_and_back_again(api, project) -> None:
    tasks = factories.TaskFactory.create_batch(5, project=project)

    first = api.get("tasks?page_size=2").json()
    second = api.get(first["next"].removeprefix("http://testserver")).json()
    third = api.get(second["next"].removeprefix("http://testserver")).json()
    back = api.get(second["previous"].removeprefix("http://testserver")).json()

    seen = [row["id"] for page in (first, second, third) for row in page["results"]]
    assert seen == [task.pk for task in tasks]
    assert (first["previous"], third["next"]) == (None, None)
    assert back["results"] == first["results"]
    assert back["previous"] is None


def test_a_list_needs_as_many_queries_for_50_rows_as_for_one(
    api, as_role, project, django_assert_num_queries
) -> None:
    someone = as_role("expert")
    factories.TaskFactory(project=project)
    someone.get("tasks")
    with django_assert_num_queries(6) as first:
        someone.get("tasks")
    for prediction in factories.PredictionFactory.create_batch(50, project=project):
        factories.TaskFactory(project=project, video=prediction.video, prediction=prediction)
    with django_assert_num_queries(len(first)):
        assert len(someone.get("tasks?page_size=200").json()["results"]) == 51


def test_a_claim_leases_the_task_and_says_all_that_is_needed(api, project) -> None:
    factories.GuidelineFactory(project=project, text="Say what moves.")
    task = factories.TaskFactory(project=project)

    answer = api.post("tasks/assign", {"annotator_id": "ann"}).json()

    assert answer["task_id"] == task.pk
    assert answer["task"]["n_captions"] is None
    assert answer["guidelines"] == {"number": 1, "text": "Say what moves."}
    assert answer["shown_prediction"] is None
    assert answer["draft"] == ""
    assert Assignment.objects.get().token == uuid.UUID(answer["lease"]["token"])


def test_a_second_claim_gives_the_same_lease_back(api, project) -> None:
    factories.TaskFactory.create_batch(2, project=project)

    first = api.post("tasks/assign", {"annotator_id": "ann"}).json()
    second = api.post("tasks/assign", {"annotator_id": "ann"}).json()

    assert first["lease"]["token"] == second["lease"]["token"]


def test_no_work_is_204(api) -> None:
    assert api.post("tasks/assign", {"annotator_id": "ann"}).status_code == 204


def test_a_paused_project_gives_no_work(api, project) -> None:
    project.is_paused = True
    project.save()

    problem(api.post("tasks/assign", {"annotator_id": "ann"}), 409, "project_paused")


def test_unknown_annotators_are_refused_unless_the_project_registers_them(api, project) -> None:
    project.registers_annotators = False
    project.save()

    problem(api.post("tasks/assign", {"annotator_id": "ann"}), 400, field="annotator_id")
    problem(api.post("tasks/assign", {}), 400, field="annotator_id")


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 101, 7, None, ["a"]])
def test_an_annotator_id_is_a_short_printable_text(api, name) -> None:
    problem(api.post("tasks/assign", {"annotator_id": name}), 400, field="annotator_id")


def test_too_many_claims_are_throttled(api, settings) -> None:
    settings.CLAIMS_A_MINUTE = 3
    codes = [api.post("tasks/assign", {"annotator_id": "ann"}).status_code for _ in range(5)]

    assert codes[:2] == [204, 204]
    refused = api.post(
        "tasks/assign", {"annotator_id": "ann"}, headers={"X-Forwarded-For": "1.2.3.4"}
    )
    problem(refused, 429, "throttled")
    assert 1 <= int(refused.headers["Retry-After"]) <= 61


def lease(api, project) -> tuple[str, dict[str, str]]:
    factories.TaskFactory(project=project)
    claimed = api.post("tasks/assign", {"annotator_id": "ann"}).json()
    body = {"annotator_id": "ann", "lease": claimed["lease"]["token"]}
    return f"tasks/{claimed['task_id']}/lease", body


def test_a_heartbeat_extends_the_lease(api, project) -> None:
    path, body = lease(api, project)
    soon = timezone.now() + timedelta(minutes=1)
    Assignment.objects.update(expires_at=soon)

    assert api.post(f"{path}/heartbeat", body).status_code == 200
    assert Assignment.objects.get().expires_at > soon


def test_a_heartbeat_cannot_ask_for_ten_years(api, project) -> None:
    path, body = lease(api, project)

    problem(api.post(f"{path}/heartbeat", body | {"minutes": 5_000_000}), 400, "unknown_field")


def test_a_heartbeat_after_the_expiry_is_a_conflict(api, project) -> None:
    path, body = lease(api, project)
    Assignment.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    problem(api.post(f"{path}/heartbeat", body), 409)


def test_a_released_task_may_come_again_and_a_skipped_one_does_not(api, project) -> None:
    path, body = lease(api, project)
    assert api.post(f"{path}/release", body).status_code == 204
    again = api.post("tasks/assign", {"annotator_id": "ann"})
    body["lease"] = again.json()["lease"]["token"]

    assert api.post(f"{path}/skip", body | {"reason": "unplayable"}).status_code == 204
    assert api.post("tasks/assign", {"annotator_id": "ann"}).status_code == 204


def test_a_skip_needs_a_reason_of_the_list(api, project) -> None:
    path, body = lease(api, project)

    problem(api.post(f"{path}/skip", body), 400, "required", "reason")
    problem(api.post(f"{path}/skip", body | {"reason": "dull"}), 400, field="reason")


@pytest.mark.parametrize("token", [str(uuid.UUID(int=5)), None])
def test_anothers_lease_is_not_there(api, project, token) -> None:
    path, body = lease(api, project)
    stolen = {"annotator_id": "thief", "lease": token or body["lease"]}

    problem(api.post(f"{path}/heartbeat", stolen), 404)
    problem(api.post(f"{path}/release", stolen), 404)
    assert Assignment.objects.get().state == "leased"


@pytest.mark.parametrize("token", ["x", 5, None, "0" * 5000, "{" + "0" * 36])
def test_a_malformed_lease_is_refused(api, project, token) -> None:
    path, body = lease(api, project)

    problem(api.post(f"{path}/release", body | {"lease": token}), 400, field="lease")


def test_a_lease_belongs_to_one_task(api, project) -> None:
    _, body = lease(api, project)
    other = factories.TaskFactory(project=project)

    problem(api.post(f"tasks/{other.pk}/lease/release", body), 404)


def test_a_person_claims_as_themselves_alone(as_role, project) -> None:
    person = as_role("annotator")
    factories.TaskFactory(project=project)

    problem(
        person.post("tasks/assign", {"project": "clips", "annotator_id": "other"}),
        400,
        field="annotator_id",
    )
    claimed = person.post("tasks/assign", {"project": "clips"})
    assert claimed.status_code == 200
    assert Assignment.objects.get().annotator.user == person.user
