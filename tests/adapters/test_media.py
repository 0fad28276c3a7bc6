"""What a clip is, its pictures, its playable copy; and what is refused before or while decoding."""

import os
import struct
from pathlib import Path

import av
import numpy as np
import pytest

from portal.adapters import media, sandboxes, transcoding
from portal.errors import DiskFull, MediaRefused
from tests.adapters.clips import pictures, write_clip, write_sound


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4")


def grey(jpeg: bytes) -> np.ndarray:
    decoder = av.CodecContext.create("mjpeg", "r")
    (frame,) = [*decoder.decode(av.Packet(jpeg)), *decoder.decode(None)]
    return frame.to_ndarray(format="gray").astype(int)


@pytest.mark.parametrize(
    ("name", "codec", "kind", "read", "plays"),
    [
        ("a.mp4", "libx264", media.MP4, "h264", True),
        ("a.mov", "libx264", media.QUICKTIME, "h264", False),
        ("a.webm", "libvpx", media.WEBM, "vp8", True),
        ("b.webm", "libvpx-vp9", media.WEBM, "vp9", True),
        ("a.mkv", "libx264", media.MATROSKA, "h264", False),
        ("a.avi", "mpeg4", media.AVI, "mpeg4", False),
        ("b.mp4", "mpeg4", media.MP4, "mpeg4", False),
        ("a.ts", "libx264", media.MPEG_TS, "h264", False),
    ],
)
def test_a_clip_is_known_by_its_content(
    tmp_path: Path, name: str, codec: str, kind: media.Kind, read: str, plays: bool
) -> None:
    path = write_clip(tmp_path / name, codec).rename(tmp_path / "named.html")

    found = media.probe(path)

    assert (found.container, found.mime, found.suffix) == (kind.container, kind.mime, kind.suffix)
    assert (found.codec, found.playable_in_browser) == (read, plays)
    assert (found.width, found.height, found.n_frames, found.has_audio) == (160, 120, 24, False)
    assert found.fps == pytest.approx(12, abs=0.01)
    assert found.duration == pytest.approx(2, abs=0.01)


def test_a_recording_without_a_duration_is_measured(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "live.webm", "libvpx", options={"live": "1"})
    with av.open(str(path)) as source:
        assert source.duration is None

    found = media.probe(path)

    assert found.duration == pytest.approx(2, abs=0.01)
    assert found.n_frames == 24


def test_uneven_picture_times_keep_their_duration(tmp_path: Path) -> None:
    times = [0, 100, 150, 1000, 1900, 2900]
    path = write_clip(tmp_path / "uneven.mp4", n_frames=6, times=times)

    found = media.probe(path)
    assert found.n_frames == 6
    assert found.duration == pytest.approx(3, abs=0.2)


def test_a_turned_clip_has_the_size_it_is_shown_in(tmp_path: Path) -> None:
    found = media.probe(write_clip(tmp_path / "turned.mp4", rotation=90))
    assert (found.width, found.height) == (120, 160)


def test_sound_is_noticed(tmp_path: Path) -> None:
    assert media.probe(write_clip(tmp_path / "sound.mp4", audio="aac")).has_audio


def test_pictures_and_sound_that_browsers_do_not_play_are_noticed(tmp_path: Path) -> None:
    colours = write_clip(tmp_path / "444.mp4", pixels="yuv444p")
    surround = write_clip(tmp_path / "ac3.mp4", audio="ac3")

    assert not media.probe(colours).playable_in_browser
    assert not media.probe(surround).playable_in_browser


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<!doctype html><script>alert(1)</script>",
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b"MZ\x90\x00" + b"\x00" * 500,
        b"\x7fELF" + b"\x00" * 500,
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"\xff\xd8\xff\xe0" + b"\x00" * 500,
        b"GIF89a" + b"\x00" * 500,
        b"PK\x03\x04" + b"\x00" * 500,
        b"RIFF\x00\x00\x00\x00WAVE" + b"\x00" * 500,
    ],
)
def test_what_is_no_video_is_refused_whatever_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaRefused, match="no video file"):
        media.probe(path)


def test_a_playlist_behind_a_video_header_opens_nothing(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"\x00\x00\x00\x10ftypisom\x00\x00\x00\x00#EXTM3U\nfile:///etc/passwd\n")
    with pytest.raises(MediaRefused, match="cannot be read"):
        media.probe(path)


