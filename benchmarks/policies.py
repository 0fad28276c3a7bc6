"""The portal's way of handing out work, in the simulated world: its own algorithms, no database."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from portal.algorithms import crowds, gold, matching, posteriors, priority, skills
from portal.algorithms.abilities import Evidence
from portal.algorithms.worlds import N_ANSWERS, N_DOMAINS, N_GOLD, World

Floats = NDArray[np.float64]

WINDOW = 64
REFIT_EVERY = 25
ROUNDS = 4
LAST_ROUNDS = 15


@dataclass(frozen=True)
class Policy:
    """How work is handed out; `fixed` asks that many answers of every task."""

    threshold: float = 0.95
    least: int = 2
    most: int = 9
    fixed: int | None = None
    routes: bool = True
    gold_policy: gold.Policy = field(default_factory=gold.Policy)


@dataclass(frozen=True)
class Spent:
    """What a run cost, gold included, and how often it was right."""

    per_task: float
    accuracy: float
    majority: float


class Run:
    """One world worked through under one policy."""

    def __init__(self, world: World, policy: Policy, seed: int) -> None:
        self.world, self.policy = world, policy
        self.rng = np.random.default_rng(seed + 1_000_000)
        n, w = world.shape.n_tasks, world.shape.n_people
        self.answers = np.full((n, w), -1)
        self.counts = np.zeros(n, dtype=np.int64)
        self.is_open = np.ones(n, dtype=bool)
        self.gold_rows: list[tuple[int, int, float]] = []
        self.gold_seen = np.zeros(w, dtype=np.int64)
        self.gold_right = np.zeros(w)
        self.hard = np.asarray([skills.difficulty(float(u)) for u in world.uncertainty])
        self.crowd = crowds.begin(self.hard, w, N_DOMAINS, N_ANSWERS)
        self.due = np.asarray([self._due(task) for task in range(n)])

    def work(self) -> Spent:
        """Hand out work until every task is closed."""
        n_answers = 0
        while self.is_open.any():
            person = self._who_asks()
            if self._takes_gold(person):
                continue
            task = self._choose(person)
            self.answers[task, person] = self.world.answer(person, task)
            self.counts[task] += 1
            n_answers += 1
            self._believe(task)
            self._close(task)
            self.due[task] = self._due(task)
            if n_answers % REFIT_EVERY == 0 and self.policy.fixed is None:
                self._refit(ROUNDS)
        self._refit(LAST_ROUNDS)
        cost = (n_answers + len(self.gold_rows)) / len(self.counts)
        truth = self.world.truth
        right = float((self.crowd.posteriors.argmax(axis=1) == truth).mean())
        votes = np.stack([(self.answers == a).sum(axis=1) for a in range(N_ANSWERS)], axis=1)
        ties = self.rng.random(votes.shape) / 2
        return Spent(cost, right, float(((votes + ties).argmax(axis=1) == truth).mean()))

    def _who_asks(self) -> int:
        has_work = ((self.answers < 0) & self.is_open[:, None]).any(axis=0)
        odds = self.world.activity * has_work
        return int(self.rng.choice(len(odds), p=odds / odds.sum()))

    def _takes_gold(self, person: int) -> bool:
        seen = int(self.gold_seen[person])
        record = gold.Record(seen, n_unseen=999, sum_right=float(self.gold_right[person]))
        if gold.reason_to_serve(record, self.rng.random(), self.policy.gold_policy) is None:
            return False
        number = len(self.gold_rows) % N_GOLD
        right = self.world.answers_gold_well(person, number)
        self.gold_rows.append((person, int(self.world.gold_tag[number]), float(right)))
        self.gold_seen[person] += 1
        self.gold_right[person] += right
        return True

    def _choose(self, person: int) -> int:
        waiting = np.flatnonzero(self.is_open & (self.answers[:, person] < 0))
        if not self.policy.routes:
            return int(self.rng.choice(waiting))
        window = waiting[np.argsort(self.due[waiting], kind="stable")][:WINDOW]
        tags, hard = self.world.tag[window], self.crowd.difficulties[window]
        reliability = self.crowd.abilities.reliability
        ranking = matching.rank(
            self.crowd.posteriors[window],
            skills.accuracy(reliability[person, tags], hard),
            skills.accuracy(skills.reference_people(reliability)[:, tags], hard),
        )
        return int(window[ranking.order[0]])

    def _due(self, task: int) -> float:
        leader = float(self.crowd.posteriors[task].max())
        return priority.key(
            uncertainty=float(self.world.uncertainty[task]),
            conflict=priority.conflict(int(self.counts[task]), leader),
            is_begun=bool(self.counts[task]),
            created_at=0.0,
        ).virtual_due

    def _believe(self, task: int) -> None:
        who = np.flatnonzero(self.answers[task] >= 0)
        reliability = self.crowd.abilities.reliability[who, self.world.tag[task]]
        rates = skills.accuracy(reliability, self.crowd.difficulties[task])
        belief = posteriors.of_answers(self.answers[task, who], rates, N_ANSWERS)
        self.crowd.posteriors[task] = belief

    def _close(self, task: int) -> None:
        policy, n = self.policy, int(self.counts[task])
        if policy.fixed is not None:
            self.is_open[task] = n < policy.fixed
        elif n >= policy.most or (n >= policy.least and self._is_sure(task)):
            self.is_open[task] = False

    def _is_sure(self, task: int) -> bool:
        return bool(self.crowd.posteriors[task].max() >= self.policy.threshold)

    def _refit(self, n_rounds: int) -> None:
        rows = np.asarray(self.gold_rows, dtype=np.float64).reshape(-1, 3)
        person, tag = rows[:, 0].astype(np.intp), rows[:, 1].astype(np.intp)
        table = Evidence(person, tag, np.zeros(len(rows)), rows[:, 2])
        self.crowd = crowds.fit(
            self.answers,
            self.world.tag,
            self.hard,
            n_tags=N_DOMAINS,
            n_answers=N_ANSWERS,
            gold=table,
            n_rounds=n_rounds,
        )
        if self.policy.fixed is None:
            for task in np.flatnonzero(self.is_open):
                self._close(int(task))
