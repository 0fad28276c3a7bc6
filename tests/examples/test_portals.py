"""The client of the portal's API."""

import io

import pytest

from examples.portals import Portal, Refused, Unreachable
from tests.examples.portals import TOKEN


@pytest.fixture
def client(portal):
    client = Portal(portal.url, TOKEN, attempts=3)
    yield client
    client.close()


def test_a_list_is_read_to_its_end_from_the_configured_host(portal, client):
    for number in range(8):
        portal.add_video(f"video-{number}")

    assert [v["video_id"] for v in client.pages("/videos")] == [f"video-{n}" for n in range(8)]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_portal_that_is_busy_is_asked_again(portal, client, status):
    portal.statuses["/api/v1/videos"] = [status]

    assert client.get("/videos")["results"] == []


def test_a_portal_that_stays_busy_is_unreachable(portal, client):
    portal.statuses["/api/v1/videos"] = [503] * 3

    with pytest.raises(Unreachable, match="/api/v1/videos"):
        client.get("/videos")


def test_a_portal_that_is_not_there_is_unreachable(free_port):
    with pytest.raises(Unreachable):
        Portal(f"http://127.0.0.1:{free_port()}", TOKEN, attempts=2).get("/videos")


def test_a_refusal_is_not_repeated_and_says_why(portal, client):
    portal.statuses["/api/v1/videos"] = [409]

    with pytest.raises(Refused, match="409 as_the_test_wants: no"):
        client.get("/videos")
    assert portal.statuses["/api/v1/videos"] == []


def test_errors_of_later_lines_keep_their_place(portal, client, monkeypatch):
    monkeypatch.setattr("examples.portals.BULK_ROWS", 2)
    portal.not_ready = {"video-3"}
    report = client.post_lines("/predictions/bulk", [{"video_id": f"video-{n}"} for n in range(5)])

    assert [error["index"] for error in report["errors"]] == [3]
    assert (report["received"], report["failed"]) == (5, 1)


def test_a_download_ends_at_its_limit(portal, client):
    portal.files["/files/large"] = b"x" * 1000

    with pytest.raises(Refused, match="More than 999 bytes"):
        client.download("/files/large", io.BytesIO(), most_bytes=999)
