"""The control chart: a hand-worked case, its false alarms, and what it is not fooled by."""

import numpy as np
import pytest

from portal.algorithms.control import control_chart


def test_a_chart_worked_by_hand():
    values = np.array([0.1, 0.3, 0.2, 0.4, 0.5, 0.5, 0.7, 0.9])
    chart = control_chart(values, window=4, sigmas=3.0)
    error = np.std([0.1, 0.3, 0.2, 0.4], ddof=1) * np.sqrt(2 / 4)
    assert chart.baseline == pytest.approx(0.25)
    assert chart.limit == pytest.approx(0.25 + 3 * error)
    assert chart.means == pytest.approx([0.65])
    assert chart.is_out


def test_too_few_values_have_no_chart_and_too_few_after_them_no_mean():
    rng = np.random.default_rng(1)
    assert control_chart(rng.random(199)) is None
    assert len(control_chart(rng.random(399)).means) == 0
    assert not control_chart(rng.random(399)).is_out
    assert len(control_chart(rng.random(400)).means) == 1
    assert len(control_chart(rng.random(450)).means) == 51


def test_what_does_not_move_is_seldom_called_out_and_what_moves_always():
    rng = np.random.default_rng(7)
    still = [control_chart(rng.beta(2, 5, 400)).is_out for _ in range(2000)]
    moved = [
        control_chart(np.concatenate([rng.beta(2, 5, 200), rng.beta(3, 5, 200)])).is_out
        for _ in range(200)
    ]
    assert np.mean(still) < 0.005
    assert np.mean(moved) > 0.95


def test_getting_better_is_no_alarm():
    values = np.concatenate([np.linspace(0.4, 0.6, 200), np.full(200, 0.1)])
    assert not control_chart(values).is_out


@pytest.mark.parametrize(("values", "window"), [(np.zeros((2, 2)), 2), (np.zeros(4), 1)])
def test_what_is_no_row_of_values_is_refused(values, window):
    with pytest.raises(ValueError, match="row of values"):
        control_chart(values, window)
