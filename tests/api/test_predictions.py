"""Predictions in, one by one and in bulk."""

import json

import pytest

from portal.models import Prediction, Task, Video
from tests import factories
from tests.api.conftest import problem

ONE = {"video_id": "clip-1", "caption": "a dog runs", "uncertainty": 0.9, "model_version": "m1"}


def test_a_new_prediction_registers_its_video_and_version(api) -> None:
    answer = api.post("predictions", ONE)

    assert answer.status_code == 201
    body = answer.json()
    assert body["video_id"] == "clip-1"
    assert body["uncertainty"] == 0.9
    assert body["estimator"]
    assert Video.objects.get().video_id == "clip-1"


def test_the_same_prediction_again_is_the_same_resource(api) -> None:
    first = api.post("predictions", ONE)
    again = api.post("predictions/", ONE)

    assert again.status_code == 200
    assert again.json()["id"] == first.json()["id"]
    assert Prediction.objects.count() == 1


def test_another_caption_of_one_version_is_a_conflict_that_names_the_remedy(api) -> None:
    api.post("predictions", ONE)
    refused = api.post("predictions", ONE | {"caption": "a cat sleeps"})
    replaced = api.post("predictions?supersede=true", ONE | {"caption": "a cat sleeps"})

    assert "?supersede=true" in problem(refused, 409, "prediction_exists")["detail"]
    assert replaced.status_code == 201
    assert Prediction.objects.get(is_standing=True).caption == "a cat sleeps"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"uncertainty": -0.1}, "uncertainty"),
        ({"uncertainty": 1.0001}, "uncertainty"),
        ({"uncertainty": True}, "uncertainty"),
        ({"uncertainty": "0.5"}, "uncertainty"),
        ({"uncertainty": "nan"}, "uncertainty"),
        ({"caption": 7}, "caption"),
        ({"caption": ["a"]}, "caption"),
        ({"caption": None}, "caption"),
        ({"caption": " \u200b"}, "caption"),
        ({"model_version": ""}, "model_version"),
        ({"video_id": "a\tb"}, "video_id"),
        ({"video_url": "file:///etc/passwd"}, "video_url"),
        ({"start": -0.001}, "start"),
        ({"start": 2.0, "end": 2.0}, "end"),
        ({"candidates": [{"text": "a", "logprob": 0.0}] * 4}, "candidates"),
        ({"candidates": [{"text": "a", "logprob": -1, "id": 2}]}, "candidates.0.id"),
        ({"tokens": [{"t": "a", "logprob": 0.5}]}, "tokens"),
        ({"tokens": [{"t": "a"}]}, "tokens"),
        ({"embedding": []}, "embedding"),
        ({"embedding": ["a"]}, "embedding.0"),
        ({"timestamp": "2030-01-01T00:00:00Z"}, "timestamp"),
        ({"is_standing": False}, "is_standing"),
    ],
)
def test_a_bad_value_is_refused_by_its_field_and_changes_nothing(api, change, field) -> None:
    problem(api.post("predictions", ONE | change), 400, field=field)

    assert not Prediction.objects.exists()
    assert not Video.objects.exists()


def test_a_missing_field_is_named(api) -> None:
    problem(api.post("predictions", {"video_id": "a"}), 400, "required", "caption")


def test_an_embedding_keeps_the_length_that_its_version_has(api) -> None:
    api.post("predictions", ONE | {"embedding": [0.1, 0.2]})

    other = api.post("predictions", ONE | {"video_id": "clip-2", "embedding": [0.1]})

    problem(other, 400, field="embedding")


def test_a_retired_version_takes_no_more(api, project) -> None:
    factories.VersionFactory(project=project, name="m1", state="retired")

    problem(api.post("predictions", ONE), 409)


def test_a_foreign_project_is_not_there(api) -> None:
    factories.ProjectFactory(slug="theirs")

    problem(api.post("predictions", ONE | {"project": "theirs"}), 404, "not_found")
    problem(api.post("predictions", ONE | {"project": "nowhere"}), 404, "not_found")
    assert api.post("predictions", ONE | {"project": "clips"}).status_code == 201


