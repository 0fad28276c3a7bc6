"""manage.py import_videos: in place or copied, broken ones named, a rerun adds nothing."""

import json
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from portal.adapters import stores
from portal.models import Video
from portal.services import videos
from tests.adapters.clips import write_clip
from tests.factories import ProjectFactory
from tests.receivers import receiving

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def project(settings, tmp_path):
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()
    return ProjectFactory(slug="clips", evaluation_share=0.0)


@pytest.fixture
def folder(settings, tmp_path):
    path = tmp_path / "clips"
    (path / "street").mkdir(parents=True)
    write_clip(path / "a.mp4", n_frames=6)
    write_clip(path / "street" / "b \u72d7.mp4", n_frames=6)
    (path / "notes.txt").write_text("no clip")
    settings.VIDEO_ROOTS = [str(path)]
    return path


def ran(*arguments: object) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    try:
        call_command(
            "import_videos", *map(str, arguments), project="clips", stdout=out, stderr=err,
            no_color=True,
        )  # fmt: skip
    except CommandError as failed:
        err.write(str(failed))
    return out.getvalue().strip(), err.getvalue()


def test_a_folder_is_served_in_place_and_a_rerun_adds_nothing(folder, settings):
    assert ran(folder, "--tag", "night") == ("2 added, 0 there already, 0 broken, 0 refused.", "")
    assert ran(folder)[0] == "0 added, 2 there already, 0 broken, 0 refused."
    video = Video.objects.get(video_id="street/b \u72d7")
    assert (video.state, video.tags, video.width) == ("ready", ["night"], 160)
    assert video.file_key == f"in-place:{folder}/street/b \u72d7.mp4"
    stored = [path for path in settings.FILES_DIR.rglob("*") if path.is_file()]
    assert {path.suffix for path in stored} == {".jpg"}
    answer = Client().get(
        videos.media_link(video=video, base_url=""), headers={"Range": "bytes=0-9"}
    )
    first = (folder / "street" / "b \u72d7.mp4").read_bytes()[:10]
    assert (answer.status_code, b"".join(answer.streaming_content)) == (206, first)


def test_copies_do_not_need_the_folder_any_more(folder, settings):
    settings.VIDEO_ROOTS = []
    assert "VIDEO_ROOTS" in ran(folder)[1]
    assert ran(folder, "--copy")[0] == "2 added, 0 there already, 0 broken, 0 refused."
    (folder / "a.mp4").unlink()
    with stores.configured().open(Video.objects.get(video_id="a").file_key) as file:
        assert file.read(1)
    assert ran(folder, "--copy")[0] == "0 added, 1 there already, 0 broken, 0 refused."


def test_broken_clips_links_and_twins_are_named_and_the_rest_is_taken(folder, tmp_path):
    whole = (folder / "a.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(whole[:200])
    (folder / "page.mp4").write_bytes(b"<html>")
    (folder / "a.mov").write_bytes(whole)
    (tmp_path / "secret.mp4").write_bytes(whole)
    (folder / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    (folder / "linked").symlink_to(tmp_path)
    out, err = ran(folder)
    assert out == "2 added, 0 there already, 1 broken, 4 refused."
    for said in ("cut.mp4: The clip cannot be read", "page.mp4: This is no video", "link.mp4: ",
                 "linked: This is a symbolic link", "a.mp4: a.mov has the same name"):  # fmt: skip
        assert said in err
    assert not Video.objects.filter(video_id__contains="secret").exists()


def test_an_erased_clip_in_place_keeps_the_operators_file(folder):
    ran(folder)
    videos.erase(video=Video.objects.get(video_id="a"), actor="test")
    assert (folder / "a.mp4").exists()
    assert "was erased" in ran(folder)[1]


def test_a_manifest_names_paths_and_addresses(folder):
    lines = [
        {"video_id": "one", "path": "a.mp4", "tags": ["x"]},
        {"video_id": "two", "path": "../secret.mp4"},
        {"video_id": "three", "path": "/etc/passwd"},
        {"video_id": "four"},
        {"video_id": "five", "url": "ftp://a.example/b.mp4"},
        {"video_id": "six", "url": "http://127.0.0.1/b.mp4"},
        {"video_id": "seven", "url": "s3://bucket/b.mp4"},
        {"video_id": "eight", "paht": "a.mp4"},
    ]
    manifest = folder / "manifest.jsonl"
    manifest.write_bytes(b"\xef\xbb\xbf" + "\n\n".join(map(json.dumps, lines)).encode())
    out, err = ran(manifest)
    assert out == "1 added, 0 there already, 0 broken, 7 refused."
    assert [int(n) for n in re.findall(r"^line (\d+):", err, re.M)] == [3, 5, 7, 9, 11, 13, 15]
    assert "AWS_ACCESS_KEY_ID" in err
    assert Video.objects.get().tags == ["x"]


def test_an_object_is_looked_into_once_and_played_from_its_bucket(folder, settings):
    content = (folder / "a.mp4").read_bytes()
    with receiving(script=[(200, {}, content)]) as store:
        (address,) = settings.OUTBOUND_ALLOW = store.allow
        settings.S3_ENDPOINT_URL = f"http://{address}"
        settings.S3_ACCESS_KEY = settings.S3_SECRET_KEY = "key"
        manifest = folder / "manifest.jsonl"
        manifest.write_text('{"video_id": "one", "url": "s3://bucket/b c.mp4"}')
        assert ran(manifest)[0] == "1 added, 0 there already, 0 broken, 0 refused."
        assert ran(manifest)[0] == "0 added, 1 there already, 0 broken, 0 refused."
        assert len(store.got) == 1
    video = Video.objects.get()
    assert (video.state, video.file_key, video.width) == ("ready", "s3://bucket/b c.mp4", 160)
    assert {path.suffix for path in settings.FILES_DIR.rglob("*") if path.is_file()} == {".jpg"}
    answer = Client().get(videos.media_link(video=video, base_url=""))
    assert answer.status_code == 302
    assert answer["Location"].startswith(f"http://{address}/bucket/b%20c.mp4?X-Amz-Algorithm=")
    assert answer["Cache-Control"] == "no-store"
