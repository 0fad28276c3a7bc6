"""MSR-VTT: `videos` and `sentences`, with the spaces and the `data_created` of the original.

Xu et al., "MSR-VTT: A Large Video Description Dataset for Bridging Video and Language", 2016.
"""

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

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
    name_of,
    parsed_name,
    whole,
)
from portal.adapters.formats.spools import two_lists

SPLITS = {"train": "train", "validation": "validate", "test": "test"}
OURS = {theirs: ours for ours, theirs in SPLITS.items()}


class Video(msgspec.Struct):
    """One clip; in the original, times are where it was cut out of the video at `url`."""

    video_id: str
    url: str = ""
    start: float = msgspec.field(name="start time", default=0.0)
    end: float = msgspec.field(name="end time", default=0.0)
    split: str = ""
    duration: float | None = None


class Sentence(msgspec.Struct):
    """One caption."""

    video_id: str
    caption: str


class Dataset(msgspec.Struct):
    """The file."""

    videos: list[msgspec.Raw]
    sentences: list[msgspec.Raw]


def write(records: Iterable[Record], sink: Sink, about: About) -> None:
    """Write the file, videos first."""
    info = {
        "contributor": "",
        "data_created": about.created_at,
        "version": "1.0",
        "description": f"{about.description}: {about.name}",
        "year": about.created_at[:4],
    }
    sink.write(b'{"info":' + encoded(info) + b',"videos":[\n')
    numbers = count()
    with two_lists(sink, b'],"sentences":[\n') as (videos, sentences):
        for number, record in enumerate(records):
            name = name_of(record)
            videos.add(_video(number, name, record))
            for text in record.texts():
                sentences.add({"video_id": name, "sen_id": next(numbers), "caption": text})
    sink.write(b"]}\n")


def _video(number: int, name: str, record: Record) -> dict[str, Any]:
    return {
        "category": 0,
        "url": record.url,
        "video_id": name,
        "start time": record.start_ms / 1000,
        "end time": record.ends_at(),
        "split": SPLITS.get(record.split, record.split),
        "id": number,
        "duration": record.duration,
    }


def read(source: Source) -> Iterator[Entry]:
    """Yield the videos with their sentences."""
    file = decoded(whole(source), Dataset, "file")
    records: dict[str, Record] = {}
    places: dict[str, str] = {}
    for place, video, problem in each(file.videos, Video, "videos"):
        if problem or video.video_id in records:
            yield Entry(place, problem=problem or f"{video.video_id} is there twice.")
            continue
        records[video.video_id], places[video.video_id] = _record(video), place
    for place, sentence, problem in each(file.sentences, Sentence, "sentences"):
        record = records.get(sentence.video_id) if sentence else None
        if record is None:
            yield Entry(place, problem=problem or f"There is no video {sentence.video_id}.")
            continue
        record.references.append(sentence.caption)
    yield from (Entry(places[key], record) for key, record in records.items())


def _record(video: Video) -> Record:
    video_id, start_ms, end_ms = parsed_name(video.video_id)
    # In the original the times are of the long video: what is named plainly is a clip, and whole.
    length = video.end - video.start if video.end > video.start else None
    return Record(
        video_id=video_id,
        start_ms=start_ms,
        end_ms=end_ms,
        url=video.url,
        split=OURS.get(video.split, video.split),
        duration=video.duration if video.duration or start_ms or end_ms else length,
        references=[],
    )
