"""A copy of a clip that every browser plays and seeks: H.264, 4:2:0, AAC, the index in front."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from portal.adapters import media

LONGEST_SIDE = 1920
AUDIO_RATE = 48_000
CLOCK = Fraction(1, 90_000)


def transcode(path: Path, out: Path) -> None:
    """Write the clip anew as an mp4; a key frame each second, picture times and rotation kept.

    Runs in the calling process: services go through `sandboxes`. Raises MediaRefused; what is in
    `out` then is the caller's to drop.
    """
    with (
        media.opened(path) as (_, source),
        av.open(str(out), "w", format="mp4", options={"movflags": "+faststart"}) as target,
    ):
        pictures = media.picture_track(source)
        first = media.upright(next(source.decode(pictures)))
        source.seek(0)
        _copy(source, pictures, target, first)


def _copy(
    source: InputContainer, pictures: VideoStream, target: OutputContainer, first: VideoFrame
) -> None:
    video = _picture_encoder(target, first, media.rate(pictures))
    sound = next(iter(source.streams.audio), None)
    audio = target.add_stream("aac", rate=AUDIO_RATE, layout="stereo") if sound else None
    resampler = AudioResampler(format="fltp", layout="stereo", rate=AUDIO_RATE)
    newest = -1
    for frame in source.decode([track for track in (pictures, sound) if track is not None]):
        if isinstance(frame, VideoFrame):
            picture = _fitting(frame, video)
            if picture.pts is not None and picture.pts > newest:  # damaged files turn back in time
                newest = picture.pts
                target.mux(video.encode(picture))
        elif audio is not None and isinstance(frame, av.AudioFrame):
            _mux_sound(target, audio, resampler.resample(frame))
    target.mux(video.encode(None))
    if audio is not None:
        _mux_sound(target, audio, resampler.resample(None))
        target.mux(audio.encode(None))


def _picture_encoder(target: OutputContainer, first: VideoFrame, fps: float) -> VideoStream:
    video = target.add_stream("libx264", rate=max(1, round(fps)))
    video.width, video.height = media.fitted(first.width, first.height, LONGEST_SIDE)
    video.pix_fmt, video.thread_type = "yuv420p", "NONE"
    video.codec_context.time_base = CLOCK
    # Pictures out of order and uneven times together make mp4 tell a duration that is too short.
    video.codec_context.max_b_frames = 0
    video.codec_context.gop_size = max(1, round(fps))
    video.options = {"preset": "veryfast", "crf": "23"}
    return video


def _fitting(frame: VideoFrame, video: VideoStream) -> VideoFrame:
    picture = media.upright(frame).reformat(
        width=video.width, height=video.height, format="yuv420p"
    )
    if frame.pts is not None and frame.time_base is not None:
        picture.pts, picture.time_base = round(frame.pts * frame.time_base / CLOCK), CLOCK
    return picture


def _mux_sound(
    target: OutputContainer, audio: AudioStream, frames: Iterable[av.AudioFrame]
) -> None:
    for frame in frames:
        target.mux(audio.encode(frame))
