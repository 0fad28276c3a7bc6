import numpy as np
import pytest

from portal.algorithms import skills
from portal.algorithms.matching import information_gain, rank

EVEN = np.full((1, 6), 1 / 6)


def by_the_book(belief, right):
    n = len(belief)
    table = np.full((n, n), (1 - right) / (n - 1))
    np.fill_diagonal(table, right)
    heard = belief @ table

    def entropy(p):
        return -(p * np.log(p)).sum()

    after = sum(heard[a] * entropy(belief * table[:, a] / heard[a]) for a in range(n))
    return entropy(belief) - after


@pytest.mark.parametrize("right", [0.05, 0.25, 0.8])
def test_information_gain_is_the_expected_fall_of_entropy(right):
    belief = np.asarray([0.5, 0.3, 0.1, 0.1])
    gain = information_gain(belief[None], np.asarray([right]))
    assert gain == pytest.approx([by_the_book(belief, right)])


def test_an_answer_by_chance_teaches_nothing():
    assert information_gain(EVEN, np.asarray([1 / 6])) == pytest.approx([0.0])


def test_a_settled_task_teaches_little():
    sure = np.asarray([[0.99] + [0.002] * 5])
    assert information_gain(sure, np.asarray([0.8])) < 0.1 * information_gain(
        EVEN, np.asarray([0.8])
    )


def ranked(reliability, difficulties, **extra):
    belief = np.full((len(difficulties), 6), 1 / 6)
    people = skills.reference_people(np.asarray([0.4, 0.6, 0.8]))
    own = skills.accuracy(reliability, difficulties)
    return rank(belief, own, skills.accuracy(people[:, None], difficulties), **extra)


def test_hard_tasks_go_to_the_reliable_and_easy_ones_to_the_rest():
    difficulties = np.asarray([-1.0, 0.0, 1.0])
    assert ranked(0.95, difficulties).order[0] == 2
    assert ranked(0.45, difficulties).order[0] == 0


def test_people_get_the_domain_that_they_are_best_at():
    belief, reference = np.full((2, 6), 1 / 6), np.full((3, 2), 0.6)
    assert rank(belief, np.asarray([0.5, 0.8]), reference).order.tolist() == [1, 0]


def test_where_nobody_has_an_advantage_the_task_that_teaches_most_leads():
    belief = np.asarray([[0.9, 0.05, 0.05], [0.4, 0.3, 0.3]])
    alike = np.full((3, 2), 0.7)
    assert rank(belief, alike[0], alike).order.tolist() == [1, 0]


def test_equal_tasks_stay_in_due_order():
    assert ranked(0.7, np.zeros(5)).order.tolist() == [0, 1, 2, 3, 4]


def test_of_tasks_much_alike_the_most_pressing_goes_first_and_not_the_easiest():
    accuracies = skills.accuracy(0.7, np.asarray([0.98, 0.975, 0.97, 0.965]))
    alone = rank(np.full((4, 6), 1 / 6), accuracies, np.tile(accuracies, (3, 1)))
    assert alone.order.tolist() == [0, 1, 2, 3]


def test_an_overdue_first_task_leads():
    difficulties = np.asarray([-1.0, 0.0, 1.0])
    assert ranked(0.95, difficulties, is_first_overdue=True).order.tolist() == [0, 2, 1]


def test_no_candidates_rank_to_nothing():
    nobody = np.empty((3, 0))
    assert rank(np.empty((0, 6)), np.empty(0), nobody, is_first_overdue=True).order.tolist() == []


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError):
        information_gain(EVEN, np.asarray([0.5, 0.5]))
