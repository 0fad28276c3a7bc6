"""How likely a consensus is right: a logistic model of the evidence, recalibrated by reviews."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_REVIEWS = 25  # fewer labels make calibration worse, not better


@dataclass(frozen=True)
class Features:
    """What the logistic sees of a decision.

    `support` is the winner's, `likeness` and `meaning` are means over independent pairs,
    `voices` the summed weight of independent voices, `votes` the winner's net log-odds.
    """

    support: float
    likeness: float
    meaning: float
    voices: float
    votes: float
    is_split: bool
    has_encoder: bool


# Fitted on MSR-VTT (1–5 captions against 15 held out) by benchmarks/consensus.py --fit; order:
# intercept, support, likeness, meaning, log voices.
SEMANTIC = (-2.6, 3.0, 1.5, 3.0, 0.7)
LEXICAL = (-2.0, 4.0, 4.0, 0.0, 0.7)
SPLIT_COST = 3.0
VOTE_GAIN = 0.7


def logit(features: Features) -> float:
    """The uncalibrated log-odds that the winner is right."""
    intercept, support, likeness, meaning, voices = SEMANTIC if features.has_encoder else LEXICAL
    return (
        intercept
        + support * features.support
        + likeness * features.likeness
        + meaning * features.meaning
        + voices * math.log(max(features.voices, 1e-6))
        + VOTE_GAIN * features.votes
        - SPLIT_COST * features.is_split
    )


def probability(log_odds: float, calibration: tuple[float, float]) -> float:
    """Map log-odds to a confidence in [0, 1] by Platt's σ(a·z + b)."""
    a, b = calibration
    z = max(-60.0, min(60.0, a * log_odds + b))
    return 1 / (1 + math.exp(-z))


def platt(
    log_odds: Sequence[float],
    outcomes: Sequence[float],
    sampled_with: Sequence[float] | None = None,
) -> tuple[float, float]:
    """Fit Platt's (a, b) to m reviewed consensuses, shrunk towards (1, 0).

    Minimises mean NLL + (2/m)·((a − 1)² + .1·b²) by Newton steps; a review drawn with probability p
    weighs 1/p, weights averaging 1. Fewer than 25 reviews give (1, 0). Outcomes are 0–1; a stays
    above 0 so that calibration never reverses the ranking. Source: Platt 1999; shrinkage our own.
    """
    m = len(log_odds)
    if len(outcomes) != m:
        raise ValueError(f"{m} log-odds need as many outcomes, not {len(outcomes)}.")
    if m < MIN_REVIEWS:
        return 1.0, 0.0
    z, y = np.asarray(log_odds, dtype=float), np.asarray(outcomes, dtype=float)
    weights = np.ones(m) if sampled_with is None else 1 / np.asarray(sampled_with, dtype=float)
    a, b = _newton(z, y, weights / weights.sum(), 2 / m)
    return max(a, 0.05), b


def _newton(
    z: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64], shrink: float
) -> tuple[float, float]:
    design = np.stack([z, np.ones_like(z)], axis=1)
    prior, pull = np.array([1.0, 0.0]), 2 * shrink * np.array([1.0, 0.1])
    theta = prior.copy()
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(design @ theta, -60, 60)))
        gradient = design.T @ (weights * (p - y)) + pull * (theta - prior)
        hessian = (design * (weights * p * (1 - p))[:, None]).T @ design + np.diag(pull)
        step = np.linalg.solve(hessian, gradient)
        theta = theta - step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-10:
            break
    return float(theta[0]), float(theta[1])
