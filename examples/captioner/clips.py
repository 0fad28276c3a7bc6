"""Video files read as small pictures, with PyAV.

thread_type NONE: for a clip of two seconds, frame threads cost more than they give.
"""

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

PROBE_WIDTH, PROBE_HEIGHT = 160, 120
GUESSED_FPS = 12  # for a video of a single frame
LONGEST_FRAMES = 1200  # a longer video is looked at from its beginning
UNREADABLE = (av.FFmpegError, ValueError, IndexError)


class NoPicture(Exception):
    """The file holds no frame that can be decoded in the time asked for."""


@dataclass(frozen=True)
class Clip:
    """What is to be seen between two moments.

    pictures: (n, PROBE_HEIGHT, PROBE_WIDTH, 3) uint8; seconds: (n,) when each is shown, ascending.
    """

    pictures: np.ndarray
    seconds: np.ndarray

    @property
    def duration(self) -> float:
        """How long the clip is, its last frame included."""
        if len(self.seconds) < 2:
            return 1 / GUESSED_FPS
        return (
            float(self.seconds[-1] - self.seconds[0]) * len(self.seconds) / (len(self.seconds) - 1)
        )

    def cut(self, start: float | None, end: float | None) -> "Clip":
        """Return the frames shown in [start, end); None means the clip's own ends.

        Raises NoPicture where there is none.
        """
        # Times come through JSON and rounding: a frame belongs to where its middle lies.
        middle = self.seconds + self.duration / len(self.seconds) / 2
        inside = np.ones(len(middle), dtype=bool)
        if start is not None:
            inside &= middle >= start
        if end is not None:
            inside &= middle < end
        if not inside.any():
            raise NoPicture(f"No frame lies between {start} and {end} seconds.")
        return Clip(self.pictures[inside], self.seconds[inside])


def decode(path: Path) -> Clip:
    """Read a file's frames.

    Raises NoPicture where the file cannot be read as video.
    """
    pictures: list[np.ndarray] = []
    seconds: list[float] = []
    try:
        with av.open(str(path), mode="r") as container:
            stream = container.streams.video[0]
            stream.thread_type = "NONE"
            reformatter = VideoReformatter()
            for frame in container.decode(stream):
                seconds.append(float(frame.time or 0.0))
                pictures.append(_shrink(reformatter, frame))
                if len(pictures) == LONGEST_FRAMES:
                    break
    except UNREADABLE as error:
        raise NoPicture(f"{path.name} cannot be read as video: {error}") from error
    if not pictures:
        raise NoPicture(f"{path.name} holds no frames.")
    return Clip(np.stack(pictures), np.array(seconds))


def _shrink(reformatter: VideoReformatter, frame: av.VideoFrame) -> np.ndarray:
    # One reformatter for all frames: a new one each time costs more than the decoding.
    small = reformatter.reformat(
        frame, width=PROBE_WIDTH, height=PROBE_HEIGHT, format="rgb24", interpolation="AREA"
    )
    return small.to_ndarray()
