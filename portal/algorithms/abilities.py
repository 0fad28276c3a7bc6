"""How able people are, domain by domain, and how hard tasks are, from who was right on what.

A Rasch model with partial credit: somebody is right with probability logistic(ability - b). A raw
share of right answers punishes whoever met the hard tasks, and hard tasks come first here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from portal.algorithms.skills import LEAST_ACCURACY, MOST_ACCURACY

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

# Priors in logits: the average person is right seven times in ten on an average task; people
# differ more than one person's domains do; a task's difficulty is half known from uncertainty.
MEAN = 0.8
PEOPLE_SPREAD = 1.2
TAG_SPREAD = 0.9
DIFFICULTY_SPREAD = 0.7
STEPS = 10
LONGEST_STEP = 1.0


@dataclass(frozen=True, eq=False)
class Evidence:
    """Answers as columns of one length: whose, in which tag, how hard, and how surely right.

    `correct` is a probability in [0, 1], for gold 0 or 1.
    """

    person: Indices
    tag: Indices
    difficulty: Floats
    correct: Floats


@dataclass(frozen=True, eq=False)
class Abilities:
    """Logits on a task of difficulty 0: overall (people,) and per tag (people, tags)."""

    overall: Floats
    by_tag: Floats

    @property
    def reliability(self) -> Floats:
        """The chance of being right on an average task, shape (people, tags)."""
        return _logistic(self.by_tag)


def unknown(n_people: int, n_tags: int) -> Abilities:
    """Return the abilities of people of whom nothing is known."""
    return Abilities(np.full(n_people, MEAN), np.full((n_people, n_tags), MEAN))


def fit(evidence: Evidence, start: Abilities, n_steps: int = STEPS) -> Abilities:
    """Return the most probable abilities, by Newton steps from `start`.

    A tag is drawn towards the person's overall ability, that towards the mean of all people.
    """
    n_people, n_tags = start.by_tag.shape
    cell = evidence.person * n_tags + evidence.tag
    if len(cell) and (cell.min() < 0 or cell.max() >= n_people * n_tags):
        raise ValueError(f"Evidence names people or tags outside {start.by_tag.shape}.")
    overall, by_tag = start.overall, start.by_tag
    pull = 1.0 / TAG_SPREAD**2
    anchor = 1.0 / PEOPLE_SPREAD**2
    for _ in range(n_steps):
        chance = _chance(by_tag.ravel()[cell], evidence.difficulty)
        missed = _totals(cell, evidence.correct - chance, by_tag.shape)
        known = _totals(cell, chance * (1.0 - chance), by_tag.shape)
        step = (missed - pull * (by_tag - overall[:, None])) / (known + pull)
        by_tag = by_tag + np.clip(step, -LONGEST_STEP, LONGEST_STEP)
        overall = (anchor * MEAN + pull * by_tag.sum(axis=1)) / (anchor + pull * n_tags)
    return Abilities(overall, by_tag)


def fit_difficulties(
    prior: Floats, start: Floats, task: Indices, ability: Floats, correct: Floats
) -> Floats:
    """Return each task's difficulty after one Newton step from `start`, drawn towards `prior`.

    `task`, `ability` (logits of whoever answered) and `correct` are columns of one length.
    """
    pull = 1.0 / DIFFICULTY_SPREAD**2
    chance = _chance(ability, start[task])
    missed = np.bincount(task, weights=chance - correct, minlength=len(prior))
    known = np.bincount(task, weights=chance * (1.0 - chance), minlength=len(prior))
    step = (missed - pull * (start - prior)) / (known + pull)
    return np.asarray(start + np.clip(step, -LONGEST_STEP, LONGEST_STEP))


def _chance(ability: Floats, difficulty: Floats) -> Floats:
    return np.asarray(np.clip(_logistic(ability - difficulty), LEAST_ACCURACY, MOST_ACCURACY))


def _logistic(logits: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-logits)))


def _totals(cell: Indices, weights: Floats, shape: tuple[int, ...]) -> Floats:
    sums = np.bincount(cell, weights=weights, minlength=shape[0] * shape[1])
    return sums.reshape(shape).astype(np.float64)
