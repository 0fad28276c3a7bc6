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


def fit(
    answers: Integers,
    tags: Integers,
    difficulties: Floats,
    *,
    n_tags: int,
    n_answers: int,
    gold: Evidence | None = None,
    n_rounds: int = ROUNDS,
) -> Crowd:
    """Alternate between answers, abilities and difficulties until they explain one another.

    `answers` (tasks, people), -1 for none; `tags` and `difficulties` (tasks,), the latter what is
    expected beforehand. Always begins from gold and never from an earlier belief, so the result
    depends on the evidence alone and a colluding crowd is not believed for having been believed.
    Whitehill et al., "Whose vote should count more", 2009 (GLAD), with domains and a shared
    mistake.
    """
    if answers.ndim != 2 or not len(answers) == len(tags) == len(difficulties):
        raise ValueError(f"Answers {answers.shape} need one tag and one difficulty a task.")
    crowd = begin(difficulties, answers.shape[1], n_tags, n_answers, gold)
    hard_evidence = gold or no_evidence()
    task, person = np.nonzero(answers >= 0)
    given, tag = answers[task, person], tags[task]
    told = np.bincount(task, minlength=len(answers))[task] >= LEAST_WITNESSES
    packed, who = _pack(answers)
    for _ in range(n_rounds):
        crowd = _believe(crowd, packed, who, tags)
        right = crowd.posteriors[task, given]
        heard = Evidence(
            np.concatenate([person[told], hard_evidence.person]),
            np.concatenate([tag[told], hard_evidence.tag]),
            np.concatenate([crowd.difficulties[task][told], hard_evidence.difficulty]),
            np.concatenate([right[told], hard_evidence.correct]),
        )
        people = abilities.fit(heard, crowd.abilities, n_steps=2)
        known = people.by_tag[person, tag]
        hard = abilities.fit_difficulties(difficulties, crowd.difficulties, task, known, right)
        crowd = Crowd(crowd.posteriors, people, hard)
    return _believe(crowd, packed, who, tags)


def _pack(answers: Integers) -> tuple[Integers, Integers]:
    """Move each task's answers to the front and cut off the empty rest: few answer any one."""
    order = np.argsort(answers < 0, axis=1, kind="stable")
    widest = int((answers >= 0).sum(axis=1).max(initial=0))
    who = order[:, :widest]
    return np.take_along_axis(answers, who, axis=1), who


def _believe(crowd: Crowd, packed: Integers, who: Integers, tags: Integers) -> Crowd:
    reliability = crowd.abilities.reliability[who, tags[:, None]]
    rates = skills.accuracy(reliability, crowd.difficulties[:, None])
    believed = posteriors.of_answers(packed, rates, crowd.posteriors.shape[1])
    return Crowd(believed, crowd.abilities, crowd.difficulties)
