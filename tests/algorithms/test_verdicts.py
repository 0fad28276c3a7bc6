import math

import numpy as np
import pytest

from portal.algorithms import significance, verdicts
from portal.algorithms.comparisons import Comparison, Slice, compare
from portal.algorithms.preferences import Preference
from portal.algorithms.significance import Interval
from portal.algorithms.verdicts import Grounds, Outcome, decide, labels_needed

LIKED = Preference(45, 20, 5, 0.1, 0.9)
DISLIKED = Preference(10, 40, 5, 0.99, 0.001)


def comparison(mean, half=0.02, *, metric="cosine", n=200, n_clusters=200, p=0.01):
    bounds = Interval(mean, mean - half, mean + half, half / 1.645, n, n_clusters)
    return Comparison(metric, 0.5, 0.5 + mean, bounds, p, p)


def part(mean, half=0.02, n=40):
    return Slice("tag", "indoor", Interval(mean, mean - half, mean + half, half / 1.645, n, n))


def test_surely_better_is_promoted():
    verdict = decide(comparison(0.05))
    assert verdict.outcome is Outcome.PROMOTE
    assert "0.050 higher (+0.030 to +0.070): surely better." in verdict.reasons[0]


def test_surely_worse_than_the_margin_is_rejected():
    assert decide(comparison(-0.05)).outcome is Outcome.REJECT


def test_a_loss_that_may_be_within_the_margin_is_not_rejected():
    assert decide(comparison(-0.03)).outcome is Outcome.INCONCLUSIVE


def test_what_the_data_cannot_tell_is_inconclusive_and_says_how_much_more_would():
    verdict = decide(comparison(0.02, half=0.04, p=0.4))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    spread = 0.04 / 1.645 * math.sqrt(200)
    assert verdict.n_more_labels == math.ceil((2.4865 * spread / 0.02) ** 2) - 200
    assert any(str(verdict.n_more_labels) in reason for reason in verdict.reasons)


def test_more_spread_asks_for_more_labels():
    wide, narrow = (decide(comparison(0.02, half=h, p=0.4)).n_more_labels for h in (0.08, 0.03))
    assert wide > narrow


def test_as_good_needs_people_who_do_not_prefer_the_original():
    as_good = comparison(0.005, half=0.02, p=0.6)
    assert decide(as_good).outcome is Outcome.INCONCLUSIVE
    liked = decide(as_good, preference=LIKED)
    assert (liked.outcome, liked.grounds) == (Outcome.PROMOTE, Grounds.AS_GOOD)
    assert decide(comparison(0.05)).grounds is Grounds.BETTER
    assert decide(as_good, preference=DISLIKED).outcome is Outcome.INCONCLUSIVE


def test_people_who_clearly_prefer_the_original_stop_a_promotion():
    verdict = decide(comparison(0.05), preference=DISLIKED)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert any("40" in reason for reason in verdict.reasons)


def test_a_slice_that_is_surely_worse_stops_a_promotion():
    verdict = decide(comparison(0.05), slices=[part(-0.1)])
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "indoor" in verdict.reasons[1]


@pytest.mark.parametrize("harmless", [part(-0.1, n=29), part(-0.06), part(0.1)])
def test_a_slice_that_is_small_or_not_surely_worse_stops_nothing(harmless):
    assert decide(comparison(0.05), slices=[harmless]).outcome is Outcome.PROMOTE


def test_an_independent_metric_must_point_the_same_way():
    against = [comparison(-0.1, metric="cider_d"), comparison(-0.01, metric="chrf")]
    assert decide(comparison(0.05), secondary=against).outcome is Outcome.INCONCLUSIVE
    one_agrees = [against[0], comparison(0.01, metric="chrf")]
    assert decide(comparison(0.05), secondary=one_agrees).outcome is Outcome.PROMOTE


def test_metrics_that_are_not_independent_have_no_say():
    others = [comparison(-0.1, metric="rouge_l")]
    assert decide(comparison(0.05), secondary=others).outcome is Outcome.PROMOTE


def test_the_randomisation_test_must_confirm_the_bounds():
    assert decide(comparison(0.05, p=0.3)).outcome is Outcome.INCONCLUSIVE


def test_a_handful_of_videos_decides_nothing():
    verdict = decide(comparison(0.3, n=70, n_clusters=7))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.n_more_labels == 1
    lone = decide(comparison(0.3, half=math.inf, n=1, n_clusters=1))
    assert (lone.outcome, lone.n_more_labels) == (Outcome.INCONCLUSIVE, 7)


def test_labels_needed_is_the_textbook_sample_size():
    assert labels_needed(0.05, 0.23) == pytest.approx(6.18 * 0.23**2 / 0.05**2, rel=0.01)
    with pytest.raises(ValueError):
        labels_needed(0.0)


def verdict_on(deltas, rng):
    before = np.full(len(deltas), 0.5)
    primary = compare({"cosine": before}, {"cosine": before + deltas}, range(len(deltas)), rng)[0]
    return decide(primary).outcome


def test_the_gate_seldom_promotes_an_equal_model_and_mostly_a_better_one(monkeypatch):
    # Fewer trials than in use, to be quick; benchmarks/evaluator.py measures with all of them.
    monkeypatch.setattr(significance, "CHUNK", 200)
    rng = np.random.default_rng(5)
    equal = [verdict_on(rng.normal(0.0, 0.23, 100), rng) for _ in range(60)]
    better = [verdict_on(rng.normal(0.1, 0.23, 100), rng) for _ in range(20)]
    assert equal.count(Outcome.PROMOTE) <= 8
    assert better.count(Outcome.PROMOTE) >= 18


def test_the_independent_metrics_bear_the_names_that_the_portal_stores():
    assert set(verdicts.INDEPENDENT) == {"cider_d", "chrf"}
