"""What goes out comes in again, in every format, for all of Unicode: by field and by byte."""

import msgspec
import pytest
from hypothesis import given, settings

from portal.adapters.formats import FORMATS, Record
from tests.adapters.formats.files import collections, read_back, written

# What each format has a place for besides the clip's id and the segment.
EVERYTHING = {"duration", "url", "tags", "language", "split", "caption", "confidence", "agreement"}
EVERYTHING |= {"captions", "references", "predictions", "status", "task_id"}
TEXTS_ONLY = {"duration", "url", "split"}
CARRIED = {
    "jsonl": EVERYTHING,
    "csv": EVERYTHING,
    "parquet": EVERYTHING,
    "coco": TEXTS_ONLY,
    "msrvtt": TEXTS_ONLY,
    "vatex": TEXTS_ONLY | {"language"},
    "activitynet": {"duration"},
    "webvtt": TEXTS_ONLY | {"language"},
    "srt": TEXTS_ONLY | {"language"},
    "videofolder": EVERYTHING - {"captions", "predictions", "task_id"},
    "labelstudio": EVERYTHING - {"task_id"},
}
ONE_TEXT = ("webvtt", "srt")


def told(name: str, records: list[Record]) -> list[Record]:
    """Return the records with what the format has a place for."""
    return [_told(name, record) for record in records]


def _told(name: str, record: Record) -> Record:
    carried = CARRIED[name]
    kept = Record(video_id=record.video_id, start_ms=record.start_ms, end_ms=record.end_ms)
    for field in carried:
        setattr(kept, field, getattr(record, field))
    if "caption" not in carried:
        kept.references = record.texts()[:1] if name in ONE_TEXT else record.texts()
    elif "captions" not in carried:
        kept.references = [text for text in record.texts() if text != record.caption]
    if name == "labelstudio":
        kept.captions = [msgspec.structs.replace(each, guideline=None) for each in record.captions]
        kept.predictions = [
            msgspec.structs.replace(
                each,
                uncertainty=None,
                score=None if each.uncertainty is None else 1.0 - each.uncertainty,
            )
            for each in record.predictions
        ]
    return kept


@pytest.mark.parametrize("name", FORMATS)
@given(records=collections())
@settings(max_examples=20, deadline=None)
def test_what_goes_out_comes_in(name, records):
    raw = written(name, records)

    again = read_back(name, raw)

    assert sorted(map(msgspec.to_builtins, again), key=str) == sorted(
        map(msgspec.to_builtins, told(name, records)), key=str
    )
    if name != "labelstudio":  # whose scores wait for somebody to say what they mean
        whole = written(name, again)
        assert written(name, read_back(name, whole)) == whole


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_is_a_file_too(name):
    assert read_back(name, written(name, [])) == []
