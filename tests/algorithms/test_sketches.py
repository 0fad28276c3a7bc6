import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.algorithms.sketches import BINS, Sketch, is_uncertain

shares = st.lists(st.floats(0, 1), min_size=1, max_size=60)


@pytest.mark.parametrize(("a", "b"), [(1, 1), (30, 1), (1, 30), (8, 8), (200, 2)])
def test_ranks_are_close_to_the_true_ranks_whatever_the_model_s_scale(a, b):
    values = np.random.default_rng(0).beta(a, b, 5_000)
    true = values.argsort().argsort() / len(values)
    assert np.abs(Sketch().add(values).ranks(values) - true).max() < 0.03


def test_two_models_of_different_scales_open_the_same_share():
    rng = np.random.default_rng(1)
    for values in (rng.uniform(0.0, 0.1, 2_000), rng.uniform(0.6, 1.0, 2_000)):
        ranks = Sketch().add(values).ranks(values)
        assert np.mean([is_uncertain(rank) for rank in ranks]) == pytest.approx(0.3, abs=0.02)


def test_an_empty_sketch_believes_the_posted_value():
    assert Sketch().rank(0.83) == pytest.approx(0.83)


def test_a_single_value_does_not_make_itself_the_extreme():
    assert Sketch().add([0.9]).rank(0.9) == pytest.approx(0.9, abs=0.03)
    assert Sketch().add([0.2]).rank(0.2) == pytest.approx(0.2, abs=0.03)


def test_a_grown_sketch_forgets_what_was_imagined():
    values = np.full(100, 0.01)
    assert Sketch().add(values).rank(0.02) == 1.0


def test_ties_stand_in_the_middle():
    assert Sketch().add(np.full(500, 0.4)).rank(0.4) == 0.5


def test_a_model_that_always_posts_the_same_still_opens_its_share():
    sketch = Sketch().add(np.full(1_000, 0.5))
    ties = np.random.default_rng(2).uniform(size=1_000)
    ranks = sketch.ranks(np.full(1_000, 0.5), ties)
    assert np.mean(ranks > 0.7) == pytest.approx(0.3, abs=0.04)


@given(shares, shares)
def test_merging_is_adding_in_any_order(first, second):
    merged = Sketch().add(second).merge(Sketch().add(first))
    assert merged.to_list() == Sketch().add(first + second).to_list()


@given(shares, shares)
def test_removing_undoes_adding(first, second):
    sketch = Sketch().add(first)
    assert sketch.add(second).remove(second).to_list() == sketch.to_list()


@given(shares, st.floats(0, 1), st.floats(0, 1))
def test_ranks_never_fall_as_values_rise(values, one, other):
    sketch = Sketch().add(values)
    assert sketch.rank(min(one, other)) <= sketch.rank(max(one, other)) + 1e-12


@given(shares)
def test_a_sketch_survives_its_column(values):
    sketch = Sketch().add(values)
    stored = sketch.to_list()
    assert all(type(count) is int for count in stored)
    assert Sketch.from_list(stored).to_list() == stored
    assert sketch.n == len(values)


def test_an_empty_column_is_an_empty_sketch():
    assert Sketch.from_list([]).n == 0


def test_adding_leaves_the_sketch_as_it_was():
    sketch = Sketch()
    sketch.add([0.5])
    assert sketch.n == 0


@pytest.mark.parametrize("values", [[-0.1], [1.1], [float("nan")], [float("inf")]])
def test_values_outside_are_refused(values):
    with pytest.raises(ValueError):
        Sketch().add(values)


def test_what_was_never_added_cannot_be_removed():
    with pytest.raises(ValueError):
        Sketch().add([0.1]).remove([0.9])


def test_a_column_of_another_length_is_refused():
    with pytest.raises(ValueError):
        Sketch.from_list([1] * (BINS - 1))
