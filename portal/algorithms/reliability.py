"""How much better than others a person agrees: a random-effects model, online and refitted.

q_i = b_task + s_author + ε with s ~ N(0, σ_a²), ε ~ N(0, σ_e²). Reliability is the person's place
among the project's people, a percentile; it says nothing about absolute accuracy.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from portal.algorithms import collusion
from portal.algorithms.evidence import (
    Caption,
    Evidence,
    geometry_of,
    set_rings_apart,
    weigh,
)
from portal.algorithms.panels import iterate, lay_flat, shrinkage
from portal.algorithms.parameters import Parameters, idf_of

PROVISIONAL_UNDER = 10
INTERVAL_Z = 1.64


@dataclass(frozen=True)
class Skill:
    """One person's place: s with its standard error, and Φ(s/σ_a) with its 90 % interval."""

    s: float
    se: float
    reliability: float
    low: float
    high: float
    n: float
    provisional: bool


@dataclass(frozen=True)
class Refit:
    """A project's new parameters and everybody's skill, with what is behind it.

    `totals` holds each person's (n, Σ residuals), gold included; `residuals` those of their
    captions, in the order of the tasks.
    """

    parameters: Parameters
    skills: Mapping[int, Skill]
    totals: Mapping[int, tuple[float, float]]
    residuals: Mapping[int, tuple[float, ...]]


def skill(n: float, total: float, sigma_e: float, sigma_a: float, mu: float = 0.0) -> Skill:
    """Shrink the sum of n residuals to a skill.

    s = n·(mean − μ)/(n + λ) with λ = clip(σ_e²/σ_a², 1, 50), its standard error σ_e/√(n + λ).
    n may be fractional where gold or reviews weigh in; n = 0 gives reliability .5 and the widest
    interval. Raises ValueError for n < 0 or a standard deviation that is not above 0.
    """
    if n < 0 or sigma_e <= 0 or sigma_a <= 0:
        raise ValueError(f"A skill needs n ≥ 0 and σ > 0, not n={n}, σ_e={sigma_e}, σ_a={sigma_a}.")
    shrink = shrinkage(sigma_e, sigma_a)
    s = (total - n * mu) / (n + shrink)
    se = sigma_e / math.sqrt(n + shrink)
    return Skill(
        s=s,
        se=se,
        reliability=normal_cdf(s / sigma_a),
        low=normal_cdf((s - INTERVAL_Z * se) / sigma_a),
        high=normal_cdf((s + INTERVAL_Z * se) / sigma_a),
        n=n,
        provisional=n < PROVISIONAL_UNDER,
    )


def normal_cdf(z: float) -> float:
    """Φ(z), the standard normal distribution."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def refit(
    tasks: Sequence[Sequence[Caption]],
    parameters: Parameters | None = None,
    gold: Mapping[int, tuple[float, float]] | None = None,
) -> Refit:
    """Fit a project's parameters and skills to the captions of its tasks.

    The captions' skills are ignored and estimated anew; `gold` adds (sum, n) to a person's
    residuals. Deterministic; a project too young for an estimate keeps the parameters' value.
    """
    before = parameters or Parameters()
    captions = [caption for task in tasks for caption in task]
    learnt = replace(
        before, idf=idf_of(each.text for each in captions), mean_vector=mean_vector(captions)
    )
    alone = replace(learnt, collusion={}, rings=frozenset())
    filled = [task for task in tasks if task]
    measured = [weigh(task, alone, geometry_of(task, alone)) for task in filled]
    excess, rings = collusion.seek(filled, measured)
    learnt = replace(learnt, collusion=excess, rings=rings)
    pairs = zip(filled, measured, strict=True)
    return _fit(filled, [set_rings_apart(*pair, learnt) for pair in pairs], learnt, gold or {})


def mean_vector(captions: Sequence[Caption]) -> NDArray[np.float32] | None:
    """Average the captions' vectors; None where there are none or their widths differ."""
    rows = [caption.vector for caption in captions if caption.vector is not None]
    if not rows or len({row.shape for row in rows}) > 1:
        return None
    return np.asarray(np.mean(np.stack(rows), axis=0, dtype=np.float64), dtype=np.float32)


def _fit(
    tasks: Sequence[Sequence[Caption]],
    measured: Sequence[Evidence],
    parameters: Parameters,
    gold: Mapping[int, tuple[float, float]],
) -> Refit:
    people = sorted({caption.author for task in tasks for caption in task} | set(gold))
    extra = np.array([gold.get(person, (0.0, 0.0)) for person in people]).reshape(-1, 2)
    panel = lay_flat(tasks, measured, people, parameters.collusion)
    fit = iterate(panel, extra, parameters)
    learnt = replace(
        parameters, sigma_e=fit.sigma_e, sigma_a=fit.sigma_a, mu=fit.mu, baseline=fit.baseline
    )
    return Refit(
        parameters=learnt,
        skills={
            person: skill(float(n), float(total), fit.sigma_e, fit.sigma_a, fit.mu)
            for person, n, total in zip(people, fit.n, fit.total, strict=True)
        },
        totals={
            person: (float(n), float(total))
            for person, n, total in zip(people, fit.n, fit.total, strict=True)
        },
        residuals=dict(zip(people, fit.residuals_by_person(panel), strict=True)),
    )
