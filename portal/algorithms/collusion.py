"""Pairs of people whose captions are more alike than both are to the rest: collusion's excess."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from portal.algorithms.evidence import Caption, Evidence

PRIOR_TASKS = 6
MIN_TASKS = 3


def excess(
    tasks: Sequence[Sequence[Caption]], measured: Sequence[Evidence]
) -> Mapping[tuple[int, int], float]:
    """Estimate e_ab = max(0, Σ_tasks[u_ab − (row_a + row_b − mean)] / (n_ab + 6)) for every pair.

    u is each task's support matrix, row_a its mean towards a's caption, mean that of all pairs.
    Pairs with fewer than 3 common tasks or without excess are left out; keys are (smaller, larger).
    """
    sums: dict[tuple[int, int], float] = defaultdict(float)
    counts: dict[tuple[int, int], int] = defaultdict(int)
    for captions, evidence in zip(tasks, measured, strict=True):
        mask = evidence.independent
        if len(captions) < 3 or not mask.any():
            continue
        u = evidence.support_from
        rows = (u * mask).sum(axis=1) / np.maximum(mask.sum(axis=1), 1)
        mean = float((u * mask).sum() / mask.sum())
        for i, j in zip(*np.nonzero(np.triu(mask, 1)), strict=True):
            a, b = sorted((captions[i].author, captions[j].author))
            sums[a, b] += float(u[i, j] - (rows[i] + rows[j] - mean))
            counts[a, b] += 1
    return {
        pair: total / (counts[pair] + PRIOR_TASKS)
        for pair, total in sorted(sums.items())
        if counts[pair] >= MIN_TASKS and total > 0
    }
