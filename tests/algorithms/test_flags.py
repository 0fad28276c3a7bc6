"""Who is flagged, with what evidence, and who is not."""

from collections.abc import Callable

import numpy as np
import pytest

from portal.algorithms import flags
from portal.algorithms.consensus import Caption
from portal.algorithms.reliability import refit

SUBJECTS = ["man", "woman", "dog", "cat", "boy", "girl", "horse", "bird", "team", "chef"]
ACTIONS = ["rides", "paints", "washes", "throws", "carries", "repairs", "watches", "cuts", "lifts"]
OBJECTS = ["bike", "wall", "car", "ball", "box", "engine", "film", "onion", "stone", "boat", "kite"]
PLACES = ["park", "street", "kitchen", "garden", "river", "garage", "school", "field", "market"]
N_TASKS, N_PEOPLE, CHEAT = 150, 10, 3

Cheat = Callable[[str, str, int], str]


def portal(cheat: Cheat | None = None, shown: bool = False) -> list[list[Caption]]:
    """Ten people, five a task; person 3 writes what `cheat` makes of (truth, prediction, n)."""
    rng = np.random.default_rng(11)
    tasks, n_cheated = [], 0
    scenes = [
        [str(rng.choice(each)) for each in (SUBJECTS, ACTIONS, OBJECTS, PLACES)]
        for _ in range(N_TASKS)
    ]
    for number, scene in enumerate(scenes):
        wrong = scenes[(number + 7) % N_TASKS]
        prediction = honest(rng, wrong if rng.random() < 0.3 else scene)
        captions = []
        for who in rng.choice(N_PEOPLE, 5, replace=False).tolist():
            text = honest(rng, scene)
            if cheat is not None and who == CHEAT:
                text, n_cheated = cheat(text, prediction, n_cheated), n_cheated + 1
            key = number * 10 + len(captions)
            captions.append(Caption(key, text, who, shown_prediction=prediction if shown else None))
        tasks.append(captions)
    return tasks


def honest(rng: np.random.Generator, scene: list[str]) -> str:
    subject, action, thing, place = (
        word if rng.random() > 0.1 else str(rng.choice(words))
        for word, words in zip(scene, (SUBJECTS, ACTIONS, OBJECTS, PLACES), strict=True)
    )
    forms = (
        f"a {subject} {action} a {thing} in the {place}",
        f"the {subject} {action} the {thing} at a {place}",
        f"{subject} in a {place} {action} some {thing}",
    )
    return forms[rng.integers(3)]


def kinds_of(
    tasks: list[list[Caption]], gold: dict[int, list[float]] | None = None
) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for flag in flags.find(tasks, refit(tasks), gold):
        assert flag.evidence.endswith(".")
        found.setdefault(flag.author, set()).add(flag.kind)
    return found


@pytest.mark.parametrize("shown", [False, True])
def test_honest_people_are_not_flagged(shown: bool) -> None:
    assert kinds_of(portal(shown=shown)) == {}


@pytest.mark.parametrize(
    ("cheat", "kind"),
    [
        (lambda text, prediction, n: "a person is doing something nice", "one_text"),
        (lambda text, prediction, n: "ok", "too_short"),
        (
            lambda text, prediction, n: SUBJECTS[n % 10] + " " + PLACES[n % 7] + " thing",
            "low_agreement",
        ),
        (
            lambda text, prediction, n: f"someone is seen doing some thing in video {n}",
            "same_wording",
        ),
    ],
)
def test_careless_work_is_flagged_and_nobody_else(cheat: Cheat, kind: str) -> None:
    found = kinds_of(portal(cheat))
    assert kind in found[CHEAT]
    assert set(found) == {CHEAT}


def test_a_copier_of_the_prediction_is_flagged() -> None:
    found = kinds_of(portal(lambda text, prediction, n: prediction, shown=True))
    assert "copies_prediction" in found[CHEAT]
    assert set(found) == {CHEAT}


def test_a_paraphraser_of_the_prediction_is_flagged() -> None:
    def reword(text: str, prediction: str, n: int) -> str:
        return prediction.replace("the ", "that ").replace(" a ", " one ") + " now"

    found = kinds_of(portal(reword, shown=True))
    assert "leans_on_prediction" in found[CHEAT]
    assert set(found) == {CHEAT}


def test_good_at_first_then_lazy_is_flagged() -> None:
    def tire(text: str, prediction: str, n: int) -> str:
        return text if n < 35 else f"{OBJECTS[n % 11]} and {ACTIONS[n % 9]} by {SUBJECTS[n % 7]}"

    found = kinds_of(portal(tire))
    assert "drift" in found[CHEAT]


def test_good_on_gold_then_lazy_is_flagged() -> None:
    tasks = portal(lambda text, prediction, n: f"{OBJECTS[n % 11]} {SUBJECTS[n % 7]} there {n % 5}")
    gold = {who: [0.9, 0.8] for who in range(N_PEOPLE)}
    assert "drift" in kinds_of(tasks, gold)[CHEAT]


def test_terse_but_correct_people_are_not_flagged() -> None:
    def shorten(text: str, prediction: str, n: int) -> str:
        return " ".join(w for w in text.split() if w not in ("a", "the", "some", "in", "at"))

    assert kinds_of(portal(shorten)) == {}


def test_nothing_to_look_at_is_no_flag() -> None:
    assert flags.find([], refit([])) == ()
