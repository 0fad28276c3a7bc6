import pytest

from portal.algorithms import gold
from portal.algorithms.gold import Policy, Reason, Record, reason_to_serve


def test_a_newcomer_begins_with_gold():
    assert reason_to_serve(Record(n_answered=0, n_unseen=9), draw=0.99) is Reason.NEWCOMER


def test_a_newcomer_meets_gold_among_the_rest():
    record = Record(n_answered=1, n_unseen=9, sum_right=1)
    assert reason_to_serve(record, draw=0.49) is Reason.NEWCOMER
    assert reason_to_serve(record, draw=0.51) is None


def test_an_empty_pool_never_blocks():
    for record in (Record(0, 0), Record(9, 0, is_quarantined=True), Record(9, 0, sum_right=1)):
        assert reason_to_serve(record, draw=0.0) is None


def test_a_project_without_gold_serves_none():
    assert reason_to_serve(Record(0, 9), draw=0.0, policy=Policy(first=0)) is None


def test_whoever_has_passed_meets_gold_by_chance():
    record = Record(n_answered=4, n_unseen=9, sum_right=4)
    assert reason_to_serve(record, draw=0.039) is Reason.CHANCE
    assert reason_to_serve(record, draw=0.041) is None


def test_poor_gold_brings_more_gold():
    record = Record(n_answered=4, n_unseen=9, sum_right=1)
    assert reason_to_serve(record, draw=0.24) is Reason.UNRELIABLE
    assert reason_to_serve(record, draw=0.26) is None


def test_one_slip_does_not_make_anybody_unreliable():
    assert Record(n_answered=4, n_unseen=1, sum_right=3).trust > gold.UNRELIABLE


def test_the_quarantined_get_gold_only():
    record = Record(n_answered=30, n_unseen=9, sum_right=30, is_quarantined=True)
    assert reason_to_serve(record, draw=0.99) is Reason.QUARANTINED


@pytest.mark.parametrize(
    ("n", "accuracy", "proposed"), [(7, 0.0, False), (8, 0.39, True), (8, 0.40, False)]
)
def test_quarantine_is_proposed_on_eight_gold_answers_below_two_fifths(n, accuracy, proposed):
    assert gold.proposes_quarantine(n, accuracy) is proposed


def test_release_needs_more_right_than_led_to_quarantine():
    assert not gold.releases([1.0, 0.0, 1.0, 0.0])
    assert gold.releases([1.0, 0.0, 1.0, 1.0])


def test_release_needs_four_answers_and_looks_at_the_newest_eight():
    assert not gold.releases([1.0, 1.0, 1.0])
    assert gold.releases([0.0] * 20 + [1.0] * 5 + [0.0] * 3)
    assert not gold.releases([1.0] * 20 + [1.0] * 4 + [0.0] * 4)


def test_a_mark_at_the_limit_is_right():
    assert gold.accuracy([gold.RIGHT, gold.RIGHT - 1e-9]) == 0.5
    assert gold.accuracy([]) == 0.0


def test_a_manager_is_warned_before_gold_runs_out():
    assert gold.runs_low(Record(n_answered=20, n_unseen=2))
    assert not gold.runs_low(Record(n_answered=20, n_unseen=3))
    assert gold.runs_low(Record(n_answered=0, n_unseen=3))
    assert not gold.runs_low(Record(n_answered=0, n_unseen=0), Policy(first=0))
    assert gold.runs_low(Record(n_answered=20, n_unseen=13), per_day=2.0)
    assert not gold.runs_low(Record(n_answered=20, n_unseen=14), per_day=2.0)
