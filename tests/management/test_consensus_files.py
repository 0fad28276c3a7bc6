"""`manage.py consensus`: none of these tests may open a database, and none is marked for one."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as installed
from django.core.management import CommandError, call_command

from portal.adapters import encoders
from portal.management import captionfiles
from portal.management.progressbars import ProgressBar

Row = dict[str, Any]

needs_wheel = pytest.mark.skipif(bool(encoders.available()), reason=encoders.available() or "-")

OBJECTS = ("ball", "cube", "kite", "drum", "lamp", "boat", "bell", "cart", "coin", "sock")
DEEDS = ("rolls under", "falls behind", "floats beside", "slides across", "spins above")
PLACES = ("the wooden table", "a green fence", "the old bridge", "a parked car", "the garden wall")


class Files:
    """One run: the captions in, what came out of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.captions = folder / "captions.jsonl"
        self.out = folder / "consensus.jsonl"
        self.annotators = folder / "annotators.jsonl"
        self.complaints = ""

    def write(self, lines: Iterable[Row | str | bytes]) -> None:
        self.captions.write_bytes(b"".join(as_bytes(line) + b"\n" for line in lines))

    def run(self, lines: Iterable[Row | str | bytes], *options: str) -> dict[str, Row]:
        self.write(lines)
        return self.again(*options)

    def again(self, *options: str) -> dict[str, Row]:
        errors = StringIO()
        arguments = [str(self.captions), "--out", str(self.out)]
        arguments += ["--annotators", str(self.annotators), *options]
        try:
            call_command("consensus", *arguments, stderr=errors, no_color=True)
        finally:
            self.complaints = errors.getvalue()
        return self.consensuses()

    def consensuses(self) -> dict[str, Row]:
        return {row["task"]: row for row in rows(self.out)}

    def people(self) -> dict[str, Row]:
        return {row["annotator"]: row for row in rows(self.annotators)}

    def names(self) -> list[str]:
        return sorted(each.name for each in self.folder.iterdir())


def as_bytes(line: Row | str | bytes) -> bytes:
    if isinstance(line, bytes):
        return line
    text = line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)
    return text.encode()


