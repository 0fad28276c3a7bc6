"""All tasks of a project laid flat, so that the random-effects fit is a handful of sums.

N captions, A people, P ordered pairs within tasks (a receiver supported by a giver).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from portal.algorithms.evidence import SKILL_CLIP, Caption, Evidence
from portal.algorithms.parameters import Parameters

Matrix = NDArray[np.float64]
Places = NDArray[np.intp]

MIN_SHRINK, MAX_SHRINK = 1.0, 50.0
ITERATIONS = 6
YOUNG_FIT = 30  # residuals before variances are worth more than the defaults
SMALLEST_SIGMA = 1e-3


def shrinkage(sigma_e: float, sigma_a: float) -> float:
    """λ = clip(σ_e²/σ_a², 1, 50): how many captions a person's prior is worth."""
    return min(MAX_SHRINK, max(MIN_SHRINK, (sigma_e / sigma_a) ** 2))


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


def lay_flat(
    tasks: Sequence[Sequence[Caption]],
    measured: Sequence[Evidence],
    people: Sequence[int],
    collusion: Mapping[tuple[int, int], float],
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
        values.append(evidence.support_from[i, j] - _excess_of(task, i, j, collusion))
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


def _excess_of(
    task: Sequence[Caption], i: Places, j: Places, collusion: Mapping[tuple[int, int], float]
) -> Matrix:
    authors = [caption.author for caption in task]
    pairs = (sorted((authors[a], authors[b])) for a, b in zip(i, j, strict=True))
    return np.array([collusion.get((a, b), 0.0) for a, b in pairs])


@dataclass(frozen=True)
class Fit:
    """Where the iteration ended: variances, level, each person's (n, Σr), all N residuals."""

    sigma_e: float
    sigma_a: float
    mu: float
    baseline: float
    n: Matrix
    total: Matrix
    residuals: Matrix

    def residuals_by_person(self, panel: Panel) -> list[tuple[float, ...]]:
        """Deal the counted residuals out to the A people, in the order of the captions."""
        counted = _counted(panel)
        authors = panel.author[counted]
        order = np.argsort(authors, kind="stable")
        ends = np.cumsum(np.bincount(authors, minlength=len(self.n)))
        parts = np.split(self.residuals[counted][order], ends[:-1]) if len(ends) else []
        return [tuple(part.tolist()) for part in parts]


def iterate(panel: Panel, extra: Matrix, parameters: Parameters) -> Fit:
    """Alternate supports and skills to a fixed point; `extra` is (A, 2): gold's sums and counts."""
    n_people, counted = len(extra), _counted(panel)
    skills = np.zeros(n_people)
    sigma_e, sigma_a, mu = parameters.sigma_e, parameters.sigma_a, parameters.mu
    none = np.zeros(len(panel.author))
    fit = Fit(sigma_e, sigma_a, mu, parameters.baseline, extra[:, 1], extra[:, 0], none)
    for _ in range(ITERATIONS if counted.any() else 0):
        supports = panel_support(panel, skills, sigma_e, fit.baseline)
        residuals = panel_residuals(panel, supports, skills, counted)
        n = np.bincount(panel.author[counted], minlength=n_people) + extra[:, 1]
        total = (
            np.bincount(panel.author[counted], residuals[counted], minlength=n_people) + extra[:, 0]
        )
        sigma_e, sigma_a, mu = variances(panel.author[counted], residuals[counted], n_people, fit)
        shrink = shrinkage(sigma_e, sigma_a)
        skills = (total - n * mu) / (n + shrink)
        level = float(supports[counted].mean())
        fit = Fit(sigma_e, sigma_a, mu, level, n, total, residuals)
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
