"""How much better than others a person agrees: a random-effects model, online and refitted.

q_i = b_task + s_author + ε with s ~ N(0, σ_a²), ε ~ N(0, σ_e²). Reliability is the person's place
among the project's people, a percentile; it says nothing about absolute accuracy.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from portal.algorithms.collusion import excess
from portal.algorithms.evidence import SKILL_CLIP, Caption, Evidence, geometry_of, weigh
from portal.algorithms.parameters import Parameters, idf_of

Matrix = NDArray[np.float64]
Places = NDArray[np.intp]

PROVISIONAL_UNDER = 10
INTERVAL_Z = 1.64
MIN_SHRINK, MAX_SHRINK = 1.0, 50.0
ITERATIONS = 6
YOUNG_FIT = 30  # residuals before variances are worth more than the defaults
SMALLEST_SIGMA = 1e-3


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
    """A project's new parameters and everybody's skill, with the sums of residuals behind it."""

    parameters: Parameters
    skills: Mapping[int, Skill]
    totals: Mapping[int, tuple[float, float]]


def skill(n: float, total: float, sigma_e: float, sigma_a: float, mu: float = 0.0) -> Skill:
    """Shrink the sum of n residuals to a skill.

    s = n·(mean − μ)/(n + λ) with λ = clip(σ_e²/σ_a², 1, 50), its standard error σ_e/√(n + λ).
    n may be fractional where gold or reviews weigh in; n = 0 gives reliability .5 and the widest
    interval. Raises ValueError for n < 0 or a standard deviation that is not above 0.
    """
    if n < 0 or sigma_e <= 0 or sigma_a <= 0:
        raise ValueError(f"A skill needs n ≥ 0 and σ > 0, not n={n}, σ_e={sigma_e}, σ_a={sigma_a}.")
    shrink = min(MAX_SHRINK, max(MIN_SHRINK, (sigma_e / sigma_a) ** 2))
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
    alone = replace(learnt, collusion={})
    measured = [weigh(task, alone, geometry_of(task, alone)) for task in tasks if task]
    learnt = replace(learnt, collusion=excess([task for task in tasks if task], measured))
    return _fit([task for task in tasks if task], measured, learnt, gold or {})


def mean_vector(captions: Sequence[Caption]) -> NDArray[np.float32] | None:
    """Average the captions' vectors; None where there are none or their widths differ."""
    rows = [caption.vector for caption in captions if caption.vector is not None]
    if not rows or len({row.shape for row in rows}) > 1:
        return None
    return np.asarray(np.mean(np.stack(rows), axis=0, dtype=np.float64), dtype=np.float32)


@dataclass(frozen=True)
class Panel:
    """All tasks laid flat: N captions, P ordered pairs (i supported by j) within tasks.

    `author` numbers people 0…A − 1, the model's captions included; `human` masks the captions
    that count towards people.
    """

    task: Places
    author: Places
    human: NDArray[np.bool_]
    copy: NDArray[np.bool_]
    discount: Matrix
    receiver: Places
    giver: Places
    value: Matrix


def _fit(
    tasks: Sequence[Sequence[Caption]],
    measured: Sequence[Evidence],
    parameters: Parameters,
    gold: Mapping[int, tuple[float, float]],
) -> Refit:
    people = sorted({caption.author for task in tasks for caption in task} | set(gold))
    extra = np.array([gold.get(person, (0.0, 0.0)) for person in people]).reshape(-1, 2)
    panel = lay_flat(tasks, measured, people, parameters)
    fit = iterate(panel, extra, parameters)
    skills = {
        person: skill(float(n), float(total), fit.sigma_e, fit.sigma_a, fit.mu)
        for person, n, total in zip(people, fit.n, fit.total, strict=True)
    }
    return Refit(
        parameters=replace(
            parameters,
            sigma_e=fit.sigma_e,
            sigma_a=fit.sigma_a,
            mu=fit.mu,
            baseline=fit.baseline,
        ),
        skills=skills,
        totals={
            person: (float(n), float(total))
            for person, n, total in zip(people, fit.n, fit.total, strict=True)
        },
    )


def lay_flat(
    tasks: Sequence[Sequence[Caption]],
    measured: Sequence[Evidence],
    people: Sequence[int],
    parameters: Parameters,
) -> Panel:
    """Number captions, people and pairs, so that a fit is a handful of sums over flat arrays."""
    place = {person: at for at, person in enumerate(people)}
    sizes = [len(task) for task in tasks]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
    receivers, givers, values = [], [], []
    for start, task, evidence in zip(starts, tasks, measured, strict=False):
        i, j = np.nonzero(evidence.independent)
        receivers.append(start + i)
        givers.append(start + j)
        values.append(evidence.support_from[i, j] - _excess_of(task, i, j, parameters))
    flat = [caption for task in tasks for caption in task]
    return Panel(
        task=np.repeat(np.arange(len(tasks)), sizes),
        author=np.array([place[caption.author] for caption in flat], dtype=np.intp),
        human=np.array([not caption.is_model for caption in flat], dtype=bool),
        copy=np.concatenate([e.copies for e in measured] or [np.zeros(0, dtype=bool)]),
        discount=np.concatenate([e.discount for e in measured] or [np.zeros(0)]),
        receiver=np.concatenate(receivers or [np.zeros(0, dtype=np.intp)]),
        giver=np.concatenate(givers or [np.zeros(0, dtype=np.intp)]),
        value=np.concatenate(values or [np.zeros(0)]),
    )


