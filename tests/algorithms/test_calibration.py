import numpy as np
import pytest

from portal.algorithms.calibration import (
    Bin,
    calibration_error,
    fit_isotonic,
    reliability_bins,
)


def test_violators_are_pooled_into_their_mean():
    fit = fit_isotonic(np.asarray([1.0, 2, 3, 4]), np.asarray([1.0, 3, 2, 4]))
    assert fit.ys.tolist() == [1.0, 2.5, 2.5, 4.0]


def test_weights_pull_the_pooled_value():
    xs, ys = np.asarray([1.0, 2.0]), np.asarray([3.0, 0.0])
    assert fit_isotonic(xs, ys, np.asarray([2.0, 1.0])).ys.tolist() == [2.0, 2.0]


def test_equal_points_are_one():
    fit = fit_isotonic(np.asarray([1.0, 1.0, 2.0]), np.asarray([0.0, 1.0, 0.9]))
    assert fit.xs.tolist() == [1.0, 2.0]
    assert fit.ys == pytest.approx([0.5, 0.9])


def test_the_fit_always_rises():
    rng = np.random.default_rng(0)
    fit = fit_isotonic(rng.uniform(size=300), rng.uniform(size=300))
    assert (np.diff(fit.ys) >= 0.0).all()


def test_outside_the_data_the_fit_is_flat():
    fit = fit_isotonic(np.asarray([0.2, 0.4]), np.asarray([0.1, 0.3]))
    assert fit.predict(np.asarray([0.0, 0.3, 1.0])) == pytest.approx([0.1, 0.2, 0.3])


def test_nothing_cannot_be_fitted():
    with pytest.raises(ValueError):
        fit_isotonic(np.empty(0), np.empty(0))


def test_bins_are_equally_full_and_say_what_was_found():
    said = np.linspace(0.0, 1.0, 100)
    bins = reliability_bins(said, said**2, n_bins=4)
    assert [each.n for each in bins] == [25] * 4
    assert bins[0].found < bins[0].said
    assert sum(each.found * each.n for each in bins) == pytest.approx((said**2).sum())


def test_no_predictions_make_no_diagram():
    assert reliability_bins(np.empty(0), np.empty(0)) == ()


def test_weighed_bins_stand_for_what_their_points_were_drawn_from():
    """One of two was right; the one that was right was drawn as one of nine."""
    said, found = np.array([0.9, 0.7]), np.array([1.0, 0.0])
    (whole,) = reliability_bins(said, found, 1, np.array([9.0, 1.0]))
    assert (whole.said, whole.found, whole.n) == (pytest.approx(0.88), pytest.approx(0.9), 2)
    (even,) = reliability_bins(said, found, 1, np.array([5.0, 5.0]))
    (plain,) = reliability_bins(said, found, 1)
    assert even == plain
    assert plain.error == pytest.approx(found.std(ddof=1) / np.sqrt(2))


def test_the_calibration_error_is_the_mean_distance_from_what_was_said():
    bins = (Bin(0.9, 0.8, 3, 0.0), Bin(0.5, 0.5, 1, 0.0))
    assert calibration_error(bins) == pytest.approx(0.075)
    assert calibration_error(()) == 0.0
