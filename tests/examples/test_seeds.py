"""The beginning: clips in, a first model, its predictions."""

import pytest

from examples.captioner import seeds
from examples.captioner.pictures import Pictures
from examples.portals import Portal
from tests.examples.portals import TOKEN


@pytest.fixture
def begun(portal, folder):
    seeds.begin(Portal(portal.url, TOKEN), Pictures(folder), lambda _: None)
    return portal


def test_every_clip_is_uploaded_and_predicted_but_no_seed(begun, folder):
    pool = [row for row in Pictures(folder).catalogue if row["role"] == "clip"]

    assert {v["video_id"] for v in begun.videos} == {row["video_id"] for row in pool}
    assert {v["sha256"] for v in begun.videos} == {row["sha256"] for row in pool}
    assert len(begun.predictions) == len(pool)
    assert {row["model_version"] for row in begun.predictions} == {"captioner-v1"}


def test_predictions_differ_in_how_unsure_they_are(begun):
    assert len({row["uncertainty"] for row in begun.predictions}) > len(begun.predictions) / 2


def test_beginning_twice_uploads_nothing_and_says_the_same(begun, folder):
    first, n_videos = list(begun.predictions), len(begun.videos)
    seeds.begin(Portal(begun.url, TOKEN), Pictures(folder), lambda _: None)

    assert len(begun.videos) == n_videos
    assert begun.predictions[len(first) :] == first


def test_predictions_wait_for_videos_that_are_still_looked_at(portal, monkeypatch):
    monkeypatch.setattr(seeds, "PAUSE_SECONDS", 0.0)
    portal.not_ready = {"b"}
    rows = [{"video_id": name} for name in "abc"]
    seeds.post(Portal(portal.url, TOKEN), rows)

    assert [row["video_id"] for row in portal.predictions] == ["a", "c", "b"]


def test_patience_ends(portal, monkeypatch):
    monkeypatch.setattr(seeds, "PATIENCE_SECONDS", -1.0)
    portal.not_ready = {"b"}

    with pytest.raises(seeds.NotTaken, match="media_not_ready"):
        seeds.post(Portal(portal.url, TOKEN), [{"video_id": "b"}])
