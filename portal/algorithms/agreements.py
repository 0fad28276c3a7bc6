"""Who agrees with whom over many tasks: a mean for each pair of people, from what was weighed."""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

LEAST_TASKS = 3


@dataclass(frozen=True)
class Weighed:
    """One task: who wrote, how like every two captions are (0–1), and whose copied the model's."""

    authors: Sequence[int]
    likeness: Sequence[Sequence[float]]
    copies: Collection[int] = ()  # positions


@dataclass(frozen=True)
class Agreement:
    """How like two people's captions of the same clips are on average, and of how many clips."""

    mean: float
    n_tasks: int


def pairwise(tasks: Sequence[Weighed]) -> Mapping[tuple[int, int], Agreement]:
    """Average the likeness of each two people's captions, by (smaller, larger) key.

    Two copies of the model's words say nothing of each other and are left out; so are pairs who met
    on fewer than three tasks.
    """
    met: dict[tuple[int, int], list[float]] = defaultdict(list)
    for task in tasks:
        for i, a in enumerate(task.authors):
            for j in range(i):
                b = task.authors[j]
                if a != b and not (i in task.copies and j in task.copies):
                    met[min(a, b), max(a, b)].append(float(task.likeness[i][j]))
    return {
        pair: Agreement(math.fsum(values) / len(values), len(values))
        for pair, values in sorted(met.items())
        if len(values) >= LEAST_TASKS
    }


def with_others(pairs: Mapping[tuple[int, int], Agreement]) -> Mapping[int, Agreement]:
    """Each person's mean over all pairs they are in, weighed by the tasks they met on."""
    sums: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for (a, b), agreement in pairs.items():
        for person in (a, b):
            sums[person].append((agreement.mean * agreement.n_tasks, agreement.n_tasks))
    return {
        person: Agreement(
            math.fsum(total for total, _ in parts) / sum(n for _, n in parts),
            sum(n for _, n in parts),
        )
        for person, parts in sorted(sums.items())
    }
