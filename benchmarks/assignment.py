"""What the portal's way of handing out work buys: rows T3, T4, T7, T8 and T11 of the reference.

Run as `python -m benchmarks.assignment`; the worlds are made in `portal.algorithms.worlds`.
"""

import heapq
import sys
import time

import numpy as np
from numpy.typing import NDArray

from benchmarks.policies import Policy, Run, Spent
from benchmarks.rows import Report, options
from portal.algorithms import gold, matching, plans, priority, skills
from portal.algorithms.worlds import Shape, make

Floats = NDArray[np.float64]

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
FIXED = (3, 5, 7, 9, 12)
WANTED = 0.85


def run(seeds: int, shape: Shape, policy: Policy) -> list[Spent]:
    """Work through one world a seed."""
    return [Run(make(seed, shape), policy, seed).work() for seed in range(seeds)]


def cost_of(accuracy: float, costs: Floats, accuracies: Floats) -> float:
    """Where the curve first reaches an accuracy; beyond its end it is drawn on, never flattered."""
    rising = np.maximum.accumulate(accuracies)
    if rising[-1] < accuracy:
        return float(costs[-1] * accuracy / rising[-1])
    return float(np.interp(accuracy, rising, costs))


def accuracy_at(cost: float, costs: Floats, accuracies: Floats) -> float:
    """Where the curve stands at a cost."""
    return float(np.interp(cost, costs, accuracies))


def curves(runs: list[list[Spent]], *, majority: bool) -> tuple[Floats, Floats]:
    """Costs and accuracies, each (settings, seeds)."""
    costs = np.asarray([[each.per_task for each in row] for row in runs])
    right = [[each.majority if majority else each.accuracy for each in row] for row in runs]
    return costs, np.asarray(right)


def accuracy_rows(report: Report, seeds: int) -> None:
    """T3 and T4: what an annotation buys."""
    routed = curves(
        [run(seeds, Shape(), Policy(threshold=tau)) for tau in THRESHOLDS], majority=False
    )
    plain = curves(
        [
            run(seeds, Shape(), Policy(fixed=n, routes=False, gold_policy=gold.Policy(first=0)))
            for n in FIXED
        ],
        majority=True,
    )
    own = [cost_of(WANTED, routed[0][:, s], routed[1][:, s]) for s in range(seeds)]
    theirs = [cost_of(WANTED, plain[0][:, s], plain[1][:, s]) for s in range(seeds)]
    report.add(
        "T3", "annotations a task for accuracy .85, gold counted", own, most=3.8, aim="<= 3.1"
    )
    for cost, least, aim in ((4.3, 0.90, None), (4.1, None, ">= .93")):
        found = [accuracy_at(cost, routed[0][:, s], routed[1][:, s]) for s in range(seeds)]
        report.add("T3", f"accuracy at {cost} annotations a task", found, least=least, aim=aim)
    report.add("T4", "annotations a task for .85, fixed and majority", theirs)
    saved = [1.0 - mine / other for mine, other in zip(own, theirs, strict=True)]
    report.add("T4", "share saved against fixed and majority", saved, least=0.5, aim=">= .60")
    even = Shape(domain_spread=0.0)
    pairs = [run(seeds, even, Policy(threshold=0.9, routes=routes)) for routes in (True, False)]
    extra = [a.per_task - b.per_task for a, b in zip(*pairs, strict=True)]
    gained = [a.accuracy - b.accuracy for a, b in zip(*pairs, strict=True)]
    report.add(
        "T3", "annotations that routing adds where skill is even over domains", extra, most=0.1
    )
    report.add("T3", "accuracy that routing adds there", gained, least=-0.02)


def collusion_rows(report: Report, seeds: int) -> None:
    """T7: careless people who agree on the popular mistake."""
    for share, first, least, aim in ((0.35, 4, 0.90, None), (0.45, 8, None, ">= .93")):
        policy = Policy(gold_policy=gold.Policy(first=first))
        spent = run(seeds, Shape(careless=share, collusion=True), policy)
        found = [each.accuracy for each in spent]
        report.add(
            "T7", f"accuracy with {share:.0%} colluding, {first} gold", found, least=least, aim=aim
        )


