"""COCO captions: an image an entry is a clip or segment here, an annotation is an accepted caption.

Lists of `{"image_id", "caption"}`, COCO's results, are read as a model's predictions.
https://cocodataset.org/#format-data
"""

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

import msgspec

from portal.adapters.formats.records import (
    About,
    Entry,
    Guess,
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

LICENCE = 0


class Image(msgspec.Struct):
    """A clip or segment, named by `file_name`."""

    id: int | str
    file_name: str
    coco_url: str = ""
    width: int = 0
    height: int = 0
    split: str = ""
    duration: float | None = None


class Annotation(msgspec.Struct):
    """One caption."""

    image_id: int | str
    caption: str


class Dataset(msgspec.Struct):
    """The file."""

    images: list[msgspec.Raw]
    annotations: list[msgspec.Raw]


def write(records: Iterable[Record], sink: Sink, about: About) -> None:
    """Write the file, images first."""
    info = {
        "description": f"{about.description}: {about.name}",
        "url": "",
        "version": "1.0",
        "year": int(about.created_at[:4]),
        "contributor": "",
        "date_created": about.created_at,
    }
    licence = {"id": LICENCE, "name": "See the owner of the clips", "url": ""}
    sink.write(
        b'{"info":' + encoded(info) + b',"licenses":' + encoded([licence]) + b',"images":[\n'
    )
    numbers = count(1)
    with two_lists(sink, b'],"annotations":[\n') as (images, annotations):
        for number, record in enumerate(records, 1):
            images.add(_image(number, record, about))
            for text in record.texts():
                annotations.add({"id": next(numbers), "image_id": number, "caption": text})
    sink.write(b"]}\n")


def _image(number: int, record: Record, about: About) -> dict[str, Any]:
    return {
        "id": number,
        "file_name": name_of(record),
        "width": record.details.get("width", 0),
        "height": record.details.get("height", 0),
        "license": LICENCE,
        "coco_url": record.url,
        "flickr_url": "",
        "date_captured": about.created_at,
        "split": record.split,
        "duration": record.duration,
    }


def read(source: Source) -> Iterator[Entry]:
    """Yield the images with their captions, or the results as predictions."""
    raw = whole(source)
    if raw.lstrip()[:1] == b"[":
        yield from _results(decoded(raw, list[msgspec.Raw], "file"))
        return
    file = decoded(raw, Dataset, "file")
    records: dict[int | str, Record] = {}
    places: dict[int | str, str] = {}
    for place, image, problem in each(file.images, Image, "images"):
        if problem or image.id in records:
            yield Entry(place, problem=problem or f"The image id {image.id} is there twice.")
            continue
        records[image.id], places[image.id] = _record(image), place
    for place, annotation, problem in each(file.annotations, Annotation, "annotations"):
        record = records.get(annotation.image_id) if annotation else None
        if record is None:
            yield Entry(place, problem=problem or f"There is no image {annotation.image_id}.")
            continue
        record.references.append(annotation.caption)
    yield from (Entry(places[key], record) for key, record in records.items())


def _record(image: Image) -> Record:
    video_id, start_ms, end_ms = parsed_name(image.file_name)
    return Record(
        video_id=video_id,
        start_ms=start_ms,
        end_ms=end_ms,
        url=image.coco_url,
        split=image.split,
        duration=image.duration,
        references=[],
    )


def _results(raws: Iterable[msgspec.Raw]) -> Iterator[Entry]:
    for place, result, problem in each(raws, Annotation, "results"):
        if problem:
            yield Entry(place, problem=problem)
            continue
        video_id, start_ms, end_ms = parsed_name(str(result.image_id))
        guess = [Guess(result.caption)]
        record = Record(video_id=video_id, start_ms=start_ms, end_ms=end_ms, predictions=guess)
        yield Entry(place, record)
