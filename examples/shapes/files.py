"""Frames written as H.264 that browsers play and seek: index in front, a key frame a second."""

from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from examples.shapes.paths import FPS


def encode(frames: np.ndarray, path: Path) -> None:
    """Write frames (n, height, width, 3), uint8, as an mp4 that starts and seeks at once."""
    partial = path.with_suffix(".partial")
    # faststart moves the index to the front by reading the file again: it needs a real file.
    faststart = {"movflags": "+faststart"}
    with av.open(str(partial), "w", format="mp4", options=faststart) as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height = frames.shape[2], frames.shape[1]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = FPS
        stream.codec_context.thread_count = 1
        stream.options = {"preset": "superfast", "crf": "21", "tune": "zerolatency"}
        reformatter = VideoReformatter()
        for picture in frames:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = reformatter.reformat(frame, format="yuv420p", interpolation="POINT")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    partial.replace(path)
