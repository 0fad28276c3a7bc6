import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.algorithms import priority
from portal.algorithms.priority import HOUR, Weights, key

share = st.floats(0, 1)


def test_the_score_is_the_weighted_sum_of_the_reference():
    found = key(
        uncertainty=0.8, crowding=0.5, conflict=0.6, is_begun=True, business=2.0, created_at=0.0
    )
    assert found.score == pytest.approx(0.7 * 0.8 * 0.5 + 0.2 * 0.6 + 0.1 + 0.15)
    assert found.virtual_due == pytest.approx(24 * HOUR * (1 - found.score))


def test_a_deadline_comes_first_where_it_is_sooner():
    found = key(uncertainty=0.1, created_at=0.0, due_at=10 * HOUR, lead_hours=4)
    assert found.virtual_due == 6 * HOUR
    assert found.parts[0].name == "deadline"


def test_a_far_deadline_changes_nothing():
    far = key(uncertainty=0.5, created_at=0.0, due_at=1e9)
    assert far == key(uncertainty=0.5, created_at=0.0)


@given(share, share, st.floats(0, 1e9))
def test_the_more_uncertain_of_two_tasks_of_one_age_is_served_first(one, other, created_at):
    low, high = sorted((one, other))
    first = key(uncertainty=high, created_at=created_at).virtual_due
    assert first <= key(uncertainty=low, created_at=created_at).virtual_due


@given(share, share, share, st.booleans())
def test_nothing_made_a_horizon_later_ever_overtakes(uncertainty, crowding, conflict, is_begun):
    oldest = key(uncertainty=0.0, created_at=0.0, horizon_hours=5)
    newest = key(
        uncertainty=uncertainty,
        crowding=crowding,
        conflict=conflict,
        is_begun=is_begun,
        created_at=5 * HOUR,
        horizon_hours=5,
    )
    assert oldest.virtual_due <= newest.virtual_due


def test_business_value_is_held_between_a_quarter_and_four():
    assert key(uncertainty=0.5, created_at=0, business=99).score == pytest.approx(0.35 + 0.3)
    assert key(uncertainty=0.5, created_at=0, business=0.001).score == pytest.approx(0.35 - 0.3)


def test_the_parts_add_up_to_the_score_and_come_heaviest_first():
    found = key(uncertainty=0.4, conflict=0.9, is_begun=True, business=0.5, created_at=0.0)
    assert sum(part.contribution for part in found.parts) == pytest.approx(found.score)
    sizes = [abs(part.contribution) for part in found.parts]
    assert sizes == sorted(sizes, reverse=True)


def test_a_reason_that_adds_nothing_is_not_told():
    assert [part.name for part in key(uncertainty=0.4, created_at=0.0).parts] == ["uncertainty"]


def test_the_explanation_can_be_stored_as_json():
    why = key(uncertainty=0.4, business=2, created_at=1e9, due_at=1e9).why()
    assert json.loads(json.dumps(why, allow_nan=False)) == why


def test_managers_weights_decide():
    weights = Weights(uncertainty=0.0, conflict=1.0)
    torn = key(uncertainty=0.0, conflict=0.9, created_at=0.0, weights=weights)
    unsure = key(uncertainty=0.9, conflict=0.0, created_at=0.0, weights=weights)
    assert torn.virtual_due < unsure.virtual_due


def test_conflict_needs_two_captions():
    assert priority.conflict(1, 0.2) == 0.0
    assert priority.conflict(2, 0.2) == pytest.approx(0.8)
    assert priority.conflict(2, None) == 0.0


def test_the_horizon_is_eight_mean_waits_and_a_day_at_first():
    assert priority.horizon_hours(None) == 24.0
    assert priority.horizon_hours(2.0) == 16.0


def test_a_task_is_overdue_a_quarter_of_the_horizon_late():
    assert not priority.is_overdue(0.0, 6 * HOUR, 24.0)
    assert priority.is_overdue(0.0, 6 * HOUR + 1, 24.0)


@pytest.mark.parametrize(
    "bad",
    [{"uncertainty": 1.1}, {"crowding": -0.1}, {"conflict": float("nan")}, {"horizon_hours": 0.0}],
)
def test_numbers_outside_their_range_are_refused(bad):
    with pytest.raises(ValueError):
        key(**{"uncertainty": 0.5, "created_at": 0.0} | bad)