def test_the_answer_names_the_task_that_opened(api, project) -> None:
    project.uncertain_share = 1.0
    project.save()
    api.post("predictions", ONE)

    assert api.get("predictions").json()["results"][0]["task_id"] == Task.objects.get().pk


def bulk(api, rows, kind="application/x-ndjson", query=""):
    body = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    return api.post(f"predictions/bulk{query}", body.encode(), content_type=kind)


def rows(n: int) -> list[dict[str, object]]:
    return [ONE | {"video_id": f"clip-{i}"} for i in range(n)]


def test_lines_are_stored_and_a_rerun_adds_nothing(api) -> None:
    first = bulk(api, rows(7)).json()
    again = bulk(api, rows(7)).json()

    assert (first["received"], first["created"], first["failed"]) == (7, 7, 0)
    assert (again["created"], again["unchanged"]) == (0, 7)
    assert Prediction.objects.count() == 7


def test_a_json_array_is_stored_likewise(api) -> None:
    answer = api.post("predictions/bulk", rows(3))

    assert answer.json()["created"] == 3


def test_a_bad_line_is_reported_and_stops_nothing(api) -> None:
    lines = [rows(1)[0], "", "{", ONE | {"uncertainty": 7}, ONE | {"project": "theirs"}]

    answer = bulk(api, lines).json()

    assert (answer["received"], answer["created"], answer["failed"]) == (4, 1, 3)
    assert [(row["index"], row["line"], row["field"]) for row in answer["errors"]][:2] == [
        (1, 3, "body"),
        (2, 4, "uncertainty"),
    ]
    assert answer["errors"][2]["code"] == "not_found"


def test_a_dry_run_reports_and_keeps_nothing(api) -> None:
    answer = bulk(api, [*rows(3), "{"], query="?dry_run=true").json()

    assert (answer["created"], answer["failed"], answer["dry_run"]) == (3, 1, True)
    assert not Prediction.objects.exists()
    assert not Video.objects.exists()


def test_an_array_that_is_not_json_stores_nothing(api) -> None:
    body = json.dumps(rows(3)).encode()[:-1]

    problem(api.post("predictions/bulk", body), 400)
    assert not Prediction.objects.exists()


def test_an_array_element_that_is_no_object_is_reported(api) -> None:
    answer = api.post("predictions/bulk", [rows(1)[0], 7, None]).json()

    assert (answer["created"], answer["failed"]) == (1, 2)
    assert [row["line"] for row in answer["errors"]] == [None, None]


def test_a_bulk_body_above_its_limit_is_refused(api, settings) -> None:
    settings.BULK_MAX_BYTES = 300

    problem(bulk(api, rows(5)), 413, "too_large")
    assert not Prediction.objects.exists()


def test_superseding_in_bulk_replaces(api) -> None:
    bulk(api, rows(2))
    changed = [row | {"caption": "something else"} for row in rows(2)]

    refused = bulk(api, changed).json()
    replaced = bulk(api, changed, query="?supersede=true").json()

    assert (refused["failed"], replaced["superseded"]) == (2, 2)
    assert refused["errors"][0]["code"] == "prediction_exists"


def test_a_token_without_the_scope_posts_nothing(caller, project) -> None:
    _, secret = factories.token_and_secret(project=project, scopes=["read"])

    problem(caller(secret).post("predictions", ONE), 403, "not_allowed")
    problem(bulk(caller(secret), rows(1)), 403, "not_allowed")
    assert not Prediction.objects.exists()


def test_a_list_needs_as_many_queries_for_50_rows_as_for_one(
    api, project, django_assert_num_queries
) -> None:
    factories.PredictionFactory(project=project)
    api.get("predictions")
    with django_assert_num_queries(2) as first:
        api.get("predictions")
    factories.PredictionFactory.create_batch(50, project=project)
    with django_assert_num_queries(len(first)):
        api.get("predictions?page_size=50")
