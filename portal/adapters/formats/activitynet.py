"""ActivityNet Captions: a video's duration, and its segments' times and sentences side by side.

Krishna et al., "Dense-Captioning Events in Videos", 2017.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Annotated, Any

import msgspec

from portal.adapters.formats.records import (
    About,
    Entry,
    Record,
    Sink,
    Source,
    decoded,
    each,
    encoded,
    end_within,
    milliseconds,
    whole,
)

PREFIX = "v_"
Moment = Annotated[float, msgspec.Meta(ge=0)]


class Video(msgspec.Struct):
    """One video: `timestamps[i]` is when `sentences[i]` happens."""

    duration: Moment
    timestamps: list[tuple[Moment, Moment]]
    sentences: list[str]


def write(records: Iterable[Record], sink: Sink, about: About) -> None:
    """Write the videos; a segment with several captions stands there once for each."""
    sink.write(b"{")
    comma = b"\n"
    for video_id, group in groupby(records, lambda record: record.video_id):
        sink.write(comma + encoded(PREFIX + video_id) + b":" + encoded(_video(list(group))))
        comma = b",\n"
    sink.write(b"\n}\n")


def _video(records: list[Record]) -> dict[str, Any]:
    said = [(record, text) for record in records for text in record.texts()]
    duration = max((record.duration or 0.0 for record in records), default=0.0)
    return {
        "duration": duration,
        "timestamps": [
            [record.start_ms / 1000, record.end_ms / 1000 or duration] for record, _ in said
        ],
        "sentences": [text for _, text in said],
    }


def read(source: Source) -> Iterator[Entry]:
    """Yield the videos' segments."""
    videos = decoded(whole(source), dict[str, msgspec.Raw], "file")
    for name, raw in videos.items():
        ((_, video, problem),) = each([raw], Video, name)
        if not problem and len(video.timestamps) != len(video.sentences):
            problem = f"{len(video.timestamps)} timestamps for {len(video.sentences)} sentences."
        if problem:
            yield Entry(name[:200], problem=problem)
            continue
        records = _records(name.removeprefix(PREFIX), video)
        yield from (Entry(name[:200], record) for record in records)


def _records(video_id: str, video: Video) -> Iterable[Record]:
    found: dict[tuple[int, int], Record] = {}
    for (start, end), text in zip(video.timestamps, video.sentences, strict=True):
        start_ms = milliseconds(start)
        end_ms = end_within(milliseconds(end), start_ms, video.duration)
        record = found.setdefault(
            (start_ms, end_ms),
            Record(
                video_id=video_id,
                start_ms=start_ms,
                end_ms=end_ms,
                duration=video.duration or None,
                references=[],
            ),
        )
        record.references.append(text)
    return found.values()
