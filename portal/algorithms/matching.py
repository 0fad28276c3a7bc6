"""Which task for the person who asks: the one that they are better placed for than others."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

OWN_GAIN_WEIGHT = 0.15
# What a place in the line is worth: the first of 64 candidates as much as 20 % more gain.
PLACE_WEIGHT = 0.2 / 64
# Nats below which gains count as alike: without it a ratio of two nothings would decide.
DAMPING = 0.05


@dataclass(frozen=True, eq=False)
class Ranking:
    """Candidate positions, best first, with the score and information gain (nats) of each."""

    order: Indices
    scores: Floats
    gains: Floats


def information_gain(posteriors: Floats, accuracies: Floats) -> Floats:
    """Return how many nats one more answer is expected to remove, H(P) - sum_a P(a) H(P|a).

    `posteriors` (tasks, answers) rows sum to 1; `accuracies` (tasks,) or (people, tasks). The
    result has the shape of `accuracies`. Wrong answers are taken as even over the others.
    """
    belief = np.asarray(posteriors, dtype=np.float64)
    if belief.ndim != 2 or belief.shape[1] < 2 or accuracies.shape[-1] != len(belief):
        raise ValueError(f"Posteriors {belief.shape} do not fit accuracies {accuracies.shape}.")
    right = np.asarray(accuracies, dtype=np.float64)[..., None]
    wrong = (1.0 - right) / (belief.shape[1] - 1)
    heard = belief * right + (1.0 - belief) * wrong
    # Mutual information the cheap way round, H(answer) - H(answer | truth): no M x M table.
    noise = -(right * np.log(right) + (1.0 - right) * np.log(wrong))[..., 0]
    return np.asarray(np.maximum(-(heard * np.log(heard)).sum(axis=-1) - noise, 0.0))


def rank(
    posteriors: Floats, accuracies: Floats, references: Floats, *, is_first_overdue: bool = False
) -> Ranking:
    """Rank candidate tasks for one person by comparative advantage.

    Score = log of (own gain + .05) / (the reference people's mean gain + .05) + .15 own gain:
    everyone gets what they are better at than the others, and among equals what teaches most.
    Less .2 over 64 places in the line: gain alone would give somebody without anybody to be
    compared with the easiest of the candidates, and leave the most pressing for the end.
    The ratio, not the difference: a difference sends the weakest to the hardest tasks, where
    nobody gains much and they lose least.
    Candidates come in order of virtual due time; ties keep it, and an overdue first one leads.
    `posteriors` (tasks, answers), `accuracies` (tasks,), `references` (people, tasks).
    """
    gains = information_gain(posteriors, accuracies)
    others = information_gain(posteriors, references).mean(axis=0)
    scores = np.log((gains + DAMPING) / (others + DAMPING)) + OWN_GAIN_WEIGHT * gains
    scores -= PLACE_WEIGHT * np.arange(len(scores))
    # Rounded, so that equal tasks stay in due order whatever the last bits say.
    order = np.argsort(-np.round(scores, 9), kind="stable")
    if is_first_overdue and len(order):
        order = np.concatenate([[0], order[order != 0]])
    return Ranking(np.asarray(order, dtype=np.intp), scores, gains)
