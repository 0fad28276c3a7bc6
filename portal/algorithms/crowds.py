"""Answers, abilities and difficulties made out together, where answers are alternatives.

For free text `consensus` decides; this is the same idea for labels, transcribed choices, and the
simulated world that a manager plans a budget with.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from portal.algorithms import abilities, posteriors, skills
from portal.algorithms.abilities import Abilities, Evidence

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]

ROUNDS = 10
# One answer alone agrees with itself: it says nothing of its author.
LEAST_WITNESSES = 2


@dataclass(frozen=True, eq=False)
class Crowd:
    """What is believed: answers (tasks, answers), people, and difficulties (tasks,)."""

    posteriors: Floats
    abilities: Abilities
    difficulties: Floats


def no_evidence() -> Evidence:
    """Return a table of no rows: a project without gold."""
    whole, number = np.empty(0, dtype=np.intp), np.empty(0)
    return Evidence(whole, whole, number, number)


def begin(
    difficulties: Floats, n_people: int, n_tags: int, n_answers: int, gold: Evidence | None = None
) -> Crowd:
    """Return what is believed before anybody answered an ordinary task.

    People start from their gold: a colluding majority that is believed once explains everything.
    """
    even = np.full((len(difficulties), n_answers), 1.0 / n_answers)
    people = abilities.fit(gold or no_evidence(), abilities.unknown(n_people, n_tags))
    return Crowd(even, people, np.asarray(difficulties))


def refit(
    crowd: Crowd,
    answers: Integers,
    tags: Integers,
    prior_difficulties: Floats,
    gold: Evidence,
    n_rounds: int = ROUNDS,
) -> Crowd:
    """Alternate between answers, abilities and difficulties, from what was believed before.

    `answers` (tasks, people), -1 for none; `tags` (tasks,). Gold is hard evidence about people and
    keeps a colluding crowd from being believed. Whitehill et al., "Whose vote should count more",
    2009 (GLAD), with domains and a shared mistake.
    """
    task, person = np.nonzero(answers >= 0)
    given = answers[task, person]
    counts = np.bincount(task, minlength=len(answers))
    told = counts[task] >= LEAST_WITNESSES
    people, hard = crowd.abilities, crowd.difficulties
    believed = _believe(answers, tags, people, hard, crowd)
    for _ in range(n_rounds):
        right = believed[task, given]
        heard = Evidence(
            np.concatenate([person[told], gold.person]),
            np.concatenate([tags[task][told], gold.tag]),
            np.concatenate([hard[task][told], gold.difficulty]),
            np.concatenate([right[told], gold.correct]),
        )
        people = abilities.fit(heard, people, n_steps=2)
        known = people.by_tag[person, tags[task]]
        hard = abilities.fit_difficulties(prior_difficulties, hard, task, known, right)
        believed = _believe(answers, tags, people, hard, crowd)
    return Crowd(believed, people, hard)


def _believe(
    answers: Integers, tags: Integers, people: Abilities, hard: Floats, crowd: Crowd
) -> Floats:
    rates = skills.accuracy(people.reliability[:, tags].T, hard[:, None])
    return posteriors.of_answers(answers, rates, crowd.posteriors.shape[1])
