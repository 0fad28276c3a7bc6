"""The little world: what happens, how it is said, how it becomes files."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from examples.shapes import drawings, renders, scenes, wordings


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def digest(folder: Path) -> str:
    files = sorted((folder / "clips").iterdir())
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def test_every_wording_says_what_the_scene_shows():
    rng = np.random.default_rng(1)
    for _ in range(300):
        scene = scenes.draw(rng)
        for sentence in wordings.paraphrases(scene):
            assert wordings.claims(sentence) == scene.slots(), sentence


def test_the_guidelines_wording_comes_first():
    scene = scenes.Scene("small", "blue", "circle", "moves left", "quickly", "disappears")

    assert scene.caption() == "a small blue circle moves left quickly then disappears"
    assert wordings.paraphrases(scene)[0] == scene.caption()


def test_a_wrong_and_a_missing_slot_are_both_found():
    scene = scenes.Scene("small", "blue", "circle", "moves left", "quickly", "")

    assert wordings.wrong_slots("a blue circle moves right quickly", scene.slots()) == [
        "size",
        "motion",
    ]
    assert wordings.agreement("a blue circle moves right quickly", scene.slots()) == pytest.approx(
        4 / 6
    )


def test_common_things_happen_more_often_than_rare_ones():
    rng = np.random.default_rng(2)
    colours = [scenes.draw(rng).colour for _ in range(1000)]

    assert colours.count("red") > 3 * colours.count("pink") > 0


def test_the_same_seed_renders_the_same_files_and_another_seed_others(tmp_path):
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        renders.render(tmp_path / name, n_clips=2, seed=seed, n_seed_labels=1, workers=1)

    assert digest(tmp_path / "one") == digest(tmp_path / "two") != digest(tmp_path / "three")
    for name in ("catalogue.jsonl", "seed.jsonl", "truth.jsonl"):
        assert (tmp_path / "one" / name).read_text() == (tmp_path / "two" / name).read_text()


def test_more_clips_leave_the_seed_labels_as_they_are(tmp_path):
    renders.render(tmp_path / "few", n_clips=1, seed=3, n_seed_labels=2, workers=1)
    renders.render(tmp_path / "more", n_clips=3, seed=3, n_seed_labels=2, workers=1)

    few, more = ((tmp_path / name / "seed.jsonl").read_text() for name in ("few", "more"))
    assert few == more


def test_a_rendered_folder_holds_as_many_clips_as_asked_for(rendered):
    catalogue = rows(rendered / "catalogue.jsonl")

    assert [row["role"] for row in catalogue].count("clip") == 14
    assert [row["role"] for row in catalogue].count("seed") == 12
    assert len(rows(rendered / "truth.jsonl")) == 26


def test_the_catalogue_tells_nothing_of_the_truth(rendered):
    told = {key for row in rows(rendered / "catalogue.jsonl") for key in row}

    assert told == {"video_id", "file", "sha256", "start", "end", "role", "tags"}


def test_seed_labels_are_of_videos_that_are_not_in_the_pool(rendered):
    catalogue = rows(rendered / "catalogue.jsonl")
    pool = {row["video_id"] for row in catalogue if row["role"] == "clip"}

    assert not pool & {row["video_id"] for row in rows(rendered / "seed.jsonl")}


def test_the_segments_of_a_video_tile_it(rendered):
    grouped: dict[str, list[dict]] = {}
    for row in rows(rendered / "catalogue.jsonl"):
        grouped.setdefault(row["video_id"], []).append(row)
    several = [group for group in grouped.values() if len(group) > 1]

    assert several, "the fixture's seed should give a video of several clips"
    for group in several:
        with av.open(str(rendered / group[0]["file"])) as container:
            seconds = container.duration / av.time_base
        edges = [0.0, *(row["end"] for row in group)]
        assert [row["start"] for row in group] == edges[:-1]
        assert edges[-1] == pytest.approx(seconds, abs=0.02)


def test_a_clip_plays_and_seeks_in_browsers(rendered):
    path = rendered / rows(rendered / "catalogue.jsonl")[0]["file"]
    content = path.read_bytes()

    assert content.index(b"moov") < content.index(b"mdat")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height, stream.average_rate) == (320, 240, 12)
    keys = [index for index, packet in enumerate(packets) if packet.is_keyframe]
    assert keys == list(range(0, len(packets), 12))


def test_every_scene_of_the_wider_world_is_drawn_and_told_apart():
    rng = np.random.default_rng(4)
    backdrop = drawings.draw_backdrop(rng)
    plain = scenes.Scene("large", "red", "circle", "moves left", "quickly", "")
    frames = {
        value: drawings.draw_frames(
            replace(plain, **{slot: value}), backdrop, np.random.default_rng(4)
        ).tobytes()
        for slot, values in scenes.WIDE_OPTIONS.items()
        for value in values
    }

    same = [value for value, content in frames.items() if content == frames[plain.motion]]
    assert sorted(same) == sorted(plain.slots().values())
    assert len(set(frames.values())) == len(frames) - len(same) + 1


def test_the_wider_world_is_asked_for_and_otherwise_nothing_of_it_occurs():
    rng = np.random.default_rng(5)
    drawn = [scenes.draw(rng).slots() for _ in range(500)]
    wide = [scenes.draw(rng, scenes.WIDE_OPTIONS).slots() for _ in range(500)]

    assert all(scene[slot] in scenes.OPTIONS[slot] for scene in drawn for slot in scene)
    for slot, values in scenes.WIDE_OPTIONS.items():
        assert {scene[slot] for scene in wide} == set(values)
