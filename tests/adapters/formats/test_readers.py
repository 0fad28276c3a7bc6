"""Files read by the readers that their users have, and bytes that the formats' pages prescribe."""

import csv
import io
import json
import zipfile

import pyarrow.parquet as pq
import webvtt

from portal.adapters.formats import Guess
from tests.adapters.formats.files import record, written

MORE = [
    record(),
    record(
        video_id="clip-2",
        start_ms=1500,
        end_ms=4000,
        caption="=SUM(A1) & <b> --> \u72d7",
        captions=[],
    ),
    record(video_id="clip-2", start_ms=4000, caption="two\n\nlines", duration=None, captions=[]),
]


def test_pyarrow_reads_our_parquet():
    rows = [record(predictions=[Guess("a cat", "v1", 0.25)]), *MORE[1:]]
    table = pq.read_table(io.BytesIO(written("parquet", rows)))

    assert table.schema.field("caption").type == "string"
    assert table.column("caption").to_pylist() == [
        "a dog runs", "a dog runs", "a dog moves", "a cat",
        "=SUM(A1) & <b> --> \u72d7", "two\n\nlines",
    ]  # fmt: skip
    assert table.column("seconds").to_pylist() == [None, 12.5, None, None, None, None]
    assert table.column("guideline").to_pylist() == [None, 1, None, None, None, None]
    assert table.column("end").to_pylist() == [None, None, None, None, 4.0, None]
    assert table.schema.metadata[b"name"] == b"spring"


def test_pyarrow_reads_many_row_groups():
    rows = [record(video_id=f"clip-{n}", captions=[], confidence=n / 12_001) for n in range(12_001)]
    file = pq.ParquetFile(io.BytesIO(written("parquet", rows)))

    assert file.num_row_groups == 2
    assert file.read().column("video_id").to_pylist() == [each.video_id for each in rows]
    assert file.read().column("confidence").to_pylist() == [each.confidence for each in rows]


def test_webvtt_py_reads_our_webvtt(tmp_path):
    archive = zipfile.ZipFile(io.BytesIO(written("webvtt", MORE)))
    archive.extract("clip-2.vtt", tmp_path)

    first, second = webvtt.read(str(tmp_path / "clip-2.vtt"))

    assert (first.start, first.end) == ("00:00:01.500", "00:00:04.000")
    assert first.raw_text == "=SUM(A1) &amp; &lt;b&gt; --&gt; \u72d7"
    assert (second.end, second.raw_text) == ("99:59:59.999", "two&#10;\nlines")


def test_subrip_is_numbered_from_one_with_comma_milliseconds():
    archive = zipfile.ZipFile(io.BytesIO(written("srt", MORE)))

    assert archive.read("clip-2.srt").decode() == (
        "1\n00:00:01,500 --> 00:00:04,000\n=SUM(A1) & <b> --\u2060> \u72d7\n\n"
        "2\n00:00:04,000 --> 99:59:59,999\ntwo\n\u00a0\nlines\n"
    )


def test_csv_is_read_by_pythons_own_reader_with_formulas_disarmed():
    rows = list(csv.DictReader(io.StringIO(written("csv", MORE).decode(), newline="")))

    assert [row["caption"] for row in rows] == [
        "a dog runs", "a dog runs", "a dog moves", "'=SUM(A1) & <b> --> \u72d7", "two\n\nlines",
    ]  # fmt: skip
    assert [row["kind"] for row in rows[:3]] == ["consensus", "caption", "caption"]


def test_coco_has_the_fields_of_its_page():
    file = json.loads(written("coco", MORE))

    assert set(file) == {"info", "licenses", "images", "annotations"}
    assert {"id", "file_name", "width", "height", "license", "coco_url", "flickr_url",
            "date_captured"} <= set(file["images"][0])  # fmt: skip
    assert file["images"][1]["file_name"] == "clip-2#t=1.5,4"
    assert [each["image_id"] for each in file["annotations"]] == [1, 1, 2, 3]
    assert [each["id"] for each in file["annotations"]] == [1, 2, 3, 4]
    assert set(file["annotations"][0]) == {"id", "image_id", "caption"}


def test_msrvtt_has_the_originals_spaces_and_misspelling():
    file = json.loads(written("msrvtt", [record(split="validation"), *MORE[1:]]))

    assert set(file["info"]) == {"contributor", "data_created", "version", "description", "year"}
    first = file["videos"][0]
    assert (first["start time"], first["end time"], first["split"]) == (0.0, 4.0, "validate")
    assert {"category", "url", "video_id", "split", "id"} <= set(first)
    assert set(file["sentences"][0]) == {"video_id", "sen_id", "caption"}


def test_vatex_names_segments_in_whole_seconds():
    chinese = record(video_id="clip-3", language="zh", caption="\u72d7", captions=[])
    items = json.loads(written("vatex", [*MORE[:2], chinese]))

    assert [item["videoID"] for item in items] == [
        "clip-1_000000_000004", "clip-2_000001_000004", "clip-3_000000_000004",
    ]  # fmt: skip
    assert items[0]["enCap"] == ["a dog runs", "a dog moves"]
    assert (items[2]["enCap"], items[2]["chCap"]) == ([], ["\u72d7"])


def test_activitynet_has_times_and_sentences_side_by_side():
    file = json.loads(written("activitynet", MORE))

    assert file["v_clip-1"] == {
        "duration": 4.0,
        "timestamps": [[0.0, 4.0], [0.0, 4.0]],
        "sentences": ["a dog runs", "a dog moves"],
    }
    assert file["v_clip-2"]["timestamps"] == [[1.5, 4.0], [4.0, 4.0]]


def test_videofolder_has_a_list_in_each_split():
    archive = zipfile.ZipFile(io.BytesIO(written("videofolder", [MORE[0], *MORE[1:]])))

    assert archive.namelist() == ["train/metadata.jsonl"]
    first = json.loads(archive.read("train/metadata.jsonl").splitlines()[0])
    assert (first["caption"], first["references"]) == ("a dog runs", ["a dog runs", "a dog moves"])


def test_label_studio_has_its_fields_and_a_confidence_as_score():
    (task,) = json.loads(written("labelstudio", [record(predictions=[Guess("a cat", "v1", 0.25)])]))

    assert task["predictions"][0]["score"] == 0.75
    assert task["annotations"][0]["completed_by"] == {"email": "ana"}
    assert task["annotations"][0]["lead_time"] == 12.5
    (result,) = task["annotations"][0]["result"]
    assert (result["type"], result["value"]) == ("textarea", {"text": ["a dog runs"]})
    assert (result["from_name"], result["to_name"]) == ("caption", "video")


def test_the_same_captions_are_the_same_bytes():
    for name in ("webvtt", "videofolder", "parquet"):
        assert written(name, MORE) == written(name, MORE)
