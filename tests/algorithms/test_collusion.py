"""Who writes alike beyond what both share with others, and what becomes of their voices."""

from dataclasses import replace

import numpy as np
import pytest

from portal.algorithms import flags
from portal.algorithms.consensus import Caption, decide
from portal.algorithms.fading import steepest
from portal.algorithms.parameters import Parameters
from portal.algorithms.reliability import refit

WORDS = [f"w{n}" for n in range(80)]
RING = (0, 1, 2)


def portal(habit: str, n_tasks: int = 120) -> list[list[Caption]]:
    """Ten people write twelve words a task with one in four wrong; three of them collude."""
    rng = np.random.default_rng(21)
    tasks = []
    for number in range(n_tasks):
        truth, private = rng.choice(WORDS, 12).tolist(), rng.choice(WORDS, 12).tolist()
        captions: list[Caption] = []
        people = rng.choice(10, 5, replace=False).tolist()
        led = next((seen(rng, truth, 0.25) for who in people if who in RING), "")
        for at, who in enumerate(people):
            text = seen(rng, truth, 0.25)
            if who in RING and habit == "leader":
                text = led
            elif who in RING and habit == "private":
                text = " ".join(private)
            elif who in RING and habit == "reworded":
                text = seen(rng, private, 0.2)
            captions.append(Caption(number * 10 + at, text, who))
        tasks.append(captions)
    return tasks


def seen(rng: np.random.Generator, truth: list[str], noise: float) -> str:
    return " ".join(w if rng.random() > noise else str(rng.choice(WORDS)) for w in truth)


@pytest.mark.parametrize("habit", ["leader", "private", "reworded"])
def test_a_ring_is_named_flagged_and_nobody_else(habit: str) -> None:
    tasks = portal(habit)
    fitted = refit(tasks)
    assert fitted.parameters.rings == {(0, 1), (0, 2), (1, 2)}
    found = [flag for flag in flags.find(tasks, fitted) if flag.kind == "collusion"]
    assert {flag.author for flag in found} == set(RING)
    assert "2 others" in found[0].evidence


def test_honest_people_make_no_ring() -> None:
    assert refit(portal("none")).parameters.rings == frozenset()


def test_a_ring_counts_as_one_voice_and_cannot_outvote_two_honest_people() -> None:
    lie, truth = "a cat sleeps on a mat", ("a dog runs on a beach", "a dog is running on a beach")
    texts = (lie, lie, lie, *truth)
    captions = [Caption(n, text, n) for n, text in enumerate(texts)]
    known = Parameters(rings=frozenset({(0, 1), (0, 2), (1, 2)}))
    assert decide(captions).caption == lie
    decision = decide(captions, parameters=known)
    assert decision.caption in truth
    assert not decision.split
    assert sum(each.discount for each in decision.candidates if each.author in RING) <= 1.0001


def test_rings_are_part_of_what_a_snapshot_keeps() -> None:
    known = Parameters(rings=frozenset({(1, 2), (1, 3)}))
    kept = known.restricted_to(["a dog"], [1, 2, 5])
    assert kept.rings == {(1, 2)}
    assert Parameters.from_json(known.to_json()) == known
    assert replace(Parameters.from_json({}), rings=frozenset()) == Parameters()


def test_a_series_that_falls_is_split_where_it_does() -> None:
    fall = steepest([0.8] * 20 + [0.2] * 20, 8)
    assert fall is not None
    assert (fall.at, fall.before, fall.after) == (20, pytest.approx(0.8), pytest.approx(0.2))
    assert steepest([0.1 * n for n in range(30)], 8) is None
    assert steepest([0.5] * 10, 8) is None
