import numpy as np
import pytest

from portal.algorithms import comparisons, significance
from portal.algorithms.comparisons import Tally, compare, outcome, quintiles, slices, tally, worst


def rng():
    return np.random.default_rng(3)


def test_each_metric_gets_its_means_bounds_and_adjusted_p():
    noise = rng().normal(0.0, 0.1, 80)
    before = {"cosine": np.full(80, 0.5), "cider_d": np.full(80, 1.0)}
    after = {"cosine": 0.6 + noise, "cider_d": 1.0 + noise}
    better, same = compare(before, after, range(80), rng())
    assert (better.metric, same.metric) == ("cosine", "cider_d")
    assert better.retrained - better.original == pytest.approx(better.interval.mean)
    assert better.interval.low > 0.0 > same.interval.low
    expected = significance.holm([better.p, same.p])
    assert [better.p_holm, same.p_holm] == expected.tolist()


def test_other_metrics_or_items_are_refused():
    one, two = np.ones(3), np.ones(2)
    with pytest.raises(ValueError):
        compare({"cosine": one}, {"chrf": one}, range(3), rng())
    with pytest.raises(ValueError):
        compare({"cosine": one}, {"cosine": two}, range(3), rng())


@pytest.mark.parametrize(
    ("delta", "said"), [(0.01, "win"), (0.0099, "tie"), (-0.0099, "tie"), (-0.01, "loss")]
)
def test_a_difference_below_a_hundredth_is_a_tie(delta, said):
    assert outcome(delta) == said
    counted = tally(np.asarray([delta]))
    assert counted == Tally(said == "win", said == "tie", said == "loss")


def test_slices_hold_their_own_items_only():
    deltas = np.asarray([0.1] * 10 + [-0.2] * 10)
    groups = {"tag": [("indoor",)] * 10 + [("outdoor", "dog")] * 10}
    dog, indoor, outdoor = slices(deltas, range(20), groups, rng())
    assert (indoor.label, indoor.interval.mean, indoor.interval.n) == (
        "indoor",
        pytest.approx(0.1),
        10,
    )
    assert dog.interval.n == 10  # a clip counts under each of its tags
    assert (outdoor.label, outdoor.interval.mean) == ("outdoor", pytest.approx(-0.2))


def test_a_group_with_a_missing_label_is_refused():
    with pytest.raises(ValueError):
        slices(np.ones(3), range(3), {"tag": [("a",)]}, rng())


def test_quintiles_are_equally_full_and_keep_ties_together():
    labels = quintiles(np.arange(100.0))
    assert [labels.count((f"Q{n}",)) for n in range(1, 6)] == [20] * 5
    assert len(set(quintiles(np.ones(9)))) == 1


def test_the_worst_regressions_come_worst_first_and_ties_are_none():
    deltas = np.asarray([-0.1, 0.3, -0.5, -0.001])
    assert worst(deltas).tolist() == [2, 0]
    assert worst(deltas, n=1).tolist() == [2]
    assert comparisons.worst(np.zeros(4)).tolist() == []
