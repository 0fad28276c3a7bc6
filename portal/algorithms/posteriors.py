"""What to believe of the possible answers to a task, given who answered what."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]

# Free text has no fixed answers; six distinct meanings is what people see in a hard clip.
IMAGINED_ANSWERS = 6
SHARED_MISTAKES = 0.4


def of_answers(
    answers: Integers | Sequence[int],
    accuracies: Floats | Sequence[float],
    n_answers: int,
    shared_mistakes: float = SHARED_MISTAKES,
) -> Floats:
    """Return the probability of each of `n_answers` being right, shape (..., n_answers).

    `answers` (..., k) are numbered from 0, -1 where nobody answered; `accuracies` has their shape.
    People are right with their accuracy; of the wrong answers, a share goes to one mistake that
    the task invites and nobody knows beforehand, the rest is even. The inviting mistake is summed
    out, so that three people of .5 who repeat one another are not three witnesses. Without answers
    the result is even.
    """
    given, rates = np.asarray(answers, dtype=np.intp), np.asarray(accuracies, dtype=np.float64)
    if given.shape != rates.shape or n_answers < 2:
        raise ValueError(f"{given.shape} answers of {n_answers} need as many rates: {rates.shape}.")
    if given.size and (given.min() < -1 or given.max() >= n_answers):
        raise ValueError(f"Answers are numbered from 0 to {n_answers - 1}, or -1 for none.")
    even = (1.0 - shared_mistakes) / (n_answers - 1)
    said = given[..., None] == np.arange(n_answers)
    # Relative to an even mistake: what an answer says for itself, and for being the inviting one.
    truth = (said * (np.log(rates) - np.log((1.0 - rates) * even))[..., None]).sum(axis=-2)
    lure = np.exp(_shifted(said.sum(axis=-2) * np.log((even + shared_mistakes) / even)))
    others = np.maximum(lure.sum(axis=-1, keepdims=True) - lure, np.finfo(np.float64).tiny)
    likelihood = np.exp(_shifted(truth + np.log(others)))
    return np.asarray(likelihood / likelihood.sum(axis=-1, keepdims=True))


def _shifted(logs: Floats) -> Floats:
    return np.asarray(logs - logs.max(axis=-1, keepdims=True))


def of_confidence(
    confidences: Floats, n_captions: Integers, n_answers: int = IMAGINED_ANSWERS
) -> Floats:
    """Return a belief over imagined answers for tasks of free text, shape (tasks, n_answers).

    The leading caption carries the confidence, the others share the rest; a task without captions
    is even. A confidence below the even share counts as the even share.
    """
    even = 1.0 / n_answers
    lead = np.where(np.asarray(n_captions) > 0, np.clip(confidences, even, 1.0 - 1e-6), even)
    rest = np.broadcast_to(((1.0 - lead) / (n_answers - 1))[:, None], (len(lead), n_answers)).copy()
    rest[:, 0] = lead
    return rest
