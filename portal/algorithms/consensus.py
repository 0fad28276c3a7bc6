"""From several captions, votes and people of unknown skill, the one caption to train on.

A minimum-Bayes-risk choice: the caption that the independent others support most, by a mixed
similarity, with the author's skill and the reviewers' votes as lesser evidence. Captions are never
fused word by word here; that is for transcriptions (`fusion`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from portal.algorithms import confidence, scores, verification
from portal.algorithms.clusters import two_readings
from portal.algorithms.confidence import Features
from portal.algorithms.evidence import (
    Caption,
    Evidence,
    Geometry,
    geometry_of,
    support,
    voices,
    weigh,
)
from portal.algorithms.parameters import Parameters
from portal.algorithms.scores import Ballot, Scores, Tally

__all__ = [
    "Ballot",
    "Caption",
    "Contribution",
    "Decision",
    "Geometry",
    "Parameters",
    "decide",
    "should_stop",
]

Matrix = NDArray[np.float64]

# Raised whenever a constant or formula that a decision rests on changes: a snapshot names the
# engine that it was decided with, and only that one gives the same answer to the last bit.
ENGINE = 1

HOPELESS = 0.05  # confidence under which asking more people only costs


@dataclass(frozen=True)
class Contribution:
    """What spoke for one caption: `score` is support + skill + votes − brevity + specificity.

    `weight` is its voice in the support of others, `discount` the share left to it beside those
    that repeat it; `similarities` its likeness to every caption in key order, itself included.
    """

    key: int
    text: str
    author: int
    support: float
    skill: float
    votes: float
    brevity: float
    specificity: float
    score: float
    weight: float
    discount: float
    copy_of_prediction: bool
    is_model: bool
    similarities: tuple[float, ...]
    residual: float


@dataclass(frozen=True)
class Decision:
    """The caption that stands for a task and why; candidates come best first.

    `agreement` is the weighted mean semantic similarity of the independent others to the winner
    (0 where nobody else independent spoke); `log_odds` is the confidence before calibration and
    `features` what that came from; `residuals` holds one number for every human author where two
    or more people wrote; `geometry` is what a snapshot needs, beside texts and parameters, to
    decide again.
    """

    winner: int
    caption: str
    agreement: float
    confidence: float
    log_odds: float
    method: str
    split: bool
    candidates: tuple[Contribution, ...]
    residuals: Mapping[int, float]
    n_humans: int
    geometry: Geometry | None
    features: Features


def decide(
    captions: Sequence[Caption],
    ballots: Sequence[Ballot] = (),
    parameters: Parameters | None = None,
    geometry: Geometry | None = None,
) -> Decision:
    """Choose the caption that the independent others support most, and say how surely.

    The order of captions does not matter; ties are settled as `scores.ranking` says. `geometry`,
    from an earlier decision on the same captions, replaces their vectors; with some vectors
    missing, similarity is lexical. Raises ValueError without captions or with a repeated key.
    """
    given = parameters or Parameters()
    ordered = sorted(captions, key=lambda caption: caption.key)
    if not ordered or len({caption.key for caption in ordered}) < len(ordered):
        raise ValueError(f"A decision needs captions, each with its own key, not {len(ordered)}.")
    shape = geometry or geometry_of(ordered, given)
    evidence = weigh(ordered, given, shape)
    weights = voices(ordered, evidence, given.sigma_e)
    votes = scores.tally(ordered, ballots)
    terms = scores.score(ordered, support(evidence, weights, given.baseline), votes, given)
    ranking = verification.people_first(
        scores.ranking(ordered, terms, votes),
        ordered,
        evidence,
        votes,
        given.baseline,
        has_encoder=shape is not None,
    )
    best = ranking[0]
    # Who is not independent of one another speaks as one: an author, copies, a ring.
    people = evidence.independent.argmin(axis=1).tolist()
    sides = two_readings(evidence.meaning, evidence.opposed, people)
    residuals = scores.residuals(ordered, terms.support, evidence)
    features = features_of(best, evidence, weights, votes, sides, has_encoder=shape is not None)
    log_odds = confidence.logit(features)
    if ordered[best].is_model and votes.log_odds[best] > 0:
        log_odds = verification.log_odds(best, evidence, votes, has_encoder=shape is not None)
    return Decision(
        winner=ordered[best].key,
        caption=ordered[best].text,
        agreement=mean_with(best, evidence.meaning, evidence, weights),
        confidence=confidence.probability(log_odds, given.calibration),
        log_odds=log_odds,
        method="lexical" if shape is None else shape.encoder,
        split=sides is not None,
        candidates=tuple(
            contribution(at, ordered[at], evidence, weights, terms, residuals) for at in ranking
        ),
        residuals=scores.by_author(ordered, residuals),
        n_humans=len({each.author for each in ordered if not each.is_model}),
        geometry=shape,
        features=features,
    )


def features_of(
    best: int,
    evidence: Evidence,
    weights: Matrix,
    votes: Tally,
    sides: tuple[list[int], list[int]] | None,
    *,
    has_encoder: bool,
) -> Features:
    """Gather what the confidence in one position's caption depends on."""
    own_side = [] if sides is None else next(side for side in sides if best in side)
    honest = np.clip(evidence.meaning - evidence.excess, 0.0, 1.0)
    return Features(
        agreement=mean_with(best, honest, evidence, weights),
        cohesion=mean_pair(honest, evidence, weights),
        others=float(evidence.independent[best] @ weights),
        votes=float(votes.log_odds[best]),
        share=1.0 if sides is None else float(weights[own_side].sum() / weights.sum()),
        has_encoder=has_encoder,
    )


def mean_with(best: int, similarities: Matrix, evidence: Evidence, weights: Matrix) -> float:
    """The weighted mean similarity of the independent others to one caption; 0 without any."""
    mask = evidence.independent[best] * weights
    return float(mask @ similarities[best] / mask.sum()) if mask.any() else 0.0


def mean_pair(similarities: Matrix, evidence: Evidence, weights: Matrix) -> float:
    """The weighted mean similarity of independent pairs; 0 where there is no such pair."""
    mask = evidence.independent * np.outer(weights, weights)
    return float((mask * similarities).sum() / mask.sum()) if mask.any() else 0.0


def contribution(
    at: int, caption: Caption, evidence: Evidence, weights: Matrix, terms: Scores, residuals: Matrix
) -> Contribution:
    """Spell out what spoke for the caption at one position."""
    return Contribution(
        key=caption.key,
        text=caption.text,
        author=caption.author,
        support=float(terms.support[at]),
        skill=float(terms.skill[at]),
        votes=float(terms.votes[at]),
        brevity=float(terms.brevity[at]),
        specificity=float(terms.specificity[at]),
        score=float(terms.total[at]),
        weight=float(weights[at]),
        discount=float(evidence.discount[at]),
        copy_of_prediction=bool(evidence.copies[at]),
        is_model=caption.is_model,
        similarities=tuple(float(value) for value in evidence.likeness[at]),
        residual=float(residuals[at]),
    )


def should_stop(
    decision: Decision, n_captions: int, minimum: int, maximum: int, threshold: float
) -> Literal["ask", "accept", "dispute"]:
    """Say whether a task has enough captions, needs an expert, or one caption more.

    Never accepts below `minimum` captions or while the field is split; disputes at `maximum`
    without enough confidence, or from `minimum` on where confidence is under .05.
    """
    if n_captions < minimum:
        return "ask"
    if decision.confidence >= threshold and not decision.split:
        return "accept"
    if n_captions >= maximum or decision.confidence < HOPELESS:
        return "dispute"
    return "ask"