def _excess_of(task: Sequence[Caption], i: Places, j: Places, parameters: Parameters) -> Matrix:
    authors = [caption.author for caption in task]
    pairs = (sorted((authors[a], authors[b])) for a, b in zip(i, j, strict=True))
    return np.array([parameters.collusion.get((a, b), 0.0) for a, b in pairs])


@dataclass(frozen=True)
class Fit:
    """Where the iteration ended: variances, level, and each person's (n, Σr)."""

    sigma_e: float
    sigma_a: float
    mu: float
    baseline: float
    n: Matrix
    total: Matrix


def iterate(panel: Panel, extra: Matrix, parameters: Parameters) -> Fit:
    """Alternate supports and skills to a fixed point; `extra` is (A, 2): gold's sums and counts."""
    n_people, counted = len(extra), _counted(panel)
    skills = np.zeros(n_people)
    sigma_e, sigma_a, mu = parameters.sigma_e, parameters.sigma_a, parameters.mu
    fit = Fit(sigma_e, sigma_a, mu, parameters.baseline, extra[:, 1], extra[:, 0])
    for _ in range(ITERATIONS if counted.any() else 0):
        supports = panel_support(panel, skills, sigma_e, fit.baseline)
        residuals = panel_residuals(panel, supports, skills, counted)
        n = np.bincount(panel.author[counted], minlength=n_people) + extra[:, 1]
        total = (
            np.bincount(panel.author[counted], residuals[counted], minlength=n_people) + extra[:, 0]
        )
        sigma_e, sigma_a, mu = variances(panel.author[counted], residuals[counted], n_people, fit)
        shrink = min(MAX_SHRINK, max(MIN_SHRINK, (sigma_e / sigma_a) ** 2))
        skills = (total - n * mu) / (n + shrink)
        fit = Fit(sigma_e, sigma_a, mu, float(supports[counted].mean()), n, total)
    return fit


def _counted(panel: Panel) -> NDArray[np.bool_]:
    """Human captions of tasks where two people or more wrote."""
    if not panel.human.any():
        return panel.human
    pairs = np.unique(np.stack([panel.task, panel.author])[:, panel.human], axis=1)
    crowd = np.bincount(pairs[0], minlength=int(panel.task.max()) + 1)
    return panel.human & (crowd[panel.task] >= 2)


def panel_support(panel: Panel, skills: Matrix, sigma_e: float, baseline: float) -> Matrix:
    """The support of all N captions at once, as `evidence.support` gives it for one task."""
    n = len(panel.author)
    gain = np.exp(np.clip(skills[panel.author] / sigma_e, -SKILL_CLIP, SKILL_CLIP))
    weights = (panel.discount * gain)[panel.giver]
    total = np.bincount(panel.receiver, weights, minlength=n)
    heard = np.bincount(panel.receiver, weights * panel.value, minlength=n)
    return np.where(total > 0, heard / np.where(total > 0, total, 1.0), baseline)


def panel_residuals(
    panel: Panel, supports: Matrix, skills: Matrix, counted: NDArray[np.bool_]
) -> Matrix:
    """The residuals of all N captions at once, as `scores.residuals` gives them for one task."""
    n_tasks = int(panel.task.max(initial=-1)) + 1
    above = (supports - skills[panel.author])[counted]
    sums = np.bincount(panel.task[counted], above, minlength=n_tasks)
    sizes = np.bincount(panel.task[counted], minlength=n_tasks)
    levels = sums / np.maximum(sizes, 1)
    raw = supports - levels[panel.task]
    return np.where(panel.copy, np.minimum(0.0, raw), raw)


def variances(
    author: Places, residuals: Matrix, n_people: int, before: Fit
) -> tuple[float, float, float]:
    """Estimate (σ_e, σ_a, μ) by one-way ANOVA moments; too few residuals keep the earlier values.

    Source: Searle, Casella & McCulloch 1992, Variance Components, section 3.6 (unbalanced case).
    """
    sizes = np.bincount(author, minlength=n_people).astype(float)
    seen = sizes > 0
    n, groups = float(sizes.sum()), int(seen.sum())
    if n < YOUNG_FIT or groups < 3 or n <= groups:
        return before.sigma_e, before.sigma_a, before.mu
    mu = float(residuals.mean())
    means = np.bincount(author, residuals, minlength=n_people) / np.maximum(sizes, 1)
    within = float(np.square(residuals - means[author]).sum() / (n - groups))
    between = float((sizes * np.square(means - mu))[seen].sum() / (groups - 1))
    typical = (n - float(np.square(sizes).sum()) / n) / (groups - 1)
    sigma_e = max(SMALLEST_SIGMA, math.sqrt(within))
    sigma_a = math.sqrt(max((between - within) / typical, sigma_e**2 / MAX_SHRINK))
    return sigma_e, sigma_a, mu