def rows(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def line(task: str, annotator: str, caption: str, **more: object) -> Row:
    return {"task": task, "annotator": annotator, "caption": caption, **more}


def votes(**scores: float) -> list[Row]:
    return [{"annotator": name, "score": score} for name, score in scores.items()]


def task_of(name: str, captions: Mapping[str, str]) -> list[Row]:
    return [line(name, annotator, text) for annotator, text in captions.items()]


@pytest.fixture
def files(tmp_path) -> Files:
    return Files(tmp_path)


THREE = {"ana": "a red ball rolls left", "ben": "the red ball rolls left", "cat": "two dogs sleep"}


def test_the_caption_that_the_others_support_stands(files):
    found = files.run(task_of("t1", THREE), "--no-encoder")["t1"]
    assert found.keys() == {"task", "caption", "confidence", "agreement", "status", "candidates"}
    assert found["caption"] in (THREE["ana"], THREE["ben"])
    assert found["candidates"][0]["caption"] == found["caption"]
    assert {each["annotator"] for each in found["candidates"]} == set(THREE)
    assert 0 < found["agreement"] < 1
    assert 0 < found["confidence"] < 1
    assert files.complaints == ""


def test_annotators_are_rated_beside_each_other(files):
    lines = [each for n in range(12) for each in task_of(f"t{n}", THREE)]
    files.run(lines, "--no-encoder")
    people = files.people()
    assert people["cat"].keys() == {"annotator", "reliability", "low", "high", "n", "flags"}
    assert people["cat"]["reliability"] < people["ana"]["reliability"]
    assert all(0 <= p["low"] <= p["reliability"] <= p["high"] <= 1 for p in people.values())
    assert [p["n"] for p in people.values()] == [12, 12, 12]


def test_unanimity_settles_a_task_and_too_few_captions_do_not(files):
    same = "a boy kicks a blue ball over the fence"
    lines = task_of("full", dict.fromkeys("abcde", same)) + task_of("young", {"a": same, "b": same})
    found = files.run(lines, "--no-encoder")
    assert found["full"]["status"] == "accepted"
    assert found["young"]["status"] == "interim"


def test_the_rules_of_settling_can_be_given(files):
    lines = task_of("t1", {"a": "the same words here", "b": "the same words here"})
    assert files.run(lines, "--no-encoder", "--min-captions", "2")["t1"]["status"] == "accepted"
    strict = ("--min-captions", "2", "--max-captions", "2", "--threshold", "1")
    assert files.again("--no-encoder", *strict)["t1"]["status"] == "disputed"


def test_opposites_split_with_less_confidence_than_unanimity(files):
    left, right = "the ball moves left", "the ball moves right"
    lines = task_of("split", dict(zip("abcde", [left, left, left, right, right], strict=True)))
    lines += task_of("sure", dict.fromkeys("abcde", left))
    found = files.run(lines)
    assert found["split"]["caption"] == left
    assert found["split"]["status"] == "disputed"
    assert found["split"]["confidence"] < found["sure"]["confidence"] - 0.1


def test_votes_decide_between_equals(files):
    tied = {"ana": "a man rides home on a horse", "ben": "several cooks prepare the evening soup"}
    lines = task_of("t1", tied)
    lines[1]["votes"] = votes(cat=1, dan=1, eve=0.9)
    lines[0]["votes"] = votes(cat=0, dan=0.1)
    found = files.run(lines, "--no-encoder")["t1"]
    assert found["caption"] == tied["ben"]
    assert found["candidates"][0]["votes"] > 0 > found["candidates"][1]["votes"]
    lines[0]["votes"], lines[1]["votes"] = lines[1]["votes"], lines[0]["votes"]
    assert files.run(lines, "--no-encoder")["t1"]["caption"] == tied["ana"]


def test_captions_in_any_script_are_weighed(files):
    lines = task_of("汉", {"a": "一只猫在跳舞", "b": "一只小猫在跳舞", "c": "两个人做饭"})
    lines += task_of("🎈", {"a": "🐈 🎈 🎈", "b": "🐈 🎈", "c": "🚗 🚗"})
    lines += task_of("ar", {"a": "قطة ترقص في البيت", "b": "قطة ترقص في بيت", "c": "رجل يطبخ"})
    found = files.run(lines, "--language", "zh")
    assert "猫" in found["汉"]["caption"]
    assert "🐈" in found["🎈"]["caption"]
    assert "قطة" in found["ar"]["caption"]
    assert "wording alone" in files.complaints


def test_the_model_is_a_candidate_and_no_person(files):
    lines = [*task_of("t1", THREE), line("t1", "model:v3", "a red ball rolls left")]
    candidates = files.run(lines, "--no-encoder")["t1"]["candidates"]
    assert "model:v3" in {each["annotator"] for each in candidates}
    assert files.people().keys() == set(THREE)


def scene(rng: random.Random) -> tuple[str, str, str]:
    return rng.choice(OBJECTS), rng.choice(DEEDS), rng.choice(PLACES)


def crowd_with_copiers() -> list[Row]:
    """Forty clips, a wrong prediction shown on each; two of eight hand in what they were shown."""
    rng = random.Random(5)
    lines = []
    for n in range(40):
        thing, deed, place = scene(rng)
        wrong = "a small {} {} {}".format(*scene(rng))
        honest = (
            f"a {thing} {deed} {place}",
            f"one small {thing} {deed} {place}",
            f"a {thing} that {deed} {place}",
            f"the {thing} slowly {deed} {place}",
        )
        for author, text in zip(rng.sample("abcdef", 4), honest, strict=True):
            lines.append(line(f"t{n}", author, text, shown_prediction=wrong))
        lines += [line(f"t{n}", lazy, wrong, shown_prediction=wrong) for lazy in ("lazy1", "lazy2")]
    return lines


def test_lazy_copiers_are_flagged_with_evidence_and_nobody_honest_is(files):
    found = files.run(crowd_with_copiers(), "--no-encoder")
    flagged = {name: row["flags"] for name, row in files.people().items() if row["flags"]}
    assert flagged.keys() == {"lazy1", "lazy2"}
    assert "copies_prediction" in {flag["kind"] for flag in flagged["lazy1"]}
    assert all(flag["evidence"] for flags in flagged.values() for flag in flags)
    winners = [row["candidates"][0] for row in found.values()]
    assert sum(each["copy_of_prediction"] for each in winners) <= 2


def test_the_order_of_the_lines_changes_nothing(files):
    lines = crowd_with_copiers()
    for n, each in enumerate(lines[::7]):
        each["votes"] = votes(a=n % 2, zoe=0.3, f=0.9)
    files.run(lines, "--no-encoder")
    before = files.out.read_bytes(), files.annotators.read_bytes()
    random.Random(1).shuffle(lines)
    for each in lines:
        each.get("votes", []).reverse()
    files.run(lines, "--no-encoder")
    assert (files.out.read_bytes(), files.annotators.read_bytes()) == before


@needs_wheel
def test_the_order_changes_nothing_with_the_encoder(files):
    lines = crowd_with_copiers()[:60]
    files.run(lines)
    before = files.out.read_bytes()
    files.run(lines[::-1])
    assert files.out.read_bytes() == before


def test_lines_given_twice_count_once(files):
    lines = crowd_with_copiers()[:60]
    lines[0]["votes"] = votes(zoe=0.3, f=0.9)
    files.run(lines, "--no-encoder")
    before = files.out.read_bytes(), files.annotators.read_bytes()
    files.run(lines + lines, "--no-encoder")
    assert (files.out.read_bytes(), files.annotators.read_bytes()) == before


def test_a_repeat_adds_its_votes_and_the_prediction_that_was_shown(files):
    first = [
        *task_of("t1", THREE),
        line("t1", "dan", "a cow stands", shown_prediction="a cow stands"),
    ]
    first[0]["votes"] = votes(eve=1, fay=0.8)
    files.run(first, "--no-encoder")
    before = files.out.read_bytes()
    apart = [*task_of("t1", THREE), line("t1", "dan", "a cow stands")]
    apart += [line("t1", "ana", THREE["ana"], votes=votes(eve=1)), first[3]]
    apart += [line("t1", "ana", THREE["ana"], votes=votes(fay=0.8))]
    files.run(apart, "--no-encoder")
    assert files.out.read_bytes() == before


def test_transcriptions_are_fused_word_by_word(files):
    heard = {
        "a": "the quick brown fox jumped over the dog",
        "b": "the quick brown box jumps over the dog",
        "c": "the quack brown fox jumps over the dog",
    }
    found = files.run(task_of("t1", heard), "--mode", "transcription")["t1"]
    assert found["caption"] == "the quick brown fox jumps over the dog"
    assert found["caption"] not in heard.values()
    assert files.again("--no-encoder")["t1"]["caption"] in heard.values()


@needs_wheel
def test_the_encoder_hears_a_paraphrase_and_without_it_words_count_alone(files):
    said = {
        "a": "a man is riding a bicycle",
        "b": "a guy cycles on his bike",
        "c": "cake on a table",
    }
    with_it = files.run(task_of("t1", said), "--language", "en-GB")["t1"]
    without = files.again("--no-encoder")["t1"]
    assert with_it["caption"] != said["c"]
    assert with_it["agreement"] > without["agreement"] + 0.1


BAD = (
    (b"not json", "malformed"),
    (b'["t1", "a", "text"]', "Expected `object`"),
    (b'{"task": "t1", "annotator": "a"}', "`caption`"),
    (b'{"task": 1, "annotator": "a", "caption": "x y"}', "$.task"),
    (b'{"task": " ", "annotator": "a", "caption": "x y"}', "$.task"),
    (b'{"task": "t1", "annotator": "a", "caption": "x y", "mood": 1}', "mood"),
    (b'{"task": "t1", "task": "t2", "annotator": "a", "caption": "x y"}', "twice"),
    (b'{"task": "t1", "annotator": "a", "caption": " \\u200b "}', "no visible text"),
    (b'{"task": "t1", "annotator": "a", "caption": "x\\u0000y"}', "control characters"),
    (b'{"task": "t1", "annotator": "a", "caption": "x\\ud800y"}', "."),
    (b'{"task": "t1", "annotator": "a", "caption": "caf\xe9"}', "UTF-8"),
    (b'{"task": "t1", "annotator": "a", "caption": "x", "shown_prediction": ""}', "shown_pre"),
    (b'{"task":"t1","annotator":"a","caption":"x","votes":[{"annotator":"b","score":2}]}', "score"),
    (b'{"task":"t1","annotator":"a","caption":"x","votes":[{"annotator":"b"}]}', "`score`"),
    (
        b'{"task":"t1","annotator":"a","caption":"x","votes":[{"annotator":"b","score":NaN}]}',
        "JSON",
    ),
    (b"[" * 50_000, "Expected `object`"),
    (b'{"task": "' + b"x" * captionfiles.MAX_LINE_BYTES * 2 + b'"}', "at most"),
)


@pytest.mark.parametrize(("raw", "why"), BAD, ids=[why for _, why in BAD])
def test_a_bad_line_is_named_by_its_number_and_left_out(files, raw, why):
    good = task_of("t1", THREE)
    files.run(good, "--no-encoder")
    before = files.out.read_bytes()
    with pytest.raises(CommandError, match="Left out") as refused:
        files.run([*good[:2], "", raw, good[2]], "--no-encoder")
    assert refused.value.returncode == 1
    (complaint,) = files.complaints.splitlines()
    assert complaint.startswith("line 4: ")
    assert why in complaint
    assert files.out.read_bytes() == before


def test_what_a_file_says_cannot_steer_the_terminal(files):
    with pytest.raises(CommandError):
        files.run([*task_of("t1", THREE), '{"\\u001b[2J\u202e": 1}'], "--no-encoder")
    assert "\x1b" not in files.complaints
    assert "\u202e" not in files.complaints


def test_a_byte_order_mark_and_windows_line_ends_are_fine(files):
    raw = b"\xef\xbb\xbf" + b"\r\n".join(as_bytes(each) for each in task_of("t1", THREE))
    files.captions.write_bytes(raw)
    assert files.again("--no-encoder").keys() == {"t1"}


def test_a_task_with_more_captions_than_can_be_compared_is_left_out_and_named(files):
    crowded = [line("huge", f"p{n}", f"caption number {n}") for n in range(201)]
    with pytest.raises(CommandError) as refused:
        files.run(crowded + task_of("t1", THREE), "--no-encoder")
    assert refused.value.returncode == 1
    assert "task huge: more than 200" in files.complaints
    assert files.consensuses().keys() == {"t1"}


def test_an_empty_file_has_an_empty_answer(files):
    assert files.run([], "--no-encoder") == {}
    assert files.names() == ["annotators.jsonl", "captions.jsonl", "consensus.jsonl"]


def test_a_file_without_one_good_line_writes_nothing(files):
    with pytest.raises(CommandError, match="No line") as refused:
        files.run(["{}", "[]"], "--no-encoder")
    assert refused.value.returncode == 2
    assert files.names() == ["captions.jsonl"]


def test_a_missing_file_is_named_and_nothing_is_written(files):
    files.out.write_text("earlier")
    with pytest.raises(CommandError, match=r"captions\.jsonl: No such file") as refused:
        files.again("--no-encoder")
    assert refused.value.returncode == 2
    assert files.out.read_text() == "earlier"
    assert files.names() == ["consensus.jsonl"]


def test_the_captions_are_never_written_over(files):
    files.write(task_of("t1", THREE))
    before = files.captions.read_bytes()
    for out in (files.captions, files.folder / "." / "captions.jsonl", files.annotators):
        with pytest.raises(CommandError, match="different files") as refused:
            files.again("--no-encoder", "--out", str(out))
        assert refused.value.returncode == 2
    assert files.captions.read_bytes() == before
    assert files.names() == ["captions.jsonl"]


def test_a_place_that_takes_no_file_is_refused_before_any_work(files):
    files.write(["every line", "is bad"])
    for out, why in (("nowhere/x.jsonl", "No such file"), (".", "is not a file")):
        with pytest.raises(CommandError, match=why):
            files.again("--no-encoder", "--out", str(files.folder / out))
        assert files.complaints == ""
    assert files.names() == ["captions.jsonl"]


def test_senseless_rules_are_refused(files):
    for wrong in (("--min-captions", "0"), ("--max-captions", "2"), ("--threshold", "nan")):
        with pytest.raises(CommandError, match="--min-captions"):
            files.run(task_of("t1", THREE), *wrong)


class MachineStops(Exception):
    """What happens in the middle of a write."""


def write_half(paths: Sequence[Path]) -> None:
    with captionfiles.whole_files(paths) as opened:
        opened[0].write(b"half")
        raise MachineStops


def test_files_keep_their_old_content_until_both_are_complete(tmp_path):
    paths = [tmp_path / "one", tmp_path / "two"]
    paths[0].write_text("old")
    with pytest.raises(MachineStops):
        write_half(paths)
    assert paths[0].read_text() == "old"
    with captionfiles.whole_files(paths) as opened:
        opened[0].write(b"new")
        assert paths[0].read_text() == "old"
    assert (paths[0].read_text(), paths[1].read_text()) == ("new", "")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["one", "two"]


class Screen(StringIO):
    """A terminal, or something else, that remembers."""

    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal

    def write(self, msg: str, style: Callable[[str], str] = str, ending: str = "") -> int:
        return super().write(style(msg) + ending)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_progress_is_drawn_on_a_terminal_and_nowhere_else(is_terminal):
    screen = Screen(is_terminal)
    bar = ProgressBar(screen, "Reading", 4)
    bar.advance(2)
    bar.finish()
    assert ("100%" in screen.getvalue()) == is_terminal
    assert bool(screen.getvalue()) == is_terminal


def test_the_command_needs_no_database_and_no_luck_with_hashes(files):
    lines = crowd_with_copiers()[:60]
    files.run(lines, "--no-encoder")
    before = files.out.read_bytes(), files.annotators.read_bytes()
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "labelportal.settings",
        "DATA_DIR": str(files.folder / "data"),
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
        "PYTHONHASHSEED": "7",
    }
    files.write([*lines[::-1], "bad"])
    command = [sys.executable, "manage.py", "consensus", str(files.captions), "--no-encoder"]
    done = subprocess.run(
        [*command, "--out", str(files.out), "--annotators", str(files.annotators)],
        cwd=Path(installed.BASE_DIR),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("line 61: ")
    assert (files.out.read_bytes(), files.annotators.read_bytes()) == before