def test_a_cut_clip_is_refused(tmp_path: Path, clip: Path) -> None:
    content = clip.read_bytes()
    for n_bytes in (40, len(content) // 2, len(content) - 100):
        path = tmp_path / "cut.mp4"
        path.write_bytes(content[:n_bytes])
        with pytest.raises(MediaRefused, match="cannot be read"):
            media.probe(path)


def test_an_encrypted_clip_is_refused(tmp_path: Path) -> None:
    options = {
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": "00112233445566778899aabbccddeeff",
        "encryption_kid": "ffeeddccbbaa99887766554433221100",
    }
    path = write_clip(tmp_path / "secret.mp4", options=options)
    with pytest.raises(MediaRefused, match="encrypted"):
        media.probe(path)


def test_sound_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaRefused, match="no picture track"):
        media.probe(write_sound(tmp_path / "sound.mp4"))


def test_absurd_pictures_are_refused_before_decoding(tmp_path: Path) -> None:
    content = bytearray(write_clip(tmp_path / "a.webm", "libvpx", size=(320, 260)).read_bytes())
    width = content.index(b"\xb0\x82\x01\x40")  # Matroska's PixelWidth, two bytes: 320
    content[width + 2 : width + 4] = b"\xff\xff"
    path = tmp_path / "absurd.webm"
    path.write_bytes(content)

    with pytest.raises(MediaRefused, match="65535 x 260"):
        media.probe(path)


@pytest.mark.parametrize(
    ("duration", "fps", "n_frames"),
    [
        (1.0, 0.0, 1),
        (1.0, float("nan"), 1),
        (1.0, 90_000.0, 1),
        (0.0, 12.0, 1),
        (-1.0, 12.0, 1),
        (float("inf"), 12.0, 1),
        (86_401.0, 1.0, 1),
        (1.0, 12.0, 10**9),
    ],
)
def test_absurd_lengths_are_refused(duration: float, fps: float, n_frames: int) -> None:
    with pytest.raises(MediaRefused, match="not read"):
        media._check_length(duration, fps, n_frames)


def test_a_thumbnail_shows_the_moment_asked_for(clip: Path) -> None:
    early, late = (grey(media.thumbnail(clip, at)) for at in (0.25, 1.75))

    assert early.shape == (120, 160)
    assert early[100, 80] == pytest.approx(3 * 5, abs=6)
    assert late[100, 80] == pytest.approx(21 * 5, abs=6)
    assert early[20, 80] > 240


def test_a_thumbnail_beyond_the_end_is_the_last_picture(clip: Path) -> None:
    assert grey(media.thumbnail(clip, 99))[100, 80] == pytest.approx(23 * 5, abs=6)


@pytest.mark.parametrize("name", ["a.ts", "a.webm", "a.avi"])
def test_every_container_gives_a_thumbnail(tmp_path: Path, name: str) -> None:
    path = write_clip(tmp_path / name, {"a.webm": "libvpx", "a.avi": "mpeg4"}.get(name, "libx264"))
    assert grey(media.thumbnail(path, 1.0))[100, 80] == pytest.approx(12 * 5, abs=10)


def test_a_large_clip_gives_a_small_upright_thumbnail(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "wide.mp4", size=(1280, 720), n_frames=2, rotation=90)
    shown = grey(media.thumbnail(path))

    assert shown.shape == (480, 270)
    assert shown[240, 20] > 240  # turned left, the white upper half is on the left
    assert shown[240, 250] < 30


