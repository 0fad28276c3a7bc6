"""The simulated world is what its shape says, and the same for the same seed."""

import numpy as np
import pytest

from portal.algorithms import worlds
from portal.algorithms.worlds import N_ANSWERS, Shape


def test_a_seed_makes_the_same_world_and_the_same_answers() -> None:
    one, other = worlds.make(3, Shape()), worlds.make(3, Shape())
    assert np.array_equal(one.truth, other.truth)
    assert [one.answer(7, t) for t in range(50)] == [other.answer(7, t) for t in range(50)]


def test_people_come_in_the_shares_asked_for() -> None:
    world = worlds.make(0, Shape(n_people=20, experts=0.2, careless=0.3))
    assert world.is_careless.sum() == 6
    assert world.rate[:4].mean() > world.rate[10:].mean() > world.rate[4:10].mean()


def test_the_careless_do_not_mind_difficulty_and_others_do() -> None:
    world = worlds.make(1, Shape())
    careless, regular = int(np.flatnonzero(world.is_careless)[0]), 39
    assert world.chance(careless, -3.0, 0) == world.chance(careless, 3.0, 0)
    assert world.chance(regular, -3.0, 0) > world.chance(regular, 3.0, 0)


def test_colluders_repeat_the_popular_mistake_and_fail_at_gold() -> None:
    world = worlds.make(2, Shape(collusion=True))
    who = int(np.flatnonzero(world.is_careless)[0])
    assert [world.answer(who, t) for t in range(40)] == world.mistake[:40].tolist()
    assert not any(world.answers_gold_well(who, gold) for gold in range(40))


def test_wrong_answers_follow_the_popular_mistake_two_times_in_five() -> None:
    world = worlds.make(5, Shape(n_tasks=4000, careless=1.0, experts=0.0))
    said = np.array([world.answer(t % 40, t) for t in range(4000)])
    wrong = said != world.truth
    popular = (said == world.mistake)[wrong].mean()
    # Two in five, and a fifth of the even rest that happens to hit it.
    assert popular == pytest.approx(0.4 + 0.6 / (N_ANSWERS - 1), abs=0.03)
