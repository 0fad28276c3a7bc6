import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.algorithms.exams import Rules, State, standing

FOUR = Rules(n_clips=4, pass_mark=0.75, n_attempts=2)


def test_a_project_without_exam_bars_nobody():
    assert standing([], Rules()).state is State.NONE
    assert not standing([], Rules()).bars_ordinary_work


@pytest.mark.parametrize(
    ("marks", "state", "attempt", "n_answered"),
    [
        ("", State.RUNNING, 1, 0),
        ("110", State.RUNNING, 1, 3),
        ("1101", State.PASSED, 1, 4),
        ("1100", State.RUNNING, 2, 0),
        ("11000", State.RUNNING, 2, 1),
        ("11000111", State.PASSED, 2, 4),
        ("11000110", State.FAILED, 2, 4),
        ("1101000000000", State.PASSED, 1, 4),  # what follows a pass takes nothing back
    ],
)
def test_attempts_are_read_off_the_marks(marks, state, attempt, n_answered):
    found = standing([mark == "1" for mark in marks], FOUR)
    assert (found.state, found.attempt, found.n_answered) == (state, attempt, n_answered)
    assert found.bars_ordinary_work == (state is not State.PASSED)


def test_the_pass_mark_is_rounded_up_without_float_dust():
    assert Rules(n_clips=5, pass_mark=0.6).n_needed == 3
    assert Rules(n_clips=5, pass_mark=0.61).n_needed == 4
    assert Rules(n_clips=5, pass_mark=0.0).n_needed == 1


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 6), st.integers(1, 4))
def test_one_more_attempt_never_makes_it_worse(marks, n_clips, n_attempts):
    before = standing(marks, Rules(n_clips, 0.75, n_attempts))
    after = standing(marks, Rules(n_clips, 0.75, n_attempts + 1))
    assert after.state is not State.FAILED or before.state is State.FAILED
    if before.state is State.PASSED:
        assert after == before