def test_a_copy_plays_where_the_clip_did_not(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.avi", "mpeg4", size=(162, 122), audio="ac3")
    out = tmp_path / "out.mp4"

    transcoding.transcode(source, out)

    found = media.probe(out)
    assert found.playable_in_browser
    assert found.has_audio
    assert (found.codec, found.width, found.height, found.n_frames) == ("h264", 162, 122, 24)
    assert found.duration == pytest.approx(2, abs=0.1)
    before, after = pictures(source), pictures(out)
    assert [int(p[100, 80]) for p in after] == pytest.approx(
        [int(p[100, 80]) for p in before], abs=8
    )


def test_a_copy_can_be_played_before_it_has_arrived_and_seeks_each_second(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mkv", n_frames=48)
    out = tmp_path / "out.mp4"
    transcoding.transcode(source, out)

    content = out.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    with av.open(str(out)) as copy:
        keys = [float(frame.time or 0) for frame in copy.decode(video=0) if frame.key_frame]
    assert keys == pytest.approx([0, 1, 2, 3], abs=0.02)


def test_a_copy_is_upright_even_sided_and_at_most_full_hd(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "big.mov", size=(2562, 1442), n_frames=2, rotation=90)
    out = tmp_path / "out.mp4"
    transcoding.transcode(source, out)

    found = media.probe(out)
    assert (found.width, found.height) == (1080, 1920)
    (first, *_) = pictures(out)
    assert first[960, 50] > 240
    assert first[960, 1000] < 30


def test_a_copy_keeps_uneven_picture_times(tmp_path: Path) -> None:
    times = [0, 100, 150, 1000, 1900, 2900]
    source = write_clip(tmp_path / "uneven.mkv", n_frames=6, times=times)
    out = tmp_path / "out.mp4"
    transcoding.transcode(source, out)

    with av.open(str(out)) as copy:
        shown = [float(frame.time or 0) * 1000 for frame in copy.decode(video=0)]
    assert shown == pytest.approx(times, abs=2)
    assert media.probe(out).duration == pytest.approx(3, abs=0.2)


def test_a_full_disk_is_not_blamed_on_the_clip(clip: Path) -> None:
    with pytest.raises(DiskFull):
        transcoding.transcode(clip, Path("/dev/full"))


def test_behind_the_wall_everything_answers_the_same(tmp_path: Path, clip: Path) -> None:
    out = tmp_path / "out.mp4"

    assert sandboxes.probe_isolated(clip) == media.probe(clip)
    assert sandboxes.thumbnail_isolated(clip, 1.0) == media.thumbnail(clip, 1.0)
    sandboxes.transcode_isolated(clip, out)
    assert media.probe(out).n_frames == 24


def test_a_refusal_comes_through_the_wall_in_its_own_words(tmp_path: Path) -> None:
    path = tmp_path / "page.mp4"
    path.write_bytes(b"<html>")
    with pytest.raises(MediaRefused, match="no video file"):
        sandboxes.probe_isolated(path)


def test_a_name_like_an_option_is_only_a_name(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clip.parent)
    clip.rename("-protocol_whitelist")
    assert sandboxes.probe_isolated(Path("-protocol_whitelist")).n_frames == 24


def test_a_clip_that_hangs_is_given_up_and_the_next_one_is_read(tmp_path: Path, clip: Path) -> None:
    hanging = tmp_path / "hanging.mp4"
    os.mkfifo(hanging)  # opening it for reading waits for a writer that never comes
    with pytest.raises(MediaRefused, match=r"0\.3 s"):
        sandboxes.probe_isolated(hanging, timeout=0.3)
    assert sandboxes.probe_isolated(clip).n_frames == 24


def test_a_clip_that_swallows_memory_is_refused_and_the_next_one_is_read(
    tmp_path: Path, clip: Path
) -> None:
    content = bytearray(clip.read_bytes())
    sizes = content.index(b"stsz")
    content[sizes + 8 : sizes + 16] = struct.pack(">II", 1, 170_000_000)  # 4 GB of index
    greedy = tmp_path / "greedy.mp4"
    greedy.write_bytes(content)

    with pytest.raises(MediaRefused):
        sandboxes.probe_isolated(greedy)
    assert sandboxes.probe_isolated(clip).n_frames == 24


def test_a_decoder_that_was_killed_is_replaced(clip: Path) -> None:
    sandbox = sandboxes.Sandbox()
    try:
        for _ in range(2):
            assert sandbox.ask("probe", clip, timeout=30)["n_frames"] == 24
            assert sandbox._child is not None
            sandbox._child.kill()
            sandbox._child.wait()
    finally:
        sandbox.close()


def test_a_failed_copy_leaves_nothing(tmp_path: Path, clip: Path) -> None:
    cut, out = tmp_path / "cut.mp4", tmp_path / "out.mp4"
    cut.write_bytes(clip.read_bytes()[:-100])
    with pytest.raises(MediaRefused):
        sandboxes.transcode_isolated(cut, out)
    assert not out.exists()


def test_a_fault_of_ours_is_not_blamed_on_the_clip(clip: Path) -> None:
    sandbox = sandboxes.Sandbox()
    try:
        with pytest.raises(RuntimeError, match="in the log"):
            sandbox.ask("transcode", clip, timeout=30)  # no `out`
    finally:
        sandbox.close()


def test_the_child_ends_with_its_parent(clip: Path) -> None:
    sandbox = sandboxes.Sandbox()
    sandbox.ask("probe", clip, timeout=30)
    child = sandbox._child
    assert child is not None
    sandbox.close()
    assert child.returncode is not None
