"""Confidence responds to evidence, and calibration is shrunk."""

import numpy as np
import pytest

from portal.algorithms.confidence import Features, logit, platt, probability

BASE = Features(0.5, 0.5, others=2.0, votes=0.0, share=1.0, has_encoder=True)


@pytest.mark.parametrize("has_encoder", [True, False])
def test_more_agreement_more_voices_and_votes_raise_it(has_encoder: bool) -> None:
    start = Features(0.5, 0.5, 2.0, 0.0, 1.0, has_encoder)
    for better in (
        Features(0.7, 0.5, 2.0, 0.0, 1.0, has_encoder),
        Features(0.5, 0.7, 2.0, 0.0, 1.0, has_encoder),
        Features(0.5, 0.5, 4.0, 0.0, 1.0, has_encoder),
        Features(0.5, 0.5, 2.0, 0.5, 1.0, has_encoder),
    ):
        assert logit(better) > logit(start)


def test_a_split_field_is_no_surer_than_its_side() -> None:
    split = Features(0.9, 0.9, 4.0, 0.0, 0.6, has_encoder=True)
    assert probability(logit(split), (1.0, 0.0)) == pytest.approx(0.6)


def test_alone_is_a_coin() -> None:
    alone = Features(0.0, 0.0, 0.0, 0.0, 1.0, has_encoder=True)
    assert 0.4 < probability(logit(alone), (1.0, 0.0)) < 0.5


def test_extreme_log_odds_stay_within_bounds() -> None:
    assert probability(1e9, (1.0, 0.0)) <= 1.0
    assert probability(-1e9, (1.0, 0.0)) >= 0.0


def test_few_reviews_leave_the_confidence_alone() -> None:
    assert platt([1.0] * 24, [0.0] * 24) == (1.0, 0.0)


def test_many_reviews_find_the_bias() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(0, 2, 3000)
    y = (rng.random(3000) < 1 / (1 + np.exp(-(0.6 * z - 1)))).astype(float)
    a, b = platt(z.tolist(), y.tolist())
    assert a == pytest.approx(0.6, abs=0.1)
    assert b == pytest.approx(-1, abs=0.15)


def test_reviews_drawn_rarely_weigh_more() -> None:
    z = [0.0] * 40
    outcomes = [1.0] * 20 + [0.0] * 20
    _, even = platt(z, outcomes)
    _, tilted = platt(z, outcomes, [0.05] * 20 + [1.0] * 20)
    assert abs(even) < 1e-6
    assert tilted > 1


def test_calibration_never_reverses_the_ranking() -> None:
    z = np.linspace(-3, 3, 200)
    a, _ = platt(z.tolist(), (z < 0).astype(float).tolist())
    assert a > 0


def test_numbers_that_do_not_match_are_an_error() -> None:
    with pytest.raises(ValueError, match="outcomes"):
        platt([1.0], [])
