"""A simulated crowd, to plan a budget with: people of different skill by domain, tasks to match.

Some experts, many regulars, and some careless people whose answers do not depend on difficulty.
Wrong answers follow the task's popular mistake two times in five, else they are even. Answers are
numbered 0 … 5; what they say in words is up to whoever asks.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

N_ANSWERS = 6
N_DOMAINS = 4
N_GOLD = 2_000
POPULAR_MISTAKE = 0.4


@dataclass(frozen=True)
class Shape:
    """What kind of world to make."""

    n_tasks: int = 500
    n_people: int = 40
    careless: float = 0.15
    experts: float = 0.15
    domain_spread: float = 0.9
    collusion: bool = False


@dataclass
class World:
    """Tasks, people and how they answer; `rng` draws their answers."""

    shape: Shape
    rng: np.random.Generator
    rate: Floats
    is_careless: NDArray[np.bool_]
    domain: Floats
    difficulty: Floats
    tag: Integers
    uncertainty: Floats
    truth: Integers
    mistake: Integers
    activity: Floats
    gold_difficulty: Floats
    gold_tag: Integers

    def chance(self, person: int, difficulty: float, tag: int) -> float:
        """The probability that a person is right."""
        if self.is_careless[person]:
            return float(self.rate[person])
        odds = np.log(self.rate[person] / (1 - self.rate[person]))
        return float(0.02 + 0.96 / (1 + np.exp(difficulty - odds - self.domain[person, tag])))

    def answer(self, person: int, task: int) -> int:
        """Let a person answer a task."""
        if self.shape.collusion and self.is_careless[person]:
            return int(self.mistake[task])
        if self.rng.random() < self.chance(person, self.difficulty[task], self.tag[task]):
            return int(self.truth[task])
        if self.rng.random() < POPULAR_MISTAKE:
            return int(self.mistake[task])
        return int((self.truth[task] + self.rng.integers(1, N_ANSWERS)) % N_ANSWERS)

    def answers_gold_well(self, person: int, gold: int) -> bool:
        """Let a person answer a gold task, numbered from 0; say whether they were right."""
        if self.shape.collusion and self.is_careless[person]:
            return False
        difficulty, tag = self.gold_difficulty[gold], int(self.gold_tag[gold])
        return bool(self.rng.random() < self.chance(person, float(difficulty), tag))


def make(seed: int, shape: Shape) -> World:
    """Make the world of a seed."""
    rng = np.random.default_rng(seed)
    n, w = shape.n_tasks, shape.n_people
    n_experts, n_careless = round(shape.experts * w), round(shape.careless * w)
    rate = np.concatenate(
        [
            rng.beta(24, 2, n_experts),
            rng.beta(1.5, 6, n_careless),
            rng.beta(7, 3, w - n_experts - n_careless),
        ]
    )
    difficulty = rng.normal(0.0, 1.2, n)
    noise = rng.normal(0.0, 1.2, n)
    normal = NormalDist()
    truth = rng.integers(0, N_ANSWERS, n)
    activity = rng.lognormal(0.0, 0.8, w)
    return World(
        shape=shape,
        rng=rng,
        rate=np.clip(rate, 0.01, 0.99),
        is_careless=(np.arange(w) >= n_experts) & (np.arange(w) < n_experts + n_careless),
        domain=rng.normal(0.0, shape.domain_spread, (w, N_DOMAINS)),
        difficulty=difficulty,
        tag=rng.integers(0, N_DOMAINS, n),
        uncertainty=np.asarray([normal.cdf(z) for z in (0.6 * difficulty + 0.8 * noise) / 1.2]),
        truth=truth,
        mistake=(truth + rng.integers(1, N_ANSWERS, n)) % N_ANSWERS,
        activity=activity / activity.sum(),
        gold_difficulty=rng.normal(0.0, 1.2, N_GOLD),
        gold_tag=rng.integers(0, N_DOMAINS, N_GOLD),
    )
