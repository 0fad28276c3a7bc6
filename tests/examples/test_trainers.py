"""A retraining from its webhook to the last callback, against a portal that speaks the API."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from examples.captioner import pictures, seeds
from examples.captioner.pictures import Pictures, Place
from examples.captioner.runs import Runs
from examples.captioner.settings import Project
from examples.captioner.trainers import Trainer
from examples.portals import Portal, Unreachable
from tests.examples.portals import SECRET, TOKEN
from tests.examples.test_receivers import signed

ROOT = Path(__file__).resolve().parents[2]


class Room:
    """A trainer's folder and the portal it works for."""

    def __init__(self, portal, folder: Path) -> None:
        self.portal, self.folder, self.runs = portal, folder, Runs(folder)
        self.project = Project("shapes", portal.url, TOKEN, SECRET)

    def run(self, run_id: str, lines: list[dict], **manifest):
        event = self.portal.retraining(run_id, lines, **manifest)
        run = self.runs.accept("shapes", event)
        Trainer(self.folder, [self.project], self.runs).carry_out(run)
        return run

    def posted(self, version: str) -> dict[Place, str]:
        rows = [row for row in self.portal.predictions if row["model_version"] == version]
        return {Place.of(row): row["caption"] for row in rows}


@pytest.fixture
def room(portal, folder):
    return Room(portal, folder)


@pytest.fixture
def empty_room(portal, tmp_path):
    return Room(portal, tmp_path)


def show_all(room: Room) -> list[dict]:
    """Upload the rendered clips and return a correct manifest line for each."""
    truth = {Place.of(row): row for row in pictures.read_lines(room.folder / "truth.jsonl")}
    rows = [row for row in Pictures(room.folder).catalogue if row["role"] == "clip"]
    seeds.upload(Portal(room.portal.url, TOKEN), Pictures(room.folder), rows, lambda _: None)
    held = {video["video_id"]: video for video in room.portal.videos}
    return [
        {
            "task_id": number,
            "video": {"sha256": held[row["video_id"]]["sha256"]},
            "start": row["start"],
            "end": row["end"],
            "caption": truth[Place.of(row)]["caption"],
            "weight": 1.0,
        }
        for number, row in enumerate(rows)
    ]


def test_a_run_goes_from_accepted_to_succeeded_with_predictions_for_every_clip(room):
    lines = show_all(room)
    room.run("run-1", lines)

    said = room.portal.said("run-1")
    assert (said[0], said[-1], set(said[1:-1])) == ("accepted", "succeeded", {"running"})
    assert [told["seq"] for told in room.portal.callbacks] == list(range(1, len(said) + 1))
    posted = room.posted("captioner-v2")
    assert len(posted) == len(lines) == 14
    last = room.portal.callbacks[-1]
    assert (last["model"]["name"], last["model"]["version"]) == ("captioner", "captioner-v2")
    assert last["metrics"]["n_labels"] == 14 + 12
    assert last["metrics"]["n_predictions"] == 14


def test_the_model_that_is_named_is_the_one_on_disk(room):
    run = room.run("run-1", show_all(room)[:3])
    named = room.portal.callbacks[-1]["model"]["sha256"]

    assert (
        named
        == pictures.hashlib.sha256(
            (room.runs.folder(run.run_id) / "model.npz").read_bytes()
        ).hexdigest()
    )


def test_a_project_with_one_label_and_no_media_gets_that_label_back(empty_room):
    empty_room.portal.add_video("clip-1")
    empty_room.run("run-1", [{"task_id": 7, "video": {}, "caption": "A dog barks at the sea"}])

    (row,) = empty_room.portal.predictions
    assert row["caption"] == "a dog barks at the sea"
    assert row["uncertainty"] == 1.0
    assert "tokens" not in row
    assert empty_room.portal.callbacks[-1]["metrics"]["n_labels"] == 1


def test_media_that_cannot_be_read_do_not_stop_a_run(empty_room):
    video = empty_room.portal.add_video("clip-1", b"these are no pictures")
    line = {"task_id": 7, "video": {"sha256": video["sha256"]}, "caption": "a dog"}
    empty_room.run("run-1", [line])

    assert [row["uncertainty"] for row in empty_room.portal.predictions] == [1.0]


