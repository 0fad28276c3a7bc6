"""Exports over the API."""

import json

import pytest

from portal.adapters.formats import FORMATS
from portal.models import Consensus, Export
from portal.services import exports
from tests import factories
from tests.api.conftest import problem


@pytest.fixture
def export(api, project) -> dict[str, object]:
    factories.ConsensusFactory(
        task__project=project, caption="\u4e00\u53ea\u72d7 \u0627\u0644\u0643\u0644\u0628"
    )
    return api.post("exports", {"name": "=SUM(1)"}).json()


def test_an_export_is_ordered_and_downloaded_when_it_is_ready(api, caller, export) -> None:
    assert (export["state"], export["download_url"]) == ("requested", None)
    problem(api.get(f"exports/{export['uid']}/download"), 409)
    exports.build(export_id=Export.objects.get().pk)

    shown = api.get(f"exports/{export['uid']}").json()
    answer = api.get(f"exports/{export['uid']}/download")
    body = b"".join(answer.streaming_content)
    signed = caller().get("/api" + shown["download_url"].partition("/api")[2])
    rest = api.get(f"exports/{export['uid']}/download", headers={"Range": "bytes=5-8"})

    assert shown["n_rows"] == 1
    assert json.loads(body)["caption"] == "\u4e00\u53ea\u72d7 \u0627\u0644\u0643\u0644\u0628"
    assert b"".join(signed.streaming_content) == body
    assert rest.headers["Content-Range"] == f"bytes 5-8/{len(body)}"
    assert b"".join(rest.streaming_content) == body[5:9]
    assert "SUM" not in answer.headers["Content-Disposition"]


def test_a_download_of_another_version_begins_anew(api, export) -> None:
    exports.build(export_id=Export.objects.get().pk)
    headers = {"Range": "bytes=5-", "If-Range": '"old"'}

    answer = api.get(f"exports/{export['uid']}/download", headers=headers)

    assert answer.status_code == 200
    answer.close()


@pytest.mark.parametrize("header", ["bytes=9-2", "bytes=0-1,3-4", "lines=1-2", "bytes=-", "x"])
def test_a_range_that_is_none_gets_the_whole(api, export, header) -> None:
    exports.build(export_id=Export.objects.get().pk)

    answer = api.get(f"exports/{export['uid']}/download", headers={"Range": header})

    assert answer.status_code == 200
    answer.close()


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 121, 7, None])
def test_a_name_is_a_short_printable_text(api, name) -> None:
    problem(api.post("exports", {"name": name}), 400, field="name")


def test_only_managers_order_and_readers_read(as_role, api, export) -> None:
    problem(as_role("annotator").post("exports", {"name": "x"}), 403)
    problem(as_role("reader").post("exports", {"name": "x"}), 403)
    assert as_role("reader").get("exports").status_code == 200
    problem(as_role("annotator").get(f"exports/{export['uid']}"), 403)


def test_foreign_exports_are_not_there(api) -> None:
    foreign = factories.ExportFactory()

    problem(api.get(f"exports/{foreign.uid}"), 404)
    problem(api.get(f"exports/{foreign.uid}/download"), 404)
    assert api.get("exports").json()["results"] == []


def test_an_export_is_asked_for_by_format_and_filter(api, project) -> None:
    asked = {"name": "x", "format": "coco", "min_confidence": 0.5, "tags": ["night"],
             "since": "2026-01-01T00:00:00Z", "statuses": ["accepted"]}  # fmt: skip
    row = api.post("exports", asked).json()
    assert row["format"] == "coco"
    assert row["options"] == {key: asked[key] for key in asked if key not in ("name", "format")}
    assert row["progress"] == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", "yaml"),
        ("statuses", ["rejected"]),
        ("min_confidence", 1.5),
        ("min_confidence", "x"),
        ("since", "notadate"),
        ("authors", "names"),
        ("with_files", "yes"),
        ("with_files", True),
        ("tags", "night"),
    ],
)
def test_what_cannot_be_exported_is_refused_by_field(api, field, value) -> None:
    problem(api.post("exports", {"name": "x", field: value}), 400)
    assert not Export.objects.exists()


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_sent_as_what_it_is(api, project, name) -> None:
    factories.ConsensusFactory(task__project=project)
    uid = api.post("exports", {"name": "x", "format": name}).json()["uid"]
    exports.build(export_id=Export.objects.get().pk)

    answer = api.get(f"exports/{uid}/download")

    assert len(b"".join(answer.streaming_content)) == Export.objects.get().n_bytes
    assert answer.headers["Content-Type"].startswith(FORMATS[name].mime)
    assert FORMATS[name].suffix in answer.headers["Content-Disposition"]
    assert answer.headers["ETag"] == f'"{Export.objects.get().sha256}"'


def test_two_exports_are_compared(api, caller, project) -> None:
    consensus = factories.ConsensusFactory(task__project=project, caption="a dog")
    uids = []
    for caption in ("a dog", "a cat"):
        Consensus.objects.filter(pk=consensus.pk).update(caption=caption)
        uids.append(api.post("exports", {"name": caption}).json()["uid"])
        exports.build(export_id=Export.objects.get(uid=uids[-1]).pk)
    foreign = factories.ExportFactory()

    found = api.get(f"exports/{uids[1]}/diff?since={uids[0]}").json()

    assert (found["changed"], found["added"], found["unchanged"]) == (1, 0, 0)
    assert found["changes"][0]["before"] == "a dog"
    problem(api.get(f"exports/{uids[1]}/diff"), 400, field="since")
    problem(api.get(f"exports/{uids[1]}/diff?since={foreign.uid}"), 404)


def test_b178_b179_an_annotator_and_a_stranger_get_nothing(as_role, caller, api, export) -> None:
    exports.build(export_id=Export.objects.get().pk)
    url = "/api" + api.get(f"exports/{export['uid']}").json()["download_url"].partition("/api")[2]
    problem(as_role("annotator").get(f"exports/{export['uid']}/download"), 403)
    path, _, query = url.partition("?")
    expired = "&".join(
        "expires=1" if part.startswith("expires") else part for part in query.split("&")
    )
    other = factories.ExportFactory(state="ready", file_key="x.jsonl", sha256="0" * 64)
    problem(caller().get(f"{path}?{expired}"), 404)
    problem(caller().get(f"/api/v1/exports/{other.uid}/download?{query}"), 404)
