import numpy as np

from portal.algorithms.abilities import Evidence
from portal.algorithms.crowds import begin, no_evidence, refit


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
    crowd = refit(begin(blank, 5, 1, 5), answers, tags, blank, no_evidence())
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
    start = begin(blank, 8, 1, 5)
    person = np.repeat(np.arange(8), 8)
    gold = Evidence(person, np.zeros_like(person), np.zeros(64), (person < 3).astype(float))
    fooled = refit(start, answers, tags, blank, no_evidence()).posteriors.argmax(axis=1)
    warned = begin(blank, 8, 1, 5, gold)
    awake = refit(warned, answers, tags, blank, gold).posteriors.argmax(axis=1)
    assert (fooled == truth).mean() < 0.2
    assert (awake == truth).mean() > 0.9


def test_tasks_that_split_people_turn_out_hard():
    answers = np.asarray([[0, 0, 0, 0], [0, 1, 2, 3]] * 20)
    blank, tags = np.zeros(40), np.zeros(40, dtype=int)
    crowd = refit(begin(blank, 4, 1, 5), answers, tags, blank, no_evidence())
    assert crowd.difficulties[1::2].min() > crowd.difficulties[0::2].max()


def test_nobody_answering_changes_no_belief_about_answers():
    blank, tags = np.zeros(3), np.zeros(3, dtype=int)
    crowd = refit(begin(blank, 2, 1, 4), np.full((3, 2), -1), tags, blank, no_evidence())
    assert (crowd.posteriors == 0.25).all()