def waits(arrived: Floats, due: Floats) -> Floats:
    """Serve one task a unit in order of `due`; return how long each waited."""
    waited = np.zeros(len(arrived))
    queue: list[tuple[float, int]] = []
    clock, coming = 0.0, 0
    while coming < len(arrived) or queue:
        if not queue:
            clock = max(clock, arrived[coming])
        while coming < len(arrived) and arrived[coming] <= clock:
            heapq.heappush(queue, (float(due[coming]), coming))
            coming += 1
        _, task = heapq.heappop(queue)
        waited[task] = clock - arrived[task]
        clock += 1.0
    return waited


def queue_rows(report: Report, seeds: int) -> None:
    """T8: 6000 tasks arrive a little faster than the one a unit that is served."""
    worst, quick, plain, greedy = [], [], [], []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        arrived = np.cumsum(rng.exponential(0.98, 6_000))
        unsure = rng.random(6_000)
        in_order = waits(arrived, arrived)
        horizon = priority.horizon_hours(float(in_order.mean()) / priority.HOUR)
        due = [
            priority.key(
                uncertainty=float(u), created_at=float(at), horizon_hours=horizon
            ).virtual_due
            for u, at in zip(unsure, arrived, strict=True)
        ]
        waited = waits(arrived, np.asarray(due))
        worst.append(waited.max() / in_order.max())
        quick.append(waited[unsure >= 0.9].mean())
        plain.append(in_order[unsure >= 0.9].mean())
        greedy.append(waits(arrived, -unsure).max() / in_order.max())
    report.add("T8", "worst wait beside first-in-first-out", worst, most=3.5, aim="<= 2.7")
    report.add("T8", "wait of the most uncertain decile, units", quick, most=5.0, aim="<= 1")
    report.add("T8", "the same, first in first out", plain)
    report.add("T8", "worst wait by uncertainty alone, beside first-in-first-out", greedy)


def plan_rows(report: Report, seeds: int) -> None:
    """T11: 1000 tasks, 40 people, 20 places each, a tenth of the pairs forbidden."""
    shares, ratios, seconds, broken = [], [], [], 0
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        reliability, tags = rng.beta(7, 3, (40, 4)), rng.integers(0, 4, 1_000)
        rates = skills.accuracy(reliability[:, tags], rng.normal(0.0, 1.2, 1_000))
        gains = matching.information_gain(np.full((1_000, 6), 1 / 6), rates)
        forbidden = rng.random(gains.shape) < 0.1
        capacity, need = [20] * 40, [3] * 1_000
        began = time.process_time()
        pairs = plans.plan(gains, capacity, need, forbidden=forbidden)
        seconds.append(time.process_time() - began)
        found = sum(pair.gain for pair in pairs)
        shares.append(found / plans.bound(gains, capacity, need, forbidden=forbidden))
        ratios.append(found / random_gain(gains, forbidden, rng))
        broken += violations(pairs, forbidden, capacity, need)
    report.add("T11", "plan 1000 x 40 x 20 beside random gain", ratios, least=1.8)
    report.add("T11", "the same beside the bound", shares, aim=">= .95")
    report.add("T11", "the same, seconds of one core", seconds, most=2.0, aim="< .5")
    report.add("T11", "broken constraints", broken, most=0)


def random_gain(gains: Floats, forbidden: NDArray[np.bool_], rng: np.random.Generator) -> float:
    """The discounted gain of a plan drawn at random under the same constraints."""
    taken, total = np.zeros(gains.shape[1], dtype=int), 0.0
    for person in range(len(gains)):
        allowed = np.flatnonzero(~forbidden[person] & (taken < 3))
        for task in rng.permutation(allowed)[:20]:
            total += float(gains[person, task]) * plans.DISCOUNTS[taken[task]]
            taken[task] += 1
    return total


def violations(
    pairs: tuple[plans.Pair, ...],
    forbidden: NDArray[np.bool_],
    capacity: list[int],
    need: list[int],
) -> int:
    """Count broken constraints."""
    given = np.zeros(forbidden.shape, dtype=int)
    for pair in pairs:
        given[pair.person, pair.task] += 1
    twice = int((given > 1).sum()) + int((given[forbidden] > 0).sum())
    over = int((given.sum(axis=1) > capacity).sum()) + int((given.sum(axis=0) > need).sum())
    return twice + over


def main() -> int:
    """Measure every row."""
    asked = options(__doc__ or "", seeds=24).parse_args()
    report = Report()
    plan_rows(report, min(asked.seeds, 10))
    queue_rows(report, min(asked.seeds, 20))
    collusion_rows(report, asked.seeds)
    accuracy_rows(report, asked.seeds)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
