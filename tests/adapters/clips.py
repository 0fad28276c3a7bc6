"""Real clips for the media tests, made with the same library that reads them."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def write_clip(
    path: Path,
    codec: str = "libx264",
    *,
    pixels: str = "yuv420p",
    size: tuple[int, int] = (160, 120),
    n_frames: int = 24,
    fps: int = 12,
    times: list[int] | None = None,
    rotation: int = 0,
    audio: str = "",
    container: str | None = None,
    options: Mapping[str, str] | None = None,
) -> Path:
    """Write a clip that brightens with time below a white upper half; `times` in 1/1000 s."""
    width, height = size
    with av.open(str(path), "w", format=container, options=dict(options or {})) as target:
        video = target.add_stream(codec, rate=fps)
        video.width, video.height, video.pix_fmt = width, height, pixels
        if times:
            video.codec_context.time_base = Fraction(1, 1000)
            video.codec_context.max_b_frames = 0
        if rotation:
            video.set_display_rotation(rotation)
        sound = target.add_stream(audio, rate=48_000, layout="mono") if audio else None
        for index in range(n_frames):
            image = np.full((height, width, 3), index * 5, np.uint8)
            image[: height // 2] = 255
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if times:
                frame.pts, frame.time_base = times[index], Fraction(1, 1000)
            target.mux(video.encode(frame))
        target.mux(video.encode(None))
        if sound is not None:
            silence = np.zeros((1, 48_000), np.float32)
            tone = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
            tone.sample_rate, tone.pts = 48_000, 0
            target.mux(sound.encode(tone))
            target.mux(sound.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """Write an mp4 that holds a second of silence and no pictures."""
    with av.open(str(path), "w") as target:
        sound = target.add_stream("aac", rate=48_000, layout="mono")
        silence = np.zeros((1, 48_000), np.float32)
        tone = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
        tone.sample_rate, tone.pts = 48_000, 0
        target.mux(sound.encode(tone))
        target.mux(sound.encode(None))
    return path


def pictures(path: Path) -> list[np.ndarray]:
    """Decode every picture to grey."""
    with av.open(str(path)) as source:
        return [frame.to_ndarray(format="gray") for frame in source.decode(video=0)]
