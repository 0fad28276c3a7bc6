import math

import numpy as np
import pytest

from portal.algorithms.uncertainty import Candidates, Ensemble, Estimate, Estimator, estimate


def same_only(texts):
    return np.asarray([[float(a == b) for b in texts] for a in texts])


def test_token_log_probabilities_give_one_minus_their_geometric_mean():
    found = estimate(token_logprobs=[math.log(0.5), math.log(0.125)])
    assert found.estimator is Estimator.LNP
    assert found.value == pytest.approx(1.0 - 0.25)


def test_token_entropies_count_as_a_share_of_the_largest_entropy():
    found = estimate(token_entropies=[math.log(4), math.log(2)], vocabulary=4)
    assert found.estimator is Estimator.TEN
    assert found.value == pytest.approx(0.75)


def test_an_n_best_list_gives_its_expected_dissimilarity():
    candidates = Candidates(["a", "b"], [math.log(0.75), math.log(0.25)], same_only)
    found = estimate(candidates=candidates)
    assert found.estimator is Estimator.MBR
    assert found.value == pytest.approx(1.0 - 0.75**2 - 0.25**2)


def test_candidates_that_mean_the_same_are_certain_however_flat_their_probabilities():
    candidates = Candidates(["a", "b"], [-7.0, -7.0], lambda texts: np.ones((2, 2)))
    assert estimate(candidates=candidates).value == pytest.approx(0.0)


def test_captions_of_several_models_give_one_minus_their_mean_similarity():
    def similarity(texts):
        return np.asarray([[1.0, 0.2, 0.4], [0.2, 1.0, 0.6], [0.4, 0.6, 1.0]])

    found = estimate(ensemble=Ensemble(["a", "b", "c"], similarity))
    assert found == Estimate(pytest.approx(0.6), Estimator.ENS)


def test_the_best_estimator_that_the_data_allows_speaks():
    everything = {
        "token_logprobs": [-1.0],
        "token_entropies": [0.5],
        "vocabulary": 50,
        "candidates": Candidates(["a", "b"], [-1.0, -1.0], same_only),
        "ensemble": Ensemble(["a", "b"], same_only),
        "posted": 0.3,
    }
    heard = []
    for name in (*everything, "nothing"):
        heard.append(estimate(**everything).estimator.value)
        everything.pop(name, None)
        if name == "token_entropies":
            everything.pop("vocabulary")
            heard.append(estimate(**everything).estimator.value)
    assert list(dict.fromkeys(heard)) == ["LNP", "TEN", "MBR", "ENS", "SCALAR", "NONE"]


def test_nothing_posted_is_half_uncertain():
    assert estimate() == Estimate(0.5, Estimator.NONE)


@pytest.mark.parametrize(
    "data",
    [
        {"token_logprobs": []},
        {"token_entropies": [], "vocabulary": 9},
        {"token_entropies": [0.2], "vocabulary": 1},
        {"token_entropies": [0.2]},
        {"candidates": Candidates(["alone"], [-1.0], same_only)},
    ],
)
def test_data_without_information_is_passed_over(data):
    assert estimate(posted=0.25, **data) == Estimate(0.25, Estimator.SCALAR)


@pytest.mark.parametrize(
    "data",
    [
        {"token_logprobs": [0.5]},
        {"token_logprobs": [float("nan")]},
        {"token_logprobs": [float("-inf")]},
        {"token_entropies": [-1.0], "vocabulary": 9},
        {"candidates": Candidates(["a", "b"], [-1.0], same_only)},
        {"candidates": Candidates(["a", "b"], [-1.0, float("inf")], same_only)},
        {"candidates": Candidates(["a", "b"], [-1.0, -1.0], lambda texts: np.ones((3, 3)))},
        {"posted": 1.2},
        {"posted": float("nan")},
    ],
)
def test_numbers_that_no_model_can_produce_are_refused(data):
    with pytest.raises(ValueError):
        estimate(**data)


def test_rounding_above_zero_counts_as_certain():
    assert estimate(token_logprobs=[1e-7, 1e-7]).value == 0.0


def test_extreme_sequence_log_probabilities_do_not_overflow():
    candidates = Candidates(["a", "b"], [-1e5, -2e5], same_only)
    assert estimate(candidates=candidates).value == pytest.approx(0.0)
