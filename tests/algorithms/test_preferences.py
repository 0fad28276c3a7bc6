import numpy as np
import pytest

from portal.algorithms.preferences import Preference, bradley_terry, e_value, sign_test


def test_a_task_speaks_once_however_many_voted():
    found = sign_test([1, 1, 1, -1, 0, 1, -1], ["a", "a", "a", "b", "c", "d", "d"])
    assert (found.n_better, found.n_worse, found.n_even) == (1, 1, 2)


def test_p_is_the_binomial_tail():
    found = sign_test([1] * 9 + [-1], range(10))
    assert found.p_better == pytest.approx(11 / 1024)
    assert found.p_worse == pytest.approx(1023 / 1024)


def test_no_votes_prove_nothing():
    found = sign_test([], [])
    assert (found.p_better, found.p_worse) == (1.0, 1.0)
    assert not found.is_not_worse
    assert not found.is_worse


def test_not_worse_takes_more_votes_the_closer_it_is():
    assert not sign_test([1] * 5, range(5)).is_not_worse
    assert sign_test([1] * 16 + [-1] * 4, range(20)).is_not_worse
    assert not sign_test([1] * 10 + [-1] * 10, range(20)).is_not_worse
    assert sign_test([1, -1] * 200, range(400)).is_not_worse
    assert not sign_test([1] * 40 + [-1] * 60, range(100)).is_not_worse


def test_a_clear_majority_against_is_worse():
    assert sign_test([1] * 5 + [-1] * 20, range(25)).is_worse
    assert not sign_test([1] * 9 + [-1] * 11, range(20)).is_worse


def test_looking_after_each_vote_seldom_misleads():
    rng = np.random.default_rng(4)
    misled = 0
    for _ in range(200):
        votes = rng.random(120) < 0.4
        fors = votes.cumsum()
        misled += any(
            e_value(int(fors[n]), n + 1 - int(fors[n]), 0.4) >= 20 for n in range(0, 120, 2)
        )
    assert misled <= 10  # one in twenty


def test_no_votes_are_no_evidence_either_way():
    assert e_value(0, 0, 0.4) == pytest.approx(1.0)
    assert e_value(5_000, 0, 0.5) > 1e100


def test_thousands_of_votes_do_not_overflow():
    assert 0.4 < sign_test([1, -1] * 3_000, range(6_000)).p_better < 0.6


def test_votes_without_tasks_are_refused():
    with pytest.raises(ValueError):
        sign_test([1], [])


def test_the_preference_is_a_plain_value():
    assert sign_test([1], ["a"]) == Preference(1, 0, 0, pytest.approx(0.5), pytest.approx(1.0))


def test_bradley_terry_finds_the_odds_of_two_models():
    strengths = bradley_terry(np.asarray([[0.0, 75.0], [25.0, 0.0]]), draw_weight=0.0)
    assert strengths[0] / strengths[1] == pytest.approx(3.0)


def test_bradley_terry_orders_models_that_never_met():
    wins = np.asarray([[0, 8, 0], [2, 0, 8], [0, 2, 0]], dtype=float)
    assert bradley_terry(wins).argsort()[::-1].tolist() == [0, 1, 2]


def test_a_model_that_never_lost_stays_finite():
    strengths = bradley_terry(np.asarray([[0.0, 9.0], [0.0, 0.0]]))
    assert 0.9 < strengths[0] < 1.0
    assert strengths.sum() == pytest.approx(1.0)


def test_wins_are_a_square_of_counts():
    for wins in (np.zeros((2, 3)), np.asarray([[0.0, -1.0], [0.0, 0.0]])):
        with pytest.raises(ValueError):
            bradley_terry(wins)
