"""Videos over the API: registered, uploaded, erased."""

import hashlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from portal.models import Video
from portal.services import exports
from tests import factories
from tests.api.conftest import problem

# The first bytes of any MP4: enough to be taken for one; what it really is shows the probe.
CLIP = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + b"\x00" * 4000


@pytest.fixture(autouse=True)
def reachable(settings) -> None:
    settings.OUTBOUND_ALLOW = ["example.com:443"]


def upload(api, content=CLIP, name="clip.mp4", **fields):
    file = SimpleUploadedFile(name, content, "video/mp4")
    with api._on_commit(execute=False):
        return api.client.post(
            "/api/v1/videos", {"video_id": "clip-1", "file": file} | fields, headers=api.headers
        )


def test_a_video_is_registered_by_address_once(api) -> None:
    body = {"video_id": "a/b c", "url": "https://example.com/a.mp4", "tags": ["street"]}

    with api._on_commit(execute=False):
        first = api.client.post("/api/v1/videos", body, "application/json", headers=api.headers)
    again = api.client.post("/api/v1/videos", body, "application/json", headers=api.headers)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["state"] == "registered"
    assert first.json()["tags"] == ["street"]
    assert api.get("videos/a%2Fb%20c").json()["id"] == first.json()["id"]


def test_another_address_under_a_known_id_is_a_conflict(api, project) -> None:
    factories.VideoFactory(project=project, video_id="a", source_url="https://example.com/a.mp4")

    problem(api.post("videos", {"video_id": "a", "url": "https://example.com/b.mp4"}), 409)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:22/",
        "http://[::1]/",
        "http://169.254.169.254/latest",
        "http://2130706433/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "javascript:alert(1)",
        "http://u:p@example.com/a.mp4",
        "https://example.com:6379/",
    ],
)
def test_an_address_that_is_never_called_is_refused(api, url) -> None:
    problem(api.post("videos", {"video_id": "a", "url": url}), 400)

    assert not Video.objects.exists()


def test_an_upload_is_kept_under_its_hash(api) -> None:
    digest = hashlib.sha256(CLIP).hexdigest()

    first = upload(api, sha256=digest)
    again = upload(api)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["sha256"] == digest
    assert again.json()["id"] == first.json()["id"]


def test_what_is_no_video_is_refused_by_its_content(api) -> None:
    for content in (b"<html><script>alert(1)</script></html>", b"MZ\x90\x00", b"#EXTM3U\n"):
        problem(upload(api, content), 415, "media_refused")
    problem(upload(api, b""), 400)
    problem(upload(api, sha256="0" * 64), 400)
    assert not Video.objects.exists()


def test_unknown_and_repeated_form_fields_are_refused(api) -> None:
    problem(upload(api, is_evaluation="false"), 400, "unknown_field", "is_evaluation")
    problem(upload(api, video_id=["a", "b"]), 400, "repeated", "video_id")
    problem(upload(api, video_id="a\x00b"), 400, field="video_id")
    problem(upload(api, file="not a file"), 400, field="file")
    assert not Video.objects.exists()


def test_a_form_without_its_end_keeps_nothing(api) -> None:
    form = (
        b'--x\r\nContent-Disposition: form-data; name="video_id"\r\n\r\na\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n'
        b"Content-Type: video/mp4\r\n\r\n" + CLIP
    )

    problem(api.post("videos", form, content_type="multipart/form-data; boundary=x"), 400)
    assert not Video.objects.exists()


def test_an_erased_video_reports_what_was_there(as_role, project) -> None:
    task = factories.TaskFactory(project=project, video__video_id="clip-1")
    factories.AnnotationFactory(task=task)

    report = as_role("manager").delete("videos/clip-1").json()

    assert report == {
        "video_id": "clip-1",
        "n_tasks": 1,
        "n_captions": 1,
        "n_predictions": 0,
        "manifests": [],
        "exports": [],
    }


def test_an_erasure_names_the_exports_that_hold_the_video_still(
    as_role, project, settings, tmp_path
) -> None:
    settings.FILES_DIR = tmp_path
    factories.ConsensusFactory(task__project=project, task__video__video_id="clip-1")
    export = exports.request(project=project, name="spring")
    exports.build(export_id=export.pk)

    (copy,) = as_role("manager").delete("videos/clip-1").json()["exports"]

    assert (copy["uid"], copy["name"]) == (str(export.uid), "spring")


def test_erasing_is_for_managers(api, as_role, project) -> None:
    factories.VideoFactory(project=project, video_id="clip-1")

    problem(api.delete("videos/clip-1"), 403)
    problem(as_role("expert").delete("videos/clip-1"), 403)
    assert Video.objects.get().state == "ready"


def test_lists_filter_and_hide_foreign_videos(api, project) -> None:
    factories.VideoFactory(project=project, video_id="mine")
    factories.VideoFactory(video_id="theirs")

    assert [row["video_id"] for row in api.get("videos").json()["results"]] == ["mine"]
    assert api.get("videos?state=failed").json()["results"] == []
    problem(api.get("videos/theirs"), 404)
