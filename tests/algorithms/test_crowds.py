import numpy as np
import pytest

from portal.algorithms.abilities import Evidence
from portal.algorithms.crowds import begin, fit


def answers_of(rates, truth, rng):
    right = rng.random((len(truth), len(rates))) < np.asarray(rates)
    wrong = (truth[:, None] + rng.integers(1, 5, right.shape)) % 5
    return np.where(right, truth[:, None], wrong)


def test_reliable_people_are_recognised_without_being_told_the_truth():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, 150)
    rates = np.asarray([0.95, 0.85, 0.7, 0.4, 0.2])
    answers = answers_of(rates, truth, rng)
    blank, tags = np.zeros(150), np.zeros(150, dtype=int)
    crowd = fit(answers, tags, blank, n_tags=1, n_answers=5)
    assert crowd.abilities.overall.argsort()[::-1].tolist() == [0, 1, 2, 3, 4]
    plain = np.asarray([np.bincount(row, minlength=5).argmax() for row in answers])
    assert (crowd.posteriors.argmax(axis=1) == truth).mean() > (plain == truth).mean()


def test_a_colluding_majority_is_believed_without_gold_and_not_with_it():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 5, 80)
    honest = answers_of([0.9, 0.85, 0.9], truth, rng)
    agreed = np.repeat(((truth + 1) % 5)[:, None], 5, axis=1)
    answers = np.concatenate([honest, agreed], axis=1)
    blank, tags = np.zeros(80), np.zeros(80, dtype=int)
    person = np.repeat(np.arange(8), 8)
    gold = Evidence(person, np.zeros_like(person), np.zeros(64), (person < 3).astype(float))
    fooled, awake = (
        fit(answers, tags, blank, n_tags=1, n_answers=5, gold=known).posteriors.argmax(axis=1)
        for known in (None, gold)
    )
    assert (fooled == truth).mean() < 0.2
    assert (awake == truth).mean() > 0.9


def test_tasks_that_split_people_turn_out_hard():
    answers = np.asarray([[0, 0, 0, 0], [0, 1, 2, 3]] * 20)
    blank, tags = np.zeros(40), np.zeros(40, dtype=int)
    crowd = fit(answers, tags, blank, n_tags=1, n_answers=5)
    assert crowd.difficulties[1::2].min() > crowd.difficulties[0::2].max()


def test_nobody_answering_changes_no_belief_about_answers():
    blank, tags = np.zeros(3), np.zeros(3, dtype=int)
    crowd = fit(np.full((3, 2), -1), tags, blank, n_tags=1, n_answers=4)
    assert crowd.posteriors == pytest.approx(np.full((3, 4), 0.25))


def test_the_same_evidence_gives_the_same_belief():
    rng = np.random.default_rng(2)
    answers = answers_of([0.8, 0.6, 0.5], rng.integers(0, 5, 30), rng)
    tags, hard = rng.integers(0, 2, 30), rng.normal(size=30)
    one, two = (fit(answers, tags, hard, n_tags=2, n_answers=5) for _ in range(2))
    assert (one.posteriors == two.posteriors).all()


def test_gold_is_known_of_people_before_they_answer_anything():
    gold = Evidence(np.zeros(6, int), np.zeros(6, int), np.zeros(6), np.zeros(6))
    failed, unknown = begin(np.zeros(1), 2, 1, 5, gold).abilities.overall
    assert failed < unknown - 0.5


def test_tables_that_do_not_fit_are_refused():
    with pytest.raises(ValueError):
        fit(np.zeros((3, 2), int), np.zeros(2, int), np.zeros(3), n_tags=1, n_answers=4)