def test_a_clip_is_downloaded_once_and_only_as_named(empty_room, rendered):
    content = next((rendered / "clips").iterdir()).read_bytes()
    video = empty_room.portal.add_video("far", content)
    wrong = empty_room.portal.add_video("wrong", content, sha256="0" * 64)
    lines = [
        {"task_id": n, "video": {"sha256": one["sha256"], "url": one["media_url"]}, "caption": "a"}
        for n, one in enumerate((video, wrong))
    ]
    empty_room.run("run-1", lines)

    rows = {row["video_id"]: row for row in empty_room.portal.predictions}
    assert "embedding" in rows["far"]
    assert "embedding" not in rows["wrong"]
    assert [path.name for path in (empty_room.folder / "media").iterdir()] == [video["sha256"]]
    empty_room.portal.files["/files/far"] = b""
    empty_room.run("run-2", lines)
    assert "embedding" in empty_room.portal.predictions[-2]


def test_labels_of_earlier_manifests_stay_and_the_newest_word_counts(empty_room):
    empty_room.portal.add_video("clip-1")
    empty_room.run("run-1", [{"task_id": n, "video": {}, "caption": "a cat"} for n in (1, 2)])
    empty_room.run("run-2", [{"task_id": n, "video": {}, "caption": "a dog"} for n in (2, 3)])

    assert empty_room.portal.callbacks[-1]["metrics"]["n_labels"] == 3
    assert empty_room.posted("captioner-v3")[Place("clip-1")] == "a dog"


def test_a_video_that_was_erased_teaches_nothing_any_more(empty_room):
    video = empty_room.portal.add_video("gone")
    empty_room.portal.add_video("here")
    line = {"task_id": 1, "video": {"video_id": "gone"}, "caption": "a cat"}
    empty_room.run("run-1", [line])
    video["state"] = "erased"
    empty_room.run("run-2", [{"task_id": 2, "video": {"video_id": "here"}, "caption": "a dog"}])

    assert empty_room.portal.callbacks[-1]["metrics"]["n_labels"] == 1


def test_a_version_is_higher_than_any_that_the_portal_knows(empty_room):
    empty_room.portal.versions = [{"name": "captioner-v6"}, {"name": "theirs-v9"}]
    empty_room.run("run-1", [{"task_id": 1, "video": {}, "caption": "a cat"}])

    assert empty_room.portal.callbacks[-1]["model"]["version"] == "captioner-v7"


def test_segments_that_tasks_name_are_predicted(empty_room):
    empty_room.portal.add_video("long")
    video = {"video_id": "long"}
    empty_room.portal.tasks = [
        {"id": 1, "video": video, "start": 0.0, "end": 2.5},
        {"id": 2, "video": video, "start": 2.5, "end": 4},
    ]
    empty_room.run("run-1", [{"task_id": 1, "video": {}, "caption": "a cat"}])

    assert set(empty_room.posted("captioner-v2")) == {
        Place("long", 0.0, 2.5),
        Place("long", 2.5, 4.0),
    }


def test_an_erased_video_is_not_predicted(empty_room):
    empty_room.portal.add_video("gone", state="erased")
    empty_room.portal.add_video("here")
    empty_room.run("run-1", [{"task_id": 1, "video": {}, "caption": "a cat"}])

    assert set(empty_room.posted("captioner-v2")) == {Place("here")}


def test_a_manifest_that_is_not_as_named_fails_the_run(empty_room):
    empty_room.run("run-1", [{"task_id": 1, "video": {}, "caption": "a"}], sha256="0" * 64)

    assert empty_room.portal.said("run-1") == ["accepted", "failed"]
    assert empty_room.portal.callbacks[-1]["error"]["code"] == "manifest_mismatch"
    assert empty_room.portal.predictions == []


def test_an_expired_link_is_renewed_with_the_token(empty_room):
    empty_room.portal.statuses["/manifests/run-1"] = [403]
    empty_room.run("run-1", [{"task_id": 1, "video": {}, "caption": "a cat"}])

    assert empty_room.portal.said("run-1")[-1] == "succeeded"


