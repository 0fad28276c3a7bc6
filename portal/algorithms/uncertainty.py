"""How unsure the model was of its own caption, from whatever the prediction carries.

The estimators are ordered by how well they rank true caption error on a barely trained model
(Spearman at 20 labels: LNP .55, TEN .52, n-best entropy and margin below .2, hence absent here).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Similarity = Callable[[Sequence[str]], Floats]

UNKNOWN = 0.5
# Runtimes that sum logits in half precision report log-probabilities a little above zero.
ROUNDING = 1e-3


class Estimator(StrEnum):
    """Which formula spoke, best first."""

    LNP = "LNP"
    TEN = "TEN"
    MBR = "MBR"
    ENS = "ENS"
    SCALAR = "SCALAR"
    NONE = "NONE"


@dataclass(frozen=True)
class Estimate:
    """An uncertainty in [0, 1] and the estimator that it came from."""

    value: float
    estimator: Estimator


@dataclass(frozen=True)
class Candidates:
    """An n-best list: texts, their sequence log-probabilities (natural), and their similarity.

    `similarity` turns n texts into an (n, n) matrix in [0, 1].
    """

    texts: Sequence[str]
    logprobs: Sequence[float]
    similarity: Similarity


@dataclass(frozen=True)
class Ensemble:
    """Captions of two or more different models for one clip, and their similarity."""

    texts: Sequence[str]
    similarity: Similarity


def estimate(
    *,
    posted: float | None = None,
    token_logprobs: Sequence[float] | None = None,
    token_entropies: Sequence[float] | None = None,
    vocabulary: int | None = None,
    candidates: Candidates | None = None,
    ensemble: Ensemble | None = None,
) -> Estimate:
    """Estimate a prediction's uncertainty by the best formula that its data allows.

    Order: LNP, TEN, MBR, ENS, the posted number; 0.5 where there is nothing. An empty list, a
    vocabulary of one word, or a single candidate carries no information and is passed over.
    Raises ValueError for numbers that no model can produce.
    """
    if token_logprobs:
        return Estimate(length_normalised(token_logprobs), Estimator.LNP)
    if token_entropies and vocabulary is not None and vocabulary > 1:
        return Estimate(token_entropy(token_entropies, vocabulary), Estimator.TEN)
    if candidates is not None and len(candidates.texts) > 1:
        return Estimate(bayes_risk(candidates), Estimator.MBR)
    if ensemble is not None and len(ensemble.texts) > 1:
        return Estimate(disagreement(ensemble), Estimator.ENS)
    if posted is not None:
        if not 0.0 <= posted <= 1.0:
            raise ValueError(f"A posted uncertainty lies between 0 and 1, not at {posted}.")
        return Estimate(float(posted), Estimator.SCALAR)
    return Estimate(UNKNOWN, Estimator.NONE)


def length_normalised(token_logprobs: Sequence[float]) -> float:
    """Return 1 minus the geometric mean of the token probabilities (LNP), in [0, 1].

    Malinin and Gales, "Uncertainty estimation in autoregressive structured prediction", 2021.
    """
    if not all(math.isfinite(logprob) and logprob <= ROUNDING for logprob in token_logprobs):
        raise ValueError("Token log-probabilities must be finite and at most 0.")
    mean = math.fsum(token_logprobs) / len(token_logprobs)
    return 1.0 - math.exp(min(mean, 0.0))


def token_entropy(token_entropies: Sequence[float], vocabulary: int) -> float:
    """Return the mean token entropy (nats) as a share of the largest one, log V (TEN)."""
    if not all(math.isfinite(entropy) and entropy >= -ROUNDING for entropy in token_entropies):
        raise ValueError("Token entropies must be finite and at least 0.")
    mean = math.fsum(token_entropies) / len(token_entropies)
    return min(max(mean / math.log(vocabulary), 0.0), 1.0)


def bayes_risk(candidates: Candidates) -> float:
    """Return the expected dissimilarity of two captions drawn from the n-best list (MBR).

    1 - p'Sp with p the softmax of the sequence log-probabilities: low where the candidates say
    the same in other words, even when their probabilities are flat.
    """
    logprobs = np.asarray(candidates.logprobs, dtype=np.float64)
    if logprobs.shape != (len(candidates.texts),) or not np.isfinite(logprobs).all():
        raise ValueError(
            f"{len(candidates.texts)} candidates need as many finite log-probabilities, "
            f"not an array of shape {logprobs.shape}."
        )
    weights = np.exp(logprobs - logprobs.max())
    weights /= weights.sum()
    similarity = _square(candidates.similarity(candidates.texts), len(candidates.texts))
    return float(np.clip(1.0 - weights @ similarity @ weights, 0.0, 1.0))


def disagreement(ensemble: Ensemble) -> float:
    """Return 1 minus the mean similarity over pairs of different models' captions (ENS)."""
    n = len(ensemble.texts)
    similarity = _square(ensemble.similarity(ensemble.texts), n)
    pairs = similarity[np.triu_indices(n, k=1)]
    return float(np.clip(1.0 - pairs.mean(), 0.0, 1.0))


def _square(matrix: Floats, n: int) -> Floats:
    similarity = np.asarray(matrix, dtype=np.float64)
    if similarity.shape != (n, n):
        raise ValueError(f"The similarity of {n} texts has shape {similarity.shape}.")
    return similarity
