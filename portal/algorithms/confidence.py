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

    `agreement` is the independent others' mean similarity to the winner and `cohesion` the mean
    over all independent pairs, both less collusion, in [0, 1]: of meaning where there is an
    encoder, else of wording. `others` is the summed weight of the independent others, `votes` the
    winner's net log-odds, `share` the voices on the winner's side of a split field, else 1.
    """

    agreement: float
    cohesion: float
    others: float
    votes: float
    share: float
    has_encoder: bool


# Fitted on MSR-VTT (2–5 captions of 800 clips, the other 15 held out) by `benchmarks.consensus
# --fit`. Right means a mean cosine of .465 or more to the held-out captions: midway between what
# single captions (.44) and consensuses of five (.49) reach there, which lets the default threshold
# of .65 save a fifth of the captions at 1 % of the quality. Order: 1, agreement, cohesion, and the
# three times log others.
SEMANTIC = (-2.44, 3.51, 1.53, -1.89, 3.52, 1.50)
LEXICAL = (-0.80, 1.88, 1.98, -0.28, 1.78, 1.85)
ALONE = -0.23  # nobody independent speaks to the winner: it is an average caption
VOTE_GAIN = 0.7
MIN_OTHERS, MAX_OTHERS = 0.25, 20.0


def logit(features: Features) -> float:
    """The uncalibrated log-odds that the winner is right.

    Two coherent readings cap it at the winner's share of the voices; votes count beyond that.
    """
    log_odds = ALONE
    if features.others > 0:
        weights = np.array(SEMANTIC if features.has_encoder else LEXICAL)
        log_odds = float(weights @ terms(features))
    if features.share < 1:
        log_odds = min(log_odds, math.log(features.share / (1 - features.share)))
    return log_odds + VOTE_GAIN * features.votes


def terms(features: Features) -> NDArray[np.float64]:
    """The six numbers that the logistic weighs."""
    base = np.array([1.0, features.agreement, features.cohesion])
    heard = math.log(min(MAX_OTHERS, max(MIN_OTHERS, features.others)))
    return np.concatenate([base, heard * base])


def probability(log_odds: float, calibration: tuple[float, float]) -> float:
    """Map log-odds to a confidence in [0, 1] by Platt's σ(a·z + b)."""
    a, b = calibration
    z = max(-60.0, min(60.0, a * log_odds + b))
    return 1 / (1 + math.exp(-z))


def log_odds_of(probability: float, calibration: tuple[float, float]) -> float:
    """Undo `probability`: the log-odds that this calibration made this confidence of.

    Exact to about 1e-9 where the confidence is not within 1e-7 of 0 or 1; those give ±16 / a.
    """
    a, b = calibration
    p = min(max(probability, 1e-7), 1 - 1e-7)
    return (math.log(p / (1 - p)) - b) / a


def platt(
    log_odds: Sequence[float],
    outcomes: Sequence[float],
    sampled_with: Sequence[float] | None = None,
) -> tuple[float, float]:
    """Fit Platt's (a, b) to m reviewed consensuses, shrunk towards (1, 0).

    Minimises mean NLL + (2/m)·((a − 1)² + .1·b²) by Newton steps. A review drawn with probability p
    weighs 1/p, weights averaging 1; m is then Kish's effective number, (Σw)²/Σw², so that a few
    audits that weigh much do not count as many. Fewer than 25 reviews give (1, 0). Outcomes are
    0–1; a stays above 0 so that calibration never reverses the ranking. Source: Platt 1999;
    shrinkage our own.
    """
    m = len(log_odds)
    if len(outcomes) != m:
        raise ValueError(f"{m} log-odds need as many outcomes, not {len(outcomes)}.")
    if m < MIN_REVIEWS:
        return 1.0, 0.0
    z, y = np.asarray(log_odds, dtype=float), np.asarray(outcomes, dtype=float)
    weights = np.ones(m) if sampled_with is None else 1 / np.asarray(sampled_with, dtype=float)
    shares = weights / weights.sum()
    a, b = _newton(z, y, shares, 2 * float(np.square(shares).sum()))
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
