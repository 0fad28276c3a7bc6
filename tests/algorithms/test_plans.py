from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from portal.algorithms.plans import DISCOUNTS, bound, plan

worlds = st.tuples(st.integers(1, 4), st.integers(1, 5)).flatmap(
    lambda shape: st.tuples(
        arrays.arrays(np.float64, shape, elements=st.floats(0, 1)),
        st.lists(st.integers(0, 3), min_size=shape[0], max_size=shape[0]),
        st.lists(st.integers(0, 3), min_size=shape[1], max_size=shape[1]),
        arrays.arrays(np.bool_, shape),
    )
)


@given(worlds)
def test_a_plan_keeps_capacity_need_never_twice_and_what_is_forbidden(world):
    gains, capacity, need, forbidden = world
    pairs = plan(gains, capacity, need, forbidden=forbidden)
    assert len({(pair.person, pair.task) for pair in pairs}) == len(pairs)
    assert all(not forbidden[pair.person, pair.task] for pair in pairs)
    for who, n in Counter(pair.person for pair in pairs).items():
        assert n <= capacity[who]
    for what, n in Counter(pair.task for pair in pairs).items():
        assert n <= need[what]


@given(worlds)
def test_no_plan_exceeds_the_bound(world):
    gains, capacity, need, forbidden = world
    found = sum(pair.gain for pair in plan(gains, capacity, need, forbidden=forbidden))
    assert found <= bound(gains, capacity, need, forbidden=forbidden, n_steps=50) + 1e-9


def best_by_trying_all(gains, capacity):
    return max(
        sum(gains[who, task] for task, who in enumerate(choice) if who is not None)
        for choice in product([None, 0, 1], repeat=gains.shape[1])
        if all(choice.count(who) <= capacity[who] for who in (0, 1))
    )


def test_the_plan_is_the_best_where_plain_greed_is_not():
    gains = np.asarray([[1.0, 0.95], [0.9, 0.1]])
    found = sum(pair.gain for pair in plan(gains, [1, 1], [1, 1]))
    assert found == pytest.approx(best_by_trying_all(gains, [1, 1])) == pytest.approx(1.85)


def test_a_second_answer_is_worth_its_discount():
    pairs = plan(np.asarray([[1.0], [0.8]]), [1, 1], [2])
    assert [pair.gain for pair in pairs] == pytest.approx([1.0, 0.8 * DISCOUNTS[1]])


def test_answers_that_a_task_has_already_are_counted():
    pairs = plan(np.asarray([[1.0, 0.7]]), [1], [1, 1], taken=[2, 0])
    assert [(pair.task, pair.gain) for pair in pairs] == [(1, 0.7)]


def test_a_large_plan_is_near_the_bound_and_far_better_than_chance():
    rng = np.random.default_rng(0)
    gains = rng.beta(2, 2, (40, 300)) * rng.uniform(0.2, 1.0, 300)
    pairs = plan(gains, [10] * 40, [3] * 300)
    found = sum(pair.gain for pair in pairs)
    assert found >= 0.95 * bound(gains, [10] * 40, [3] * 300)
    assert found >= 1.6 * 400 * gains.mean()


def test_the_same_question_gets_the_same_plan():
    gains = np.random.default_rng(1).random((5, 9)).round(1)
    assert plan(gains, [3] * 5, [2] * 9) == plan(gains.copy(), [3] * 5, [2] * 9)


def test_nobody_and_nothing_make_an_empty_plan():
    assert plan(np.empty((0, 3)), [], [1, 1, 1]) == ()
    assert plan(np.empty((2, 0)), [1, 1], []) == ()
    assert plan(np.zeros((2, 2)), [1, 1], [1, 1]) == ()


@pytest.mark.parametrize(
    "extra",
    [
        {"capacity": [1]},
        {"need": [1]},
        {"taken": [0]},
        {"forbidden": np.zeros((1, 2), dtype=bool)},
        {"gains": np.asarray([[np.nan, 1.0], [1.0, 1.0]])},
    ],
)
def test_shapes_that_do_not_fit_are_refused(extra):
    question = {"gains": np.ones((2, 2)), "capacity": [1, 1], "need": [1, 1]} | extra
    with pytest.raises(ValueError):
        plan(**question)
