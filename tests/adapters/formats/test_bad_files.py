"""Files that are not what they are said to be: refused with the place, or one entry's problem."""

import io
import json
import pickle
import zipfile

import pytest

from portal.adapters.formats import FORMATS, Malformed, labelstudio
from tests.adapters.formats.files import entries, read_back, record, written

HEAD = b"video_id,caption\n"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "line 1: the heading video_id and caption is missing"),
        (b"video_id,text\nv1,a\n", "line 1: the heading caption"),
        (b"video_id,caption,caption\nv1,a,b\n", "line 1: a heading is there twice"),
        (HEAD + b"v1,a\nv2,b,c\n", "line 3: 3 cells"),
        (HEAD + b'v1,"a\n', "line 2: "),
        (HEAD + b'v1,a " b\n', "line 2: a quote"),
        (HEAD + b'v1,"two\nlines"\nv2\n', "line 4: 1 cells"),
        (HEAD + b"v1,a\x00b\n", "line 2: a NUL byte"),
        ("video_id,caption\nv1,a\n".encode("utf-16"), "line 1: "),
        (HEAD + b"v1,\xff\n", "line 2: this is not UTF-8"),
        (HEAD + b"v1," + b"a" * 10_000_000 + b"\n", "line 2: "),
        (HEAD + b"v1,\xe7\x8b\x97\rb\n", "line 2: "),
    ],
)
def test_b169_b170_a_broken_table_is_refused_with_its_line(raw, said):
    with pytest.raises(Malformed) as refused:
        entries("csv", raw)
    assert said in refused.value.detail


def test_a_cell_that_is_no_number_is_one_rows_problem():
    raw = b"video_id,caption,start\nv1,a,x\nv2,b,1e999\nv3,c,\xd9\xa1\nv4,d,1.5\n,e,1\n"
    found = entries("csv", raw)
    assert [(entry.place, bool(entry.problem)) for entry in found] == [
        ("line 2", True), ("line 3", True), ("line 4", True), ("line 5", False), ("line 6", True),
    ]  # fmt: skip


def test_b172_blank_lines_no_last_newline_and_a_byte_order_mark_are_fine():
    jsonl = b'\xef\xbb\xbf{"video_id":"v1","caption":"a"}\n\n\r\n{"video_id":"v2","caption":"b"}'
    table = b"\xef\xbb\xbfvideo_id,caption\r\nv1,a\r\n\r\nv2,b"
    listed = b'\xef\xbb\xbf[{"data":{"video":"v1.mp4"}}]'
    assert [each.video_id for each in read_back("jsonl", jsonl)] == ["v1", "v2"]
    assert [each.video_id for each in read_back("csv", table)] == ["v1", "v2"]
    assert [each.video_id for each in read_back("labelstudio", listed)] == ["v1"]


def test_b171_a_bad_line_is_a_problem_with_its_number_and_the_rest_is_read():
    lines = [b'{"video_id":"v%d","caption":"a"}' % n for n in range(1, 101)]
    lines[6] = b'{"video_id":"v7",'
    found = entries("jsonl", b"\n".join(lines))
    assert [entry.place for entry in found if entry.problem] == ["line 7"]
    assert len(found) == 100


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000,
        b'{"video_id":"v","captoin":"a"}',
        b'{"video_id":"v","video_id":"w","caption":"a"}',
        b'{"video_id":"v","start":NaN}',
        b'{"video_id":"v","start":1e999}',
        b'{"video_id":"v","caption":"\\ud800"}',
        b'{"video_id":"v","caption":"\xff"}',
        b'{"video_id":"v","start":2,"end":1}',
        b'{"video_id":7}',
        b"7",
        b'{"video_id":"' + b"v" * 2_000_000 + b'"}',
    ],
)
def test_a_line_that_is_no_segment_is_said_to_be_none(line):
    (bad, good) = entries("jsonl", line + b'\n{"video_id":"v","caption":"a"}\n')
    assert bad.problem
    assert good.record


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "raw", [pickle.dumps({"a": 1}), b"<?xml version='1.0'?><a/>", b"- a: 1\n", b"PK\x03\x04broken"]
)
def test_b175_other_kinds_of_file_are_no_captions(name, raw):
    try:
        found = entries(name, raw)
    except Malformed:
        return
    assert all(entry.problem for entry in found)


@pytest.mark.parametrize(
    "text",
    [
        "=1",
        "+1",
        "-1",
        "@a",
        "\tx",
        "\rx",
        "\uff1dx",
        "\uff0bx",
        "\uff0dx",
        "\uff20x",
        "'=1",
        "''@",
    ],
)
def test_b176_a_cell_that_would_be_a_formula_is_prefixed_and_json_lines_are_not(text):
    rows = [record(video_id=text, caption=text, captions=[])]
    assert ("'" + text).encode() in written("csv", rows)
    assert json.loads(written("jsonl", rows))["caption"] == text
    assert [(each.video_id, each.caption) for each in read_back("csv", written("csv", rows))] == [
        (text, text)
    ]


def zipped(**members: bytes) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return raw.getvalue()


