import math
from itertools import product

import numpy as np
import pytest

from portal.algorithms import significance
from portal.algorithms.significance import (
    approximate_randomisation,
    corpus_bootstrap,
    holm,
    paired_bootstrap,
)


def rng():
    return np.random.default_rng(7)


def test_the_bounds_are_those_of_a_t_interval_for_independent_items():
    deltas = rng().normal(0.05, 0.2, 40)
    bounds = paired_bootstrap(deltas, range(40), rng(), n_resamples=20_000)
    error = deltas.std(ddof=1) / math.sqrt(40)
    assert bounds.mean == pytest.approx(deltas.mean())
    assert bounds.error == pytest.approx(error, rel=0.03)
    assert bounds.low == pytest.approx(deltas.mean() - 1.685 * error, abs=0.004)
    assert bounds.high == pytest.approx(deltas.mean() + 1.685 * error, abs=0.004)


def test_copies_of_one_clip_are_not_more_evidence():
    deltas = rng().normal(0.05, 0.2, 30)
    once = paired_bootstrap(deltas, range(30), rng())
    copied = paired_bootstrap(np.repeat(deltas, 10), np.repeat(range(30), 10).tolist(), rng())
    assert copied.error == pytest.approx(once.error)
    assert (copied.n, copied.n_clusters) == (300, 30)


def test_the_order_of_items_does_not_matter():
    deltas, videos = rng().normal(0.0, 1.0, 60), [n // 3 for n in range(60)]
    there = paired_bootstrap(deltas, videos, rng())
    back = paired_bootstrap(deltas[::-1], videos[::-1], rng())
    assert back.low == pytest.approx(there.low, abs=0.06)
    assert back.mean == pytest.approx(there.mean)


def test_one_video_says_nothing():
    bounds = paired_bootstrap(np.asarray([0.3, 0.4]), ["v", "v"], rng())
    assert (bounds.low, bounds.high) == (-math.inf, math.inf)


def test_the_same_seed_gives_the_same_bounds():
    deltas = rng().normal(0.0, 1.0, 20)
    assert paired_bootstrap(deltas, range(20), rng()) == paired_bootstrap(deltas, range(20), rng())


@pytest.mark.parametrize(
    ("deltas", "clusters"), [([], []), ([0.1], ["a", "b"]), ([math.nan], ["a"])]
)
def test_items_that_do_not_pair_are_refused(deltas, clusters):
    with pytest.raises(ValueError):
        paired_bootstrap(np.asarray(deltas), clusters, rng())


def test_randomisation_comes_near_the_exact_permutation_test():
    deltas = np.asarray([0.4, 0.3, -0.1, 0.25, 0.1, 0.05, 0.3, -0.05])
    sums = [abs(np.dot(signs, deltas)) for signs in product((-1, 1), repeat=8)]
    exact = np.mean(np.asarray(sums) >= abs(deltas.sum()) - 1e-12)
    found = approximate_randomisation(deltas, range(8), rng(), n_trials=40_000)
    assert found == pytest.approx(exact, abs=0.005)


def test_no_difference_at_all_has_p_one():
    assert approximate_randomisation(np.zeros(12), range(12), rng()) == 1.0


def test_p_is_never_zero():
    assert approximate_randomisation(np.ones(64), range(64), rng(), n_trials=999) == 1 / 1_000


def test_videos_are_exchanged_whole():
    deltas = np.ones(40)
    alone = approximate_randomisation(deltas, range(40), rng())
    four = approximate_randomisation(deltas, [n // 10 for n in range(40)], rng())
    assert alone < 0.001 < 0.1 < four


def test_holm_steps_down_and_never_falls():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []


def test_a_corpus_metric_is_recomputed_and_not_averaged():
    # hits and words per item; the corpus score is the ratio of sums
    original = np.asarray([[1.0, 10.0], [1.0, 1.0]] * 20)
    retrained = np.asarray([[5.0, 10.0], [0.0, 1.0]] * 20)

    def ratio(sums):
        return sums[:, 0] / sums[:, 1]

    bounds = corpus_bootstrap(original, retrained, ratio, range(40), rng(), n_resamples=500)
    assert bounds.mean == pytest.approx(5 / 11 - 2 / 11)
    assert 0.0 < bounds.low < bounds.mean < bounds.high


def test_on_means_the_corpus_bootstrap_is_the_plain_one():
    deltas = rng().normal(0.1, 0.3, 50)
    rows = np.column_stack([deltas, np.ones(50)])
    still = np.column_stack([np.zeros(50), np.ones(50)])
    found = corpus_bootstrap(still, rows, lambda s: s[:, 0] / s[:, 1], range(50), rng())
    plain = paired_bootstrap(deltas, range(50), rng())
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high))


@pytest.mark.parametrize(("freedom", "exact"), [(7, 1.8946), (20, 1.7247), (100, 1.6602)])
def test_student_quantiles_are_those_of_the_tables(freedom, exact):
    assert significance.student_quantile(0.95, freedom) == pytest.approx(exact, abs=0.002)
