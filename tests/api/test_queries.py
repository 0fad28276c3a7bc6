"""Addresses and query strings that make no sense."""

import pytest

from portal.api import urls
from tests import factories
from tests.api.conftest import problem

LISTS = [route for route, view in urls.ROUTES if view.is_paged and "{" not in route]


@pytest.mark.parametrize(
    "pk",
    [
        "9" * 19,
        "9" * 23,
        "9" * 5000,
        "-1",
        "abc",
        "%00",
        "%D9%A1",
        "1%0A",
        "1.0",
        "+1",
        "0x1",
        "1e3",
    ],
)
def test_what_is_no_number_is_not_there(api, pk) -> None:
    problem(api.get(f"tasks/{pk}"), 404)
    problem(api.post(f"tasks/{pk}/votes", {"annotator_id": "a", "score": 1}), 404)


@pytest.mark.parametrize("uid", ["1", "%00", "0" * 32, "{00000000-0000-0000-0000-000000000000}"])
def test_what_is_no_uid_is_not_there(api, uid) -> None:
    problem(api.get(f"exports/{uid}"), 404)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("task=abc", "task"),
        ("task=" + "9" * 5000, "task"),
        ("text=%00", "text"),
        ("since=notadate", "since"),
        ("search=" + "a" * 50_000, "search"),
        ("ordering=task__user__password", "ordering"),
        ("user__password=x", "user__password"),
        ("author__auth_token__key__startswith=a", None),
        ("state__regex=.", None),
        ("pk__in=1,2", "pk__in"),
        ("_connector=OR%201=1--", "_connector"),
        ("page=0", "page"),
        ("format=xml", "format"),
        ("page_size=0", "page_size"),
        ("page_size=-1", "page_size"),
        ("page_size=100000", "page_size"),
        ("page_size=abc", "page_size"),
        ("page_size=%D9%A1", "page_size"),
        ("page_size=1&page_size=2", "page_size"),
        ("page_size=", "page_size"),
        ("cursor=abc", "cursor"),
        ("cursor=", "cursor"),
        ("cursor=n5.AAAA", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=%ff", "cursor"),
        ("%ff=1", "query"),
        ("project=%c3%28", "project"),
        ("&".join(f"a{i}=1" for i in range(60)), "query"),
        ("&".join(f"a{i}=1" for i in range(1200)), None),
    ],
)
def test_a_query_that_makes_no_sense_is_refused_by_name(api, query, field) -> None:
    for route in LISTS:
        problem(api.get(f"{route}?{query}"), 400, field=field)


def test_a_cursor_works_on_its_own_list_alone(api, project) -> None:
    factories.TaskFactory.create_batch(2, project=project)
    cursor = api.get("tasks?page_size=1").json()["next"].partition("cursor=")[2].partition("&")[0]

    assert len(api.get(f"tasks?cursor={cursor}").json()["results"]) == 1
    assert len(api.get(f"tasks/?cursor={cursor}").json()["results"]) == 1
    problem(api.get(f"videos?cursor={cursor}"), 400, field="cursor")


def test_filters_are_read_by_kind(api) -> None:
    problem(api.get("tasks?status=gone"), 400, field="status")
    problem(api.get("tasks?is_evaluation=yes"), 400, field="is_evaluation")
    problem(api.post("predictions?supersede=1", {}), 400, field="supersede")
    problem(api.post("tasks?dry_run=true", {}), 400, "unknown_filter", "dry_run")


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v2/tasks", "/api/", "/api/v1"])
def test_an_unknown_address_is_a_problem_too(api, path) -> None:
    problem(api.get(path), 404, "not_found")


@pytest.mark.parametrize("method", ["put", "delete", "trace", "options"])
def test_a_method_that_is_not_there_is_405(api, method) -> None:
    answer = api.client.generic(method.upper(), "/api/v1/tasks", headers=api.headers)

    problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-Method-Override"])
def test_a_method_cannot_be_smuggled(api, name) -> None:
    answer = api.post("tasks", {"video_id": "a"}, headers={name: "DELETE"})

    assert answer.status_code == 201


@pytest.mark.parametrize("kind", ["application/xml", "text/html", ";;;;", "x" * 500])
def test_an_answer_in_another_tongue_is_406(api, kind) -> None:
    problem(api.get("tasks", headers={"Accept": kind}), 406)


def test_odd_headers_change_nothing(api) -> None:
    long = {"Accept-Language": "en," * 30_000, "X-Forwarded-Host": "evil.example"}

    answer = api.get("tasks", headers=long)

    assert answer.status_code == 200
    assert "evil" not in answer.content.decode()


def test_a_foreign_host_is_refused(api) -> None:
    problem(api.get("tasks", headers={"Host": "evil.example"}), 400)


def test_answers_stay_out_of_shared_caches(api) -> None:
    assert api.get("tasks").headers["Cache-Control"] == "no-store"
