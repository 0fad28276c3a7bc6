"""Video files looked into with PyAV: what they are, one picture of them, a copy browsers play.

Everything here decodes bytes that strangers sent, in the calling process. Services call the same
functions through `sandboxes`, where a decoder that crashes, hangs or swallows memory takes only
its own process with it. The demuxer is forced by what the first bytes are, never by a name, and
reads from a file object: no playlist and no network protocol can be reached.
"""

import errno
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from portal.errors import DiskFull, MediaRefused

MAX_SIDE = 8192
MAX_PIXELS = 8192 * 4320
MAX_FRAMES = 5_000_000
MAX_SECONDS = 24 * 3600.0
MAX_FPS = 1000.0
HEAD_BYTES = 4096
THUMBNAIL_WIDTH = 480

PLAYABLE_VIDEO = {
    "mp4": frozenset(("h264", "vp9", "av1")),
    "webm": frozenset(("vp8", "vp9", "av1")),
}
PLAYABLE_AUDIO = frozenset(("aac", "mp3", "opus", "vorbis", "flac"))
PLAYABLE_PIXELS = frozenset(("yuv420p", "yuvj420p"))

_MPEG_TS = 0x47  # the sync byte that opens each packet of 188 bytes


@dataclass(frozen=True)
class Kind:
    """A container that is read: FFmpeg's demuxer, our name, and the type and suffix we serve."""

    demuxer: str
    container: str
    mime: str
    suffix: str


MP4 = Kind("mov", "mp4", "video/mp4", ".mp4")
QUICKTIME = Kind("mov", "mov", "video/quicktime", ".mov")
WEBM = Kind("matroska", "webm", "video/webm", ".webm")
MATROSKA = Kind("matroska", "matroska", "video/x-matroska", ".mkv")
AVI = Kind("avi", "avi", "video/x-msvideo", ".avi")
MPEG_TS = Kind("mpegts", "mpegts", "video/mp2t", ".ts")
OGG = Kind("ogg", "ogg", "video/ogg", ".ogv")


@dataclass(frozen=True)
class Media:
    """What is known of a clip; width and height as shown, after rotation; duration in seconds."""

    duration: float
    width: int
    height: int
    fps: float
    n_frames: int
    codec: str
    container: str
    mime: str
    suffix: str
    has_audio: bool
    playable_in_browser: bool


def sniff(head: bytes) -> Kind:
    """Tell the container by the first bytes; raise MediaRefused on anything else."""
    if head[4:8] == b"ftyp":
        return QUICKTIME if head[8:12] == b"qt  " else MP4
    if head[4:8] in {b"moov", b"mdat", b"wide"}:
        return QUICKTIME
    if head.startswith(b"\x1aE\xdf\xa3"):
        return WEBM if b"\x42\x82\x84webm" in head[:64] else MATROSKA
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return AVI
    if head.startswith(b"OggS"):
        return OGG
    if len(head) > 376 and {head[0], head[188], head[376]} == {_MPEG_TS}:
        return MPEG_TS
    raise MediaRefused("This is no video file that the portal reads (mp4, mov, webm, mkv, avi …).")


def probe(path: Path) -> Media:
    """Read what a clip is and decode its first picture.

    WebM counts no frames: duration times rate stands in. Raises MediaRefused on what is no video,
    has no picture track, is out of all proportion, or cannot be decoded.
    """
    with opened(path) as (kind, container):
        stream = picture_track(container)
        fps = rate(stream)
        duration = _duration(container, stream)
        n_frames = stream.frames or max(1, round(duration * fps))
        _check_length(duration, fps, n_frames)
        width, height = _shown_size(next(container.decode(stream)))
        audio = next(iter(container.streams.audio), None)
        return Media(
            duration=duration,
            width=width,
            height=height,
            fps=fps,
            n_frames=n_frames,
            codec=stream.codec_context.codec.canonical_name,
            container=kind.container,
            mime=kind.mime,
            suffix=kind.suffix,
            has_audio=audio is not None,
            playable_in_browser=_plays(kind, stream, audio),
        )


def thumbnail(path: Path, at: float = 0.0) -> bytes:
    """Return the picture shown `at` seconds (the last one where the clip is shorter) as JPEG."""
    with opened(path) as (_, container):
        return _jpeg(upright(_shown_at(container, picture_track(container), at)))


def upright(frame: VideoFrame) -> VideoFrame:
    """Return the frame turned as its file says it is to be shown."""
    n_quarters = round(frame.rotation / 90) % 4
    if n_quarters == 0:
        return frame
    pixels: npt.NDArray[np.uint8] = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    turned = np.ascontiguousarray(np.rot90(pixels, n_quarters))
    result = VideoFrame.from_ndarray(turned, format="rgb24")
    result.pts, result.time_base = frame.pts, frame.time_base
    return result


