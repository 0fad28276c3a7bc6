"""How unsure a model was, from the best that its prediction carries; refusals name the field.

Other versions' captions of the clip count where nothing was posted (decision 0015).
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from portal.algorithms import uncertainty
from portal.algorithms.similarity import mixed
from portal.algorithms.uncertainty import ROUNDING, Candidates, Ensemble, Estimate, Estimator
from portal.errors import InvalidInput
from portal.services.predictions.items import CandidateText, PredictionItem, Token

# More versions say little that the newest few do not.
MOST_VERSIONS = 6


def estimate(item: PredictionItem) -> Estimate:
    """Estimate from what one item carries."""
    if item.tokens is None and item.candidates is None and item.uncertainty is not None:
        return Estimate(float(item.uncertainty), Estimator.SCALAR)
    tokens = item.tokens or []
    logprobs = _logprobs(tokens)
    return uncertainty.estimate(
        posted=item.uncertainty,
        token_logprobs=logprobs,
        token_entropies=None if logprobs else _entropies(tokens, item.vocabulary_size),
        vocabulary=item.vocabulary_size,
        candidates=_candidates(item.candidates or []),
    )


def among(caption: str, others: Sequence[str]) -> Estimate:
    """Estimate a caption's uncertainty from how far other versions' captions are from it."""
    texts = [caption, *others[:MOST_VERSIONS]]
    return uncertainty.estimate(ensemble=Ensemble(texts, _similarity))


def _logprobs(tokens: Sequence[Token]) -> list[float]:
    found = [token.logprob for token in tokens if token.logprob is not None]
    if found and len(found) < len(tokens):
        raise InvalidInput.on("tokens", "Give every token its logprob, or none.", "logprob")
    if not all(math.isfinite(x) and x <= ROUNDING for x in found):
        raise InvalidInput.on("tokens", "A token's logprob is finite and at most 0.", "logprob")
    return found


def _entropies(tokens: Sequence[Token], vocabulary: int | None) -> list[float]:
    found = [token.entropy for token in tokens if token.entropy is not None]
    if len(found) < len(tokens):
        raise InvalidInput.on(
            "tokens", "Give every token its logprob, or every token its entropy.", "logprob"
        )
    if not found:
        return found
    if vocabulary is None:
        raise InvalidInput.on(
            "vocabulary_size", "Entropies need the size of the vocabulary beside them.", "required"
        )
    largest = math.log(vocabulary) * (1.0 + ROUNDING) + ROUNDING
    if not all(math.isfinite(x) and -ROUNDING <= x <= largest for x in found):
        raise InvalidInput.on(
            "tokens", "A token's entropy (in nats) lies between 0 and log V.", "entropy"
        )
    return found


def _candidates(posted: Sequence[CandidateText]) -> Candidates | None:
    if not posted:
        return None
    logprobs = [candidate.logprob for candidate in posted]
    if not all(math.isfinite(x) and x <= ROUNDING for x in logprobs):
        raise InvalidInput.on(
            "candidates", "A candidate's logprob is finite and at most 0.", "logprob"
        )
    if math.fsum(math.exp(x) for x in logprobs) > 1.0 + 0.01:
        raise InvalidInput.on(
            "candidates", "The candidates' probabilities sum to more than 1.", "probabilities"
        )
    return Candidates([candidate.text for candidate in posted], logprobs, _similarity)


def _similarity(texts: Sequence[str]) -> NDArray[np.float64]:
    return mixed(texts, idf={})
