"""The simulated annotators."""

import json

import numpy as np
import pytest

from examples.captioner.pictures import Place
from examples.crowd import __main__ as crowd
from examples.crowd.people import KINDS, PASTED, Person
from examples.crowd.shifts import Shift
from examples.portals import Portal, Refused
from examples.shapes import scenes, wordings
from tests.examples.portals import TOKEN

PEOPLE = [
    Person("ada", "expert", 1),
    Person("ben", "regular", 1),
    Person("cleo", "regular", 1),
    Person("dan", "careless", 1),
    Person("eve", "spammer", 1),
]


@pytest.fixture
def truth(portal):
    rng = np.random.default_rng(1)
    drawn = {Place(f"clip-{n}"): scenes.draw(rng).slots() for n in range(8)}
    portal.tasks = [
        {
            "id": n,
            "video": {"video_id": place.video_id},
            "start": None,
            "end": None,
            "status": "open",
        }
        for n, place in enumerate(drawn, start=1)
    ]
    return drawn


def mean_accuracy(kind: str) -> float:
    rng = np.random.default_rng(5)
    person, shares = Person("someone", kind, 1), []
    for task_id in range(200):
        slots = scenes.draw(rng).slots()
        shares.append(wordings.agreement(person.describe(task_id, slots)[0], slots))
    return float(np.mean(shares))


def test_skill_shows_in_what_people_write():
    expert, regular, careless, spammer = (mean_accuracy(kind) for kind in KINDS)

    assert expert > 0.99 > regular > 0.95 > 0.9 > careless > 0.7 > 0.5 > spammer


def test_a_spammer_pastes_and_is_quick():
    slots = scenes.draw(np.random.default_rng(1)).slots()

    assert {Person("eve", "spammer", 1).describe(n, slots)[0] for n in range(5)} == {PASTED}
    assert Person("eve", "spammer", 1).describe(1, slots)[1] < 8


def test_people_put_the_same_thing_in_different_words():
    slots = scenes.Scene("small", "blue", "circle", "moves left", "quickly", "stops").slots()
    written = {Person("ben", "regular", 1).describe(n, slots)[0] for n in range(60)}

    assert len(written) > 5


def test_what_a_person_writes_depends_on_the_seed_and_the_task_alone():
    slots = scenes.draw(np.random.default_rng(1)).slots()
    ben = Person("ben", "regular", 1)
    later = [ben.describe(n, slots) for n in (3, 2, 1)][::-1]

    assert [Person("ben", "regular", 1).describe(n, slots) for n in (1, 2, 3)] == later
    assert [Person("ben", "regular", 2).describe(n, slots) for n in (1, 2, 3)] != later


def test_a_careful_reviewer_scores_right_above_wrong_and_says_what_is_wrong():
    slots = scenes.Scene("small", "blue", "circle", "moves left", "quickly", "").slots()
    ada = Person("ada", "expert", 1)
    right, _ = ada.score(1, "a small blue circle moves left quickly", slots)
    wrong, why = ada.score(1, "a large red circle moves left quickly", slots)

    assert right > 0.85 > 0.75 > wrong
    assert why == "Check the size and the colour."


def test_a_crowd_works_until_nothing_is_left(portal, truth):
    tally = Shift(Portal(portal.url, TOKEN), truth).work(PEOPLE)

    assert {task["status"] for task in portal.tasks} == {"settled"}
    assert len(tally.settled) == len(portal.tasks) == 8
    assert tally.n_captions == len(portal.annotations) == 24
    assert tally.n_votes == len(portal.votes) > 0
    assert all(row["seconds"] > 0 and row["lease"] for row in portal.annotations)


def test_a_crowd_stops_in_time_and_leaves_work(portal, truth):
    Shift(Portal(portal.url, TOKEN), truth, stop_after=3).work(PEOPLE, at_once=1)

    assert [task["status"] for task in portal.tasks].count("settled") == 3


def test_nobody_votes_on_their_own_caption(portal, truth):
    Shift(Portal(portal.url, TOKEN), truth).work(PEOPLE)
    authors = {row["id"]: row["annotator_id"] for row in portal.annotations}

    assert all(authors[vote["annotation_id"]] != vote["annotator_id"] for vote in portal.votes)


def test_a_clip_that_nobody_knows_is_skipped(portal, truth):
    truth.pop(Place("clip-0"))
    Shift(Portal(portal.url, TOKEN), truth).work(PEOPLE)

    assert portal.tasks[0]["status"] == "parked"
    assert all(row["task_id"] != portal.tasks[0]["id"] for row in portal.annotations)


def test_a_task_that_closed_meanwhile_is_no_failure_but_another_refusal_is(portal, truth):
    portal.statuses["/api/v1/tasks/1/annotations"] = [409]
    tally = Shift(Portal(portal.url, TOKEN), truth).work(PEOPLE, at_once=1)
    assert tally.n_late == 1

    portal.tasks[0]["status"] = "open"
    portal.statuses["/api/v1/tasks/assign"] = [403]
    with pytest.raises(Refused):
        Shift(Portal(portal.url, TOKEN), truth).work(PEOPLE, at_once=1)


def test_the_shell_command_reads_its_file_and_counts(portal, truth, tmp_path, capsys):
    rows = [{"video_id": place.video_id, "slots": slots} for place, slots in truth.items()]
    (tmp_path / "truth.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = {
        "portal": portal.url,
        "token": TOKEN,
        "truth": "truth.jsonl",
        "people": [{"annotator_id": one.annotator_id, "kind": one.kind} for one in PEOPLE],
    }
    path = tmp_path / "people.json"
    path.write_text(json.dumps(told))

    assert crowd.main(["--config", str(path)]) == 0
    assert "24 captions" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change", [{"people": [{"annotator_id": "a", "kind": "x"}]}, {"token": None}]
)
def test_the_shell_command_names_what_is_wrong(tmp_path, capsys, change):
    told = {"portal": "http://127.0.0.1:9", "token": "t", "truth": "none", "people": []} | change
    path = tmp_path / "people.json"
    path.write_text(json.dumps({name: value for name, value in told.items() if value is not None}))

    assert crowd.main(["--config", str(path)]) == 1
    assert capsys.readouterr().err
