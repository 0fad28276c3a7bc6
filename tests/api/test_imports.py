"""Imports over the API: a file, what it is said to be, and its report."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from portal import jobs
from portal.models import Annotation, Import
from tests import factories
from tests.api.conftest import problem

LINES = b'{"video_id":"v1","caption":"a dog","annotator":"ana"}\n{"video_id":"v2","caption":" "}\n'


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path) -> None:
    settings.FILES_DIR = tmp_path


def sent(api, raw: bytes = LINES, name: str = "captions.jsonl", **fields):
    fields = {"format": "jsonl", "as": "annotations", "author": "ben"} | fields
    form = {key: value for key, value in fields.items() if value is not None}
    return api.post("imports", data=form | {"file": SimpleUploadedFile(name, raw)})


def test_a_file_is_sent_taken_in_and_reported_on(api, project) -> None:
    answer = sent(api)
    assert answer.status_code == 201
    row = answer.json()
    assert (row["state"], row["as"], row["n_records"]) == ("requested", "annotations", 2)
    jobs.take_in(Import.objects.get().pk)

    row = api.get(f"imports/{row['uid']}").json()

    assert (row["state"], row["added"], row["failed"]) == ("finished", 1, 1)
    assert [each["place"] for each in row["problems"]] == ["line 2"]
    assert [each["uid"] for each in api.get("imports").json()["results"]] == [row["uid"]]
    assert Annotation.objects.get().text == "a dog"


def test_a_dry_run_stores_nothing(api) -> None:
    uid = sent(api, dry_run="true").json()["uid"]
    jobs.take_in(Import.objects.get().pk)
    assert api.get(f"imports/{uid}").json()["added"] == 1
    assert not Annotation.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"as": None}, "as"),
        ({"as": "guesses"}, "as"),
        ({"format": "yaml"}, "format"),
        ({"author": None}, "author"),
        ({"as": "predictions"}, "model_version"),
        ({"score": "sure"}, "score"),
        ({"dry_run": "maybe"}, "dry_run"),
        ({"prefix": "/data/"}, "prefix"),
        ({"colour": "red"}, "colour"),
        ({"raw": b""}, "file"),
    ],
)
def test_what_is_left_open_is_refused_by_field(api, fields, field) -> None:
    problem(sent(api, **fields), 400, field=field)
    assert not Import.objects.exists()


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"video_id,text\nv1,a\n", "line 1"),
        (b'video_id,caption\nv1,a\nv2,"b\n', "line 3"),
        (b"video_id,caption\nv1,a\x00\n", "line 2"),
        (b"video_id,caption\nv1," + b"a" * 10_000_000 + b"\n", "line 2"),
    ],
)
def test_b169_b170_a_broken_table_is_400_with_its_line(api, raw, said) -> None:
    body = problem(sent(api, raw, format="csv"), 400)
    assert said in body["detail"]


def test_b175_another_kind_of_file_is_415(api) -> None:
    problem(sent(api, b"\x80\x04\x95abc"), 415)


def test_b174_the_same_file_twice_adds_nothing(api) -> None:
    for expected in (1, 0):
        uid = sent(api).json()["uid"]
        jobs.take_in(Import.objects.first().pk)
        assert api.get(f"imports/{uid}").json()["added"] == expected
    assert Annotation.objects.count() == 1


def test_only_who_may_bring_data_sees_imports(api, as_role) -> None:
    sent(api)
    uid = Import.objects.get().uid
    for role in ("annotator", "reader", "expert"):
        problem(as_role(role).get(f"imports/{uid}"), 403)
    assert as_role("manager").get(f"imports/{uid}").status_code == 200
    problem(api.get(f"imports/{factories.ImportFactory().uid}"), 404)
