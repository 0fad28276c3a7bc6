"""What the captioner sees of a clip."""

import numpy as np
import pytest

from examples.captioner import clips, features
from examples.captioner.clips import Clip
from examples.captioner.pictures import Pictures, Place
from examples.shapes.scenes import COLOURS, ENDINGS, MOTIONS, SHAPES, Scene

NET_X, NET_Y = 55, 56  # of the motion numbers: how far the shape has come
LAST_QUARTER = 76


def scene(**slots: str) -> Scene:
    plain = {"size": "large", "colour": "blue", "shape": "circle", "ending": ""}
    return Scene(**(plain | {"motion": "moves left", "speed": "quickly"} | slots))


def test_a_clip_that_was_written_is_read_back_frame_by_frame(rendered):
    row = Pictures(rendered).catalogue[0]
    clip = clips.decode(rendered / row["file"])

    assert clip.pictures.shape[1:] == (120, 160, 3)
    assert len(clip.pictures) % 12 == 0
    assert clip.duration == pytest.approx(len(clip.pictures) / 12)
    assert np.diff(clip.seconds) == pytest.approx(1 / 12, abs=1e-3)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_in_every_colour_gives_finite_features(film, colour, shape):
    row = features.measure(film(scene(colour=colour, shape=shape, size="small")))

    assert row.shape == (features.N_FEATURES,)
    assert np.isfinite(row).all()
    assert row.any()


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("ending", ENDINGS)
def test_every_motion_with_every_ending_gives_finite_features(film, motion, ending):
    assert np.isfinite(features.measure(film(scene(motion=motion, ending=ending)))).all()


def test_directions_are_told_apart(film):
    net = {
        motion: features.measure(film(scene(motion=motion)))[[NET_X, NET_Y]] for motion in MOTIONS
    }

    assert net["moves left"][0] < -0.3 < 0.3 < net["moves right"][0]
    assert net["moves up"][1] < -0.2 < 0.2 < net["moves down"][1]


def test_what_disappears_is_not_seen_in_the_last_quarter(film):
    assert features.measure(film(scene(ending="disappears")))[LAST_QUARTER] < 0.1
    assert features.measure(film(scene(ending="stops")))[LAST_QUARTER] == 1.0


def test_an_empty_picture_gives_zeros():
    nothing = Clip(np.zeros((6, 120, 160, 3), dtype=np.uint8), np.arange(6) / 12)

    assert not features.measure(nothing).any()


def test_a_clip_of_one_frame_can_be_measured(film):
    whole = film(scene())
    one = Clip(whole.pictures[:1], whole.seconds[:1])

    assert np.isfinite(features.measure(one)).all()


def test_a_cut_holds_the_frames_of_its_time_alone(film):
    whole = film(scene())
    part = whole.cut(0.5, 1.0)

    assert part.seconds.tolist() == pytest.approx([0.5 + n / 12 for n in range(6)])
    assert len(whole.cut(None, 1.0).seconds) + len(whole.cut(1.0, None).seconds) == len(
        whole.seconds
    )


def test_a_cut_beyond_the_end_is_no_picture(film):
    with pytest.raises(clips.NoPicture):
        film(scene()).cut(100.0, 101.0)


@pytest.mark.parametrize("content", [b"", b"not a video at all", b"\x00\x00\x00\x18ftypmp42"])
def test_what_is_no_video_is_no_picture(tmp_path, content):
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)

    with pytest.raises(clips.NoPicture):
        clips.decode(path)


def test_features_are_measured_once_and_then_found(folder):
    pictures = Pictures(folder)
    row = pictures.catalogue[0]
    first = pictures.features(row["sha256"], Place.of(row))
    (folder / row["file"]).unlink()

    assert np.array_equal(pictures.features(row["sha256"], Place.of(row)), first)


def test_a_file_that_cannot_be_read_has_nothing_to_see(folder):
    pictures = Pictures(folder)
    row = pictures.catalogue[0]
    (folder / row["file"]).write_bytes(b"broken")

    assert pictures.features(row["sha256"], Place.of(row)) is None
    assert pictures.features(row["sha256"], Place.of(row)) is None
