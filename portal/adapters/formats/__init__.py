"""File formats: pure readers and writers of one neutral record, without a row in sight.

records (what is read and written) · a file a format · tables, subtitles, archives, spools, thrift
(what several share). A writer streams; a reader yields entries, a bad one as its problem, and
raises Malformed where nothing of the file can be trusted.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from portal.adapters.formats import (
    activitynet,
    coco,
    csv,
    jsonl,
    labelstudio,
    msrvtt,
    parquet,
    srt,
    vatex,
    videofolder,
    webvtt,
)
from portal.adapters.formats.records import (
    About,
    Caption,
    Entry,
    Guess,
    Malformed,
    Media,
    Record,
    Sink,
    Source,
)


@dataclass(frozen=True)
class Format:
    """One format: how it is called, stored and sent, and the two directions."""

    name: str
    label: str
    suffix: str
    mime: str
    write: Callable[[Iterable[Record], Sink, About], None]
    read: Callable[..., Iterator[Entry]]


JSON, ZIP = "application/json", "application/zip"

FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        Format("jsonl", "JSON Lines", ".jsonl", "application/x-ndjson", jsonl.write, jsonl.read),
        Format("csv", "CSV", ".csv", "text/csv", csv.write, csv.read),
        Format(
            "parquet",
            "Parquet",
            ".parquet",
            "application/vnd.apache.parquet",
            parquet.write,
            parquet.read,
        ),
        Format("coco", "COCO captions", ".json", JSON, coco.write, coco.read),
        Format("msrvtt", "MSR-VTT", ".json", JSON, msrvtt.write, msrvtt.read),
        Format("vatex", "VATEX", ".json", JSON, vatex.write, vatex.read),
        Format(
            "activitynet",
            "ActivityNet Captions",
            ".json",
            JSON,
            activitynet.write,
            activitynet.read,
        ),
        Format("webvtt", "WebVTT", ".zip", ZIP, webvtt.write, webvtt.read),
        Format("srt", "SRT", ".zip", ZIP, srt.write, srt.read),
        Format(
            "videofolder",
            "Hugging Face VideoFolder",
            ".zip",
            ZIP,
            videofolder.write,
            videofolder.read,
        ),
        Format(
            "labelstudio",
            "Label Studio JSON",
            ".json",
            JSON,
            labelstudio.write,
            labelstudio.read,
        ),
    )
}

__all__ = [
    "FORMATS",
    "About",
    "Caption",
    "Entry",
    "Format",
    "Guess",
    "Malformed",
    "Media",
    "Record",
    "Sink",
    "Source",
]
