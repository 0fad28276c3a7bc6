"""Who agrees with whom, by hand."""

import pytest

from portal.algorithms.agreements import Agreement, Weighed, pairwise, with_others

LIKE = ((1.0, 0.8, 0.2), (0.8, 1.0, 0.4), (0.2, 0.4, 1.0))


def test_pairs_average_over_the_tasks_they_met_on():
    other = ((1.0, 0.5), (0.5, 1.0))
    pairs = pairwise([Weighed((7, 3, 9), LIKE)] * 3 + [Weighed((3, 7), other)])
    assert pairs[3, 7].n_tasks == 4
    assert pairs[3, 7].mean == pytest.approx((3 * 0.8 + 0.5) / 4)
    assert pairs[7, 9] == Agreement(pytest.approx(0.2), 3)
    assert pairs[3, 9] == Agreement(pytest.approx(0.4), 3)


def test_the_order_of_captions_and_tasks_does_not_matter():
    turned = Weighed((9, 3, 7), tuple(tuple(row[::-1]) for row in LIKE[::-1]))
    assert pairwise([Weighed((7, 3, 9), LIKE)] * 3) == pairwise([turned] * 3)


def test_copies_say_nothing_of_each_other_and_two_meetings_are_too_few():
    copied = Weighed((1, 2, 3), LIKE, copies={0, 1})
    assert set(pairwise([copied] * 3)) == {(1, 3), (2, 3)}
    assert pairwise([copied] * 2) == {}
    assert pairwise([]) == {}


def test_a_person_with_all_others_weighs_pairs_by_their_tasks():
    pairs = {(1, 2): Agreement(0.8, 3), (1, 3): Agreement(0.2, 9)}
    assert with_others(pairs)[1] == Agreement(pytest.approx((2.4 + 1.8) / 12), 12)
    assert with_others({}) == {}