def test_b152_c9_an_archive_that_climbs_links_or_explodes_is_refused():
    link = zipfile.ZipInfo("a.vtt")
    link.external_attr = 0o120777 << 16
    linking = io.BytesIO()
    with zipfile.ZipFile(linking, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    bad = [
        zipped(**{"../a.vtt": b"WEBVTT\n"}),
        zipped(**{"/etc/a.vtt": b"WEBVTT\n"}),
        zipped(**{"a\\..\\..\\b.vtt": b"WEBVTT\n"}),
        zipped(**{"bomb.vtt": b"0" * 60_000_000}),
        linking.getvalue(),
    ]
    for raw in bad:
        with pytest.raises(Malformed):
            entries("webvtt", raw)


def test_clips_in_a_folder_are_not_unpacked():
    raw = zipped(**{
        "train/a.mp4": b"0" * 60_000_000,
        "train/metadata.jsonl": b'{"file_name":"a.mp4","text":"a dog","label":3}\n',
    })  # fmt: skip
    (found,) = read_back("videofolder", raw)
    assert (found.video_id, found.caption, found.split) == ("a", "a dog", "train")


def test_a_vtt_file_of_others_is_read_with_its_notes_styles_and_hours_left_out():
    raw = (
        b"WEBVTT - made elsewhere\r\nKind: captions\r\n\r\nNOTE 00:01.000 --> 00:02.000\r\n\r\n"
        b"STYLE\r\n::cue {}\r\n\r\nintro\r\n00:01.000 --> 00:02.500 align:start\r\n"
        b"<v Ana>Hi <b>there</b>"
        b"&nbsp;&lt;\r\n\r\n00:03.000 --> 00:02.000\r\nbackwards\r\n"
    )
    good, bad = entries("webvtt", raw)
    assert good.record.references == ["Hi there\u00a0<"]
    assert (good.record.start_ms, good.record.end_ms) == (1000, 2500)
    assert "ends after" in bad.problem


@pytest.mark.parametrize(
    ("name", "raw", "place"),
    [
        (
            "coco",
            {"images": [], "annotations": [{"image_id": 1, "caption": "a"}]},
            "annotations[0]",
        ),
        ("coco", {"images": [{"id": 1}], "annotations": []}, "images[0]"),
        (
            "msrvtt",
            {"videos": [], "sentences": [{"video_id": "v", "caption": "a"}]},
            "sentences[0]",
        ),
        ("vatex", [{"videoID": "v", "enCap": ["a"]}], "[0]"),
        ("activitynet", {"v_a": {"duration": 1, "timestamps": [], "sentences": ["a"]}}, "v_a"),
        ("labelstudio", [{"data": {}}], "tasks[0]"),
    ],
)
def test_an_entry_without_its_partner_is_named(name, raw, place):
    (found,) = entries(name, json.dumps(raw).encode())
    assert found.place == place
    assert found.problem


def test_coco_results_are_predictions():
    raw = json.dumps([{"image_id": "clip-2#t=1.5,4", "caption": "a cat"}]).encode()
    (found,) = read_back("coco", raw)
    assert found.key == ("clip-2", 1500, 4000)
    assert found.predictions[0].text == "a cat"


STUDIO = {
    "data": {"video": "/data/upload/3/1f2e3d4c-cat.mp4"},
    "annotations": [
        {"completed_by": 7, "lead_time": 3.5, "result": [
            {"type": "choices", "value": {"choices": ["x"]}},
            {"type": "textarea", "value": {"text": ["a cat sleeps"]}}]},
        {"completed_by": {"id": 8, "email": "ben@x.example"}, "was_cancelled": True, "result": []},
        {"completed_by": 9, "ground_truth": True,
         "result": [{"type": "textarea", "value": {"text": "a cat"}}]},
    ],
    "drafts": [{"user": "cy", "result": [{"type": "textarea", "value": {"text": ["a ca"]}}]}],
    "predictions": [{"model_version": "v1", "score": 0.9,
                     "result": [{"type": "textarea", "value": {"text": ["a dog"]}}]}],
}  # fmt: skip


def test_label_studio_answers_skips_drafts_gold_and_scores_keep_apart():
    (found,) = read_back("labelstudio", json.dumps([STUDIO]).encode())
    assert [(c.text, c.author, c.seconds, c.is_gold) for c in found.captions] == [
        ("a cat sleeps", "7", 3.5, False), ("a cat", "9", None, True),
    ]  # fmt: skip
    assert found.skips == ["ben@x.example"]
    assert [(draft.text, draft.author) for draft in found.drafts] == [("a ca", "cy")]
    assert (found.predictions[0].score, found.predictions[0].uncertainty) == (0.9, None)


@pytest.mark.parametrize(
    ("address", "prefixes", "expected"),
    [
        ("/data/upload/3/1f2e-cat.mp4", {}, ("1f2e-cat", "")),
        ("/data/upload/3/1f2e-cat.mp4", {"/data/upload/": "https://ls.example/"},
         ("1f2e-cat", "https://ls.example/3/1f2e-cat.mp4")),
        ("/data/local-files/?d=clips/cat.mp4", {}, ("cat", "")),
        ("/data/local-files/?d=clips/cat.mp4", {"/data/local-files/?d=": "s3://bucket/"},
         ("cat", "s3://bucket/clips/cat.mp4")),
        ("s3://bucket/a/cat.mp4", {"s3://": "x", "s3://bucket/": "https://b.example/"},
         ("cat", "https://b.example/a/cat.mp4")),
        ("https://a.example/cat.mp4?x=1", {}, ("cat", "https://a.example/cat.mp4?x=1")),
        ("clip 7", {}, ("clip 7", "")),
    ],
)  # fmt: skip
def test_label_studio_addresses_stand_for_what_the_prefixes_say(address, prefixes, expected):
    assert labelstudio.clip_at(address, prefixes) == expected


def test_two_files_of_one_name_are_not_taken_for_one_clip():
    tasks = [{"data": {"video": f"https://a.example/{n}/cat.mp4"}} for n in range(2)]
    good, bad = entries("labelstudio", json.dumps(tasks).encode())
    assert good.record
    assert "called cat" in bad.problem