@pytest.mark.parametrize("line", [{"task_id": 1}, {"task_id": 1, "video": None, "caption": "a"}])
def test_a_manifest_line_that_is_not_as_agreed_fails_the_run(empty_room, line):
    empty_room.run("run-1", [line])

    assert empty_room.portal.said("run-1")[-1] == "failed"


def test_an_empty_manifest_fails_the_run(empty_room):
    empty_room.run("run-1", [])

    assert empty_room.portal.callbacks[-1]["error"]["code"] == "nothing_to_learn"


def test_a_cancelled_run_is_left_alone(empty_room):
    empty_room.portal.statuses["/api/v1/retraining/run-1/events"] = [409]
    run = empty_room.run("run-1", [{"task_id": 1, "video": {}, "caption": "a cat"}])

    assert run.status == "abandoned"
    assert empty_room.portal.predictions == []
    assert empty_room.runs.unfinished() == []


def test_a_run_that_lost_the_portal_goes_on_without_repeating_itself(empty_room, monkeypatch):
    monkeypatch.setattr("examples.portals.FIRST_PAUSE", 0.0)
    empty_room.portal.add_video("clip-1")
    empty_room.portal.statuses["/api/v1/predictions/bulk"] = [503] * 6
    with pytest.raises(Unreachable):
        empty_room.run("run-1", [{"task_id": 1, "video": {}, "caption": "a cat"}])
    (run,) = empty_room.runs.unfinished()
    Trainer(empty_room.folder, [empty_room.project], empty_room.runs).carry_out(run)

    assert empty_room.portal.said("run-1").count("accepted") == 1
    assert empty_room.portal.said("run-1")[-1] == "succeeded"
    assert len(set(empty_room.portal.callback_ids)) == len(empty_room.portal.callback_ids)


def test_a_callback_that_was_cut_off_goes_out_again_as_it_was(empty_room, monkeypatch):
    monkeypatch.setattr("examples.portals.FIRST_PAUSE", 0.0)
    run = empty_room.run("run-1", [{"task_id": 1, "video": {}, "caption": "a cat"}])
    run.n_delivered -= 1
    run.status = "accepted"
    Trainer(empty_room.folder, [empty_room.project], empty_room.runs).carry_out(run)

    assert empty_room.portal.callbacks[-1] == empty_room.portal.callbacks[-2]
    assert empty_room.portal.callback_ids[-1] == empty_room.portal.callback_ids[-2]
    assert run.status == "succeeded"


def serve(room: Room) -> tuple[subprocess.Popen, int]:
    """Start the captioner as a process of its own; return it and its port."""
    environment = os.environ | {
        "PORTAL_URL": room.portal.url,
        "PORTAL_TOKEN": TOKEN,
        "WEBHOOK_SECRET": SECRET,
        "PROJECT": "shapes",
        "DATA": str(room.folder),
        "PORT": "0",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "examples.captioner", "serve"],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "listening" in line:
            return process, int(line.rstrip("/\n").rpartition(":")[2])
    raise AssertionError("The captioner ended without listening.")


def end(process: subprocess.Popen, number: int) -> int:
    process.send_signal(number)
    code = process.wait(30)
    assert process.stdout is not None
    process.stdout.close()
    return code


def test_a_trainer_that_is_killed_goes_on_with_the_run_it_accepted(empty_room):
    empty_room.portal.add_video("clip-1")
    empty_room.portal.gate.clear()
    event = empty_room.portal.retraining("run-1", [{"task_id": 1, "video": {}, "caption": "a cat"}])
    body = json.dumps(event).encode()
    process, port = serve(empty_room)
    assert httpx.post(f"http://127.0.0.1:{port}/", content=body, headers=signed(body)).is_success
    assert empty_room.portal.reached.wait(30)
    end(process, signal.SIGKILL)
    assert "succeeded" not in empty_room.portal.said("run-1")

    empty_room.portal.gate.set()
    process, port = serve(empty_room)
    empty_room.portal.wait_for("run-1", "succeeded")
    again = httpx.post(f"http://127.0.0.1:{port}/", content=body, headers=signed(body))
    code = end(process, signal.SIGTERM)

    assert (again.status_code, code) == (202, 0)
    said = empty_room.portal.said("run-1")
    assert said.count("accepted") == said.count("succeeded") == 1
    assert empty_room.posted("captioner-v2") == {Place("clip-1"): "a cat"}
