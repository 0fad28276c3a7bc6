import numpy as np
import pytest

from portal.algorithms import abilities
from portal.algorithms.abilities import Evidence, fit, fit_difficulties, unknown


def evidence(rows):
    person, tag, difficulty, correct = zip(*rows, strict=True)
    return Evidence(
        np.asarray(person),
        np.asarray(tag),
        np.asarray(difficulty, float),
        np.asarray(correct, float),
    )


def test_without_evidence_everybody_is_average():
    nothing = Evidence(*(np.empty(0, dtype=kind) for kind in (int, int, float, float)))
    fitted = fit(nothing, unknown(3, 2))
    assert fitted.by_tag == pytest.approx(np.full((3, 2), abilities.MEAN))


def test_being_right_on_hard_tasks_shows_more_ability_than_on_easy_ones():
    rows = [(0, 0, 2.0, 1.0)] * 6 + [(1, 0, -2.0, 1.0)] * 6
    fitted = fit(evidence(rows), unknown(2, 1))
    assert fitted.reliability[0, 0] > fitted.reliability[1, 0] + 0.1


def test_failing_hard_tasks_is_held_less_against_people_than_failing_easy_ones():
    rows = [(0, 0, 2.0, 0.0)] * 6 + [(1, 0, -2.0, 0.0)] * 6
    fitted = fit(evidence(rows), unknown(2, 1))
    assert fitted.by_tag[0, 0] > fitted.by_tag[1, 0] + 1.0


def test_a_domain_without_answers_leans_on_the_others():
    fitted = fit(evidence([(0, 0, 0.0, 0.0)] * 20), unknown(1, 2))
    assert fitted.by_tag[0, 0] < fitted.by_tag[0, 1] < abilities.MEAN


def test_abilities_are_found_back_from_answers_made_of_them():
    rng = np.random.default_rng(0)
    true = rng.normal(0.8, 1.0, 30)
    person = np.repeat(np.arange(30), 120)
    hard = rng.normal(0.0, 1.0, len(person))
    right = rng.random(len(person)) < 1 / (1 + np.exp(hard - true[person]))
    table = Evidence(person, np.zeros_like(person), hard, right.astype(float))
    fitted = fit(table, unknown(30, 1))
    assert np.corrcoef(fitted.by_tag[:, 0], true)[0, 1] > 0.95
    assert np.abs(fitted.by_tag[:, 0] - true).mean() < 0.3


def test_a_task_that_able_people_fail_is_hard():
    zero = np.zeros(2)
    hard = fit_difficulties(
        zero, zero, np.asarray([0, 0, 1, 1]), np.full(4, 2.0), np.asarray([0.0, 0.0, 1.0, 1.0])
    )
    assert hard[0] > 0.3 > 0.0 > hard[1]


def test_a_person_outside_the_table_is_refused():
    with pytest.raises(ValueError):
        fit(evidence([(5, 0, 0.0, 1.0)]), unknown(2, 1))
