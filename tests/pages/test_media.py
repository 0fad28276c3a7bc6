import time

import pytest
from django.conf import settings
from django.test import Client

from portal.adapters import signatures
from portal.models.members import Role
from portal.pages import ranges
from portal.services import preferences, videos
from tests.factories import (
    AnnotationFactory,
    AnnotatorFactory,
    AssignmentFactory,
    EvaluationFactory,
    EvaluationItemFactory,
    VideoFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def task(playable_task):
    return playable_task()


@pytest.fixture
def path(task):
    return f"/media/videos/{task.video.uid}"


@pytest.fixture
def manager(seat):
    return seat(Role.MANAGER)[1]


def body(answer):
    return b"".join(answer.streaming_content)


def got(client, path, **headers):
    """Ask, read to the end (as every server does: only then is the file closed), and answer."""
    answer = client.get(path, **headers)
    answer.received = body(answer) if answer.streaming else answer.content
    return answer


def test_a_clip_comes_whole_where_no_range_is_asked_for(manager, path, task, clip_bytes):
    answer = got(manager, path)
    assert answer.status_code == 200
    assert answer["Accept-Ranges"] == "bytes"
    assert int(answer["Content-Length"]) == len(answer.received) == task.video.n_bytes


def test_a_range_brings_just_its_bytes(manager, path, task):
    whole = got(manager, path).received
    part = got(manager, path, HTTP_RANGE="bytes=100-199")
    assert part.status_code == 206
    assert part["Content-Range"] == f"bytes 100-199/{len(whole)}"
    assert part.received == whole[100:200]
    assert got(manager, path, HTTP_RANGE="bytes=-10").received == whole[-10:]


def test_an_open_ended_range_brings_no_more_than_the_bound(manager, path, monkeypatch):
    monkeypatch.setattr(ranges, "MOST_BYTES", 1000)
    answer = got(manager, path, HTTP_RANGE="bytes=0-")
    assert answer.status_code == 206
    assert len(answer.received) == 1000
    assert answer["Content-Range"].startswith("bytes 0-999/")


def test_a_range_beyond_the_end_is_416_with_the_size(manager, path, task):
    answer = got(manager, path, HTTP_RANGE="bytes=99999999-")
    assert answer.status_code == 416
    assert answer["Content-Range"] == f"bytes */{task.video.n_bytes}"


def test_of_many_ranges_the_first_is_answered_and_a_flood_refused(manager, path):
    few = got(manager, path, HTTP_RANGE="bytes=0-9,20-29")
    assert (few.status_code, len(few.received)) == (206, 10)
    flood = got(manager, path, HTTP_RANGE="bytes=" + ",".join(["0-1"] * 10_000))
    assert flood.status_code == 416


def test_a_resumed_download_goes_on_only_with_the_same_file(manager, path):
    etag = got(manager, path)["ETag"]
    same = got(manager, path, HTTP_RANGE="bytes=5-9", HTTP_IF_RANGE=etag)
    other = got(manager, path, HTTP_RANGE="bytes=5-9", HTTP_IF_RANGE='"another"')
    assert (same.status_code, other.status_code) == (206, 200)
    assert got(manager, path, HTTP_IF_NONE_MATCH=etag).status_code == 304


def test_a_clip_can_do_nothing_but_play(manager, path):
    answer = got(manager, path, HTTP_RANGE="bytes=0-1")
    assert answer["Content-Type"] == "video/mp4"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["Cache-Control"].startswith("private")
    assert answer["Content-Disposition"] == "inline"


def test_a_type_that_nobody_plays_is_served_as_plain_bytes(manager, path, task):
    type(task.video).objects.update(mime="text/html")
    assert got(manager, path, HTTP_RANGE="bytes=0-1")["Content-Type"] == "application/octet-stream"


def test_a_head_request_tells_the_size_and_sends_nothing(manager, path, task):
    answer = manager.head(path)
    answer.close()
    assert int(answer["Content-Length"]) == task.video.n_bytes
    assert manager.post(path).status_code == 405


def test_a_still_picture_is_served_too(manager, path):
    answer = got(manager, f"{path}/thumbnail")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("image/")
    assert answer.received


def test_nobody_sees_a_clip_without_a_right_to_it(path, seat):
    stranger = Client()
    assert got(stranger, path).status_code == 404
    assert got(stranger, f"{path}/thumbnail").status_code == 404
    _, idle = seat()
    assert got(idle, path).status_code == 404


def test_an_annotator_sees_the_clips_that_they_were_given(path, task, seat, project):
    user, client = seat()
    AssignmentFactory(task=task, annotator=AnnotatorFactory(project=project, user=user))
    assert got(client, path).status_code == 200


def test_a_reviewer_sees_the_clips_whose_captions_they_may_score(path, task, seat, project):
    user, client = seat()
    me = AnnotatorFactory(project=project, user=user)
    caption = AnnotationFactory(task=task)
    assert got(client, path).status_code == 404
    task.refresh_from_db()
    task.n_wanted = task.n_taken
    task.save()
    assert got(client, path).status_code == 200
    caption.votes.create(voter=me, author=caption.author, score=1)
    assert got(client, path).status_code == 200


def test_whoever_is_asked_which_caption_is_better_sees_the_clip(path, task, seat, project):
    user, client = seat()
    annotator = AnnotatorFactory(project=project, user=user)
    evaluation = EvaluationFactory(project=project, verdict="inconclusive")
    assert client.get(path).status_code == 404
    item = EvaluationItemFactory(evaluation=evaluation, task=task)
    assert got(client, path).status_code == 200
    preferences.cast(item_id=item.pk, voter=annotator, choice="left")
    assert got(client, path).status_code == 200


def test_a_member_of_another_project_sees_nothing(path, seat):
    from tests.factories import ProjectFactory

    _, client = seat(Role.MANAGER, in_project=ProjectFactory())
    assert got(client, path).status_code == 404


def test_a_signed_link_opens_one_clip_for_a_while(path, task):
    link = videos.media_link(video=task.video, base_url="")
    assert got(Client(), link).status_code == 200
    still = videos.thumbnail_link(video=task.video, base_url="")
    assert got(Client(), still).status_code == 200
    expired = signatures.sign_link(path, int(time.time()) - 1, settings.FIELD_KEY)
    assert got(Client(), expired).status_code == 404
    assert got(Client(), link.replace("signature=", "signature=0")).status_code == 404
    other = VideoFactory(project=task.project)
    assert got(Client(), link.replace(str(task.video.uid), str(other.uid))).status_code == 404


@pytest.mark.parametrize("state", ["registered", "failed", "erased"])
def test_a_clip_without_a_file_to_play_does_not_exist(manager, path, task, state):
    type(task.video).objects.update(state=state)
    assert got(manager, path).status_code == 404


def test_a_file_that_is_gone_is_said_so(manager, path, task):
    from portal.adapters import stores

    stores.configured().delete(task.video.file_key)
    assert got(manager, path).status_code == 404
