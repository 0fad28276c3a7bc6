import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.algorithms import sampling


def test_places_are_even_over_the_keys():
    places = np.asarray([sampling.fraction(f"video-{n}", salt="s") for n in range(20_000)])
    counts = np.histogram(places, bins=10, range=(0, 1))[0]
    assert ((counts - 2_000) ** 2 / 2_000).sum() < 27.9  # chi-square, 9 degrees, p .001


def test_membership_is_the_same_for_ever():
    assert sampling.fraction("video-1", salt="pepper") == pytest.approx(0.2275784, abs=1e-6)


def test_slices_of_one_project_are_independent():
    keys = [f"k{n}" for n in range(20_000)]
    both = [
        sampling.is_for_evaluation(key, salt="s", share=0.3)
        and sampling.is_control(key, salt="s", share=0.3)
        for key in keys
    ]
    assert np.mean(both) == pytest.approx(0.09, abs=0.01)


def test_projects_draw_different_videos():
    drawn = [
        {n for n in range(3_000) if sampling.is_for_evaluation(f"v{n}", salt=salt, share=0.5)}
        for salt in ("one", "two")
    ]
    assert 0.2 < len(drawn[0] & drawn[1]) / 3_000 < 0.3


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_keeps_every_member(key, one, other):
    small, large = sorted((one, other))
    if sampling.is_for_audit(key, salt="s", share=small):
        assert sampling.is_for_audit(key, salt="s", share=large)


@given(st.text())
def test_no_share_takes_nobody_and_the_whole_takes_all(key):
    assert not sampling.is_in_slice(key, salt="s", share=0.0)
    assert sampling.is_in_slice(key, salt="s", share=1.0)


def test_salt_and_key_do_not_run_into_each_other():
    assert sampling.fraction("bc", salt="a") != sampling.fraction("c", salt="ab")


def test_a_share_above_one_is_refused():
    with pytest.raises(ValueError):
        sampling.is_in_slice("k", salt="s", share=1.5)
