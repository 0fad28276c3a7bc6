import numpy as np
import pytest

from portal.algorithms import skills


def test_a_newcomer_is_right_two_times_in_three():
    assert skills.overall(0, 0) == pytest.approx(2 / 3)
    assert skills.overall(9, 10) == pytest.approx(13 / 16)


def test_a_tag_without_answers_takes_the_overall_rate():
    assert skills.by_tag([0.0, 6.0], [0, 6], 0.5).tolist() == [0.5, 0.75]


@pytest.mark.parametrize(("level", "logits"), [(1, -1.0), (5, 0.0), (10, 1.0)])
def test_levels_are_a_logit_apart(level, logits):
    assert skills.difficulty(0.9, level) == logits


def test_without_a_level_difficulty_follows_uncertainty():
    assert [skills.difficulty(u) for u in (0.0, 0.5, 1.0)] == [-1.0, 0.0, 1.0]


def test_a_level_in_between_is_refused():
    with pytest.raises(ValueError):
        skills.difficulty(0.5, 7)


def test_difficulty_moves_the_odds_by_its_exponential():
    assert skills.accuracy(0.5, 1.0) == pytest.approx(1 / (1 + np.e))
    assert skills.accuracy(0.8, 0.0) == pytest.approx(0.8)


def test_accuracy_is_never_certain():
    assert skills.accuracy([0.0, 1.0], [5.0, -5.0]).tolist() == [0.03, 0.97]


def test_reference_people_stand_at_the_percentiles_of_each_tag():
    people = np.linspace(0.0, 1.0, 101)[:, None] * np.asarray([1.0, 0.5])
    assert skills.reference_people(people) == pytest.approx(
        np.asarray([[0.2, 0.1], [0.5, 0.25], [0.8, 0.4]])
    )


def test_with_nobody_known_the_reference_people_stand_around_the_prior():
    assert skills.reference_people(np.empty((0, 4))).shape == (3, 4)
    low, middle, high = skills.reference_people(np.empty(0))
    assert low < middle < high
    assert middle == pytest.approx(2 / 3)
