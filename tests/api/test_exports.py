"""Exports over the API."""

import json

import pytest

from portal.models import Export
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
