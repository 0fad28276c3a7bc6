import numpy as np
import pytest

from portal.algorithms import lift
from portal.algorithms.lift import Labels


def labels(errors, uncertainty=None, costs=None, videos=None):
    n = len(errors)
    return Labels(
        np.asarray(errors, dtype=float),
        np.ones(n) if costs is None else np.asarray(costs, dtype=float),
        np.linspace(0.0, 1.0, n) if uncertainty is None else np.asarray(uncertainty, dtype=float),
        list(range(n)) if videos is None else videos,
    )


def rng():
    return np.random.default_rng(2)


def test_twice_the_errors_a_caption_saves_half_the_captions():
    found = lift.measure(labels([0.8] * 60), labels([0.4] * 60), np.linspace(0, 1, 60), rng())
    assert found.ratio == pytest.approx(2.0)
    assert found.saved == pytest.approx(0.5)
    assert (found.n_captions, found.n_at_random) == (60, 120)
    assert found.curve[-1][:2] == pytest.approx((60.0, 0.5))


def test_hard_tasks_that_cost_more_captions_are_worth_less():
    dear = labels([0.8] * 60, costs=[2] * 60)
    found = lift.measure(dear, labels([0.4] * 60), np.linspace(0, 1, 60), rng())
    assert found.ratio == pytest.approx(1.0)


def test_control_tasks_that_settled_first_because_they_were_unsure_are_weighted_back():
    # The error is the uncertainty; of the unsure half nearly all have settled, of the sure few.
    pool = np.linspace(0.0, 1.0, 400)
    settled = np.concatenate([pool[:200][::20], pool[200:][::2]])
    control = labels(settled, uncertainty=settled)
    found = lift.measure(labels([0.5] * 60), control, pool, rng())
    assert settled.mean() > 0.7
    assert found.control == pytest.approx(0.5, abs=0.03)
    assert found.low < 1.0 < found.high


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    held = 0
    for seed in range(100):
        draw = np.random.default_rng(seed)
        ours = labels(draw.beta(4, 4, 80), videos=[n // 2 for n in range(80)])
        theirs = labels(draw.beta(2, 6, 80), uncertainty=draw.random(80))
        found = lift.measure(ours, theirs, draw.random(300), draw)
        held += found.low <= 2.0 <= found.high
    assert 88 <= held <= 100


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (labels([0.5] * 19), labels([0.5] * 60)),
        (labels([0.5] * 60), labels([0.5] * 19)),
        (labels([0.5] * 60, videos=["one"] * 60), labels([0.5] * 60)),
        (labels([0.0] * 60), labels([0.5] * 60)),
        (labels([0.5] * 60), labels([0.0] * 60)),
    ],
)
def test_too_little_says_nothing(ours, theirs):
    assert lift.measure(ours, theirs, np.linspace(0, 1, 60), rng()) is None


def test_everything_may_lie_at_one_uncertainty():
    same = labels([0.5] * 30, uncertainty=[0.5] * 30)
    assert lift.measure(same, same, np.full(30, 0.5), rng()).ratio == pytest.approx(1.0)