def fitted(width: int, height: int, longest: int) -> tuple[int, int]:
    """Return even sides no longer than `longest`, in proportion, never enlarged."""
    scale = min(1.0, longest / max(width, height))
    return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)


@contextmanager
def opened(path: Path) -> Iterator[tuple[Kind, InputContainer]]:
    """Open a file with the demuxer of its content; broken bytes become MediaRefused inside."""
    with _readable(), path.open("rb") as file:
        kind = sniff(file.read(HEAD_BYTES))
        file.seek(0)
        options = {"max_pixels": str(MAX_PIXELS), "protocol_whitelist": "none"}
        with av.open(file, "r", format=kind.demuxer, options=options) as container:
            yield kind, container


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (av.FFmpegError, StopIteration, MemoryError, OverflowError) as broken:
        if getattr(broken, "errno", None) == errno.ENOSPC:
            raise DiskFull("There is no room left for the copy of a clip.") from broken
        raise MediaRefused("The clip cannot be read: it is damaged, encrypted or cut.") from broken


def picture_track(container: InputContainer) -> VideoStream:
    """Return the first track of moving pictures, of a size that can be decoded."""
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            stream.thread_type = "NONE"
            _check_size(stream.codec_context.width, stream.codec_context.height)
            return stream
    raise MediaRefused("The file has no picture track.")


def _shown_at(container: InputContainer, stream: VideoStream, at: float) -> VideoFrame:
    """Return the last picture that begins by then; the first one where the clip begins later."""
    start = float((stream.start_time or 0) * (stream.time_base or 0))
    for place in (start + at, 0.0):  # from the top where a container loses the track in a seek
        container.seek(round(place * av.time_base), backward=True)
        shown = None
        for frame in container.decode(stream):
            if shown is not None and (frame.time or 0.0) > start + at:
                break
            shown = frame
        if shown is not None:
            return shown
    raise MediaRefused("The clip has no picture at that time.")


def _check_size(width: int, height: int) -> None:
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise MediaRefused(f"Pictures of {width} x {height} are not read (at most 8192 x 4320).")


def _check_length(duration: float, fps: float, n_frames: int) -> None:
    if not (math.isfinite(fps) and 0 < fps <= MAX_FPS):
        raise MediaRefused(f"A clip of {fps:g} pictures a second is not read.")
    if not (math.isfinite(duration) and 0 < duration <= MAX_SECONDS):
        raise MediaRefused(f"A clip of {duration:g} seconds is not read (at most a day).")
    if n_frames > MAX_FRAMES:
        raise MediaRefused(f"A clip of {n_frames} pictures is not read (at most {MAX_FRAMES}).")


def rate(stream: VideoStream) -> float:
    """Return pictures a second, 0 where the file does not say."""
    found: Fraction | None = stream.average_rate or stream.guessed_rate or stream.base_rate
    return float(found) if found else 0.0


def _duration(container: InputContainer, stream: VideoStream) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return float(container.duration / av.time_base)
    return _measured(container, stream)


def _measured(container: InputContainer, stream: VideoStream) -> float:
    """Return the end of the last packet: what browsers record carries no duration."""
    end = 0.0
    for packet in islice(container.demux(stream), MAX_FRAMES):
        if packet.pts is not None and packet.time_base:
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    container.seek(0)
    return end


def _shown_size(frame: VideoFrame) -> tuple[int, int]:
    is_turned = round(frame.rotation / 90) % 2 == 1
    return (frame.height, frame.width) if is_turned else (frame.width, frame.height)


def _plays(kind: Kind, stream: VideoStream, audio: av.AudioStream | None) -> bool:
    return (
        stream.codec_context.codec.canonical_name in PLAYABLE_VIDEO.get(kind.container, ())
        and stream.codec_context.pix_fmt in PLAYABLE_PIXELS
        and (audio is None or audio.codec_context.codec.canonical_name in PLAYABLE_AUDIO)
    )


def _jpeg(frame: VideoFrame) -> bytes:
    width, height = fitted(frame.width, frame.height, THUMBNAIL_WIDTH)
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base, encoder.options = Fraction(1, 1), {"qmin": "2", "qmax": "6"}
    picture = frame.reformat(width=width, height=height, format="yuvj420p")
    picture.pts, picture.time_base = 0, Fraction(1, 1)
    packets = [*encoder.encode(picture), *encoder.encode(None)]
    return b"".join(bytes(packet) for packet in packets)
