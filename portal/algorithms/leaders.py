"""Leader clustering: an item joins its nearest leader or, where none is near, becomes one.

One pass, no revision, so an item's cluster is known when it comes. Hartigan, "Clustering
Algorithms", 1975, chapter 3.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]

RADIUS = 0.7
MOST_LEADERS = 4096
BLOCK = 256


@dataclass(frozen=True, eq=False)
class Placement:
    """Where n items belong: each one's leader, old ones first, and a cosine.

    `founders` are the items that became leaders themselves. The cosine is to the nearest leader
    that came before: a member's own, below the radius for a founder, 0 without any.
    """

    leader: NDArray[np.intp]
    cosine: NDArray[np.float64]
    founders: NDArray[np.intp]


def place(rows: Rows, leaders: Rows, *, most: int = MOST_LEADERS) -> Placement:
    """Place unit rows (n, d) among leaders (m, d), in their order; at most `most` leaders in all.

    A row without direction (all zeros) resembles nothing and founds nothing: its leader is -1.
    """
    known = np.ascontiguousarray(leaders, dtype=np.float32)
    if len(rows) and len(known) and rows.shape[1] != known.shape[1]:
        raise ValueError(f"Rows of {rows.shape[1]} and leaders of {known.shape[1]} do not compare.")
    leader = np.full(len(rows), -1, dtype=np.intp)
    cosine = np.zeros(len(rows))
    founders: list[int] = []
    for first in range(0, len(rows), BLOCK):
        block = np.asarray(rows[first : first + BLOCK], dtype=np.float32)
        where, near, new = _place_block(block, known, most)
        leader[first : first + BLOCK], cosine[first : first + BLOCK] = where, near
        founders += [first + i for i in new]
        known = np.concatenate([known.reshape(-1, rows.shape[1]), block[new]])
    return Placement(leader, cosine, np.asarray(founders, dtype=np.intp))


def _place_block(
    block: Rows, known: Rows, most: int
) -> tuple[NDArray[np.intp], NDArray[np.float64], list[int]]:
    n, m = len(block), len(known)
    where, near = np.full(n, -1, dtype=np.intp), np.zeros(n)
    if m:
        products = block @ known.T
        where = products.argmax(axis=1)
        near = np.clip(products[np.arange(n), where].astype(np.float64), 0.0, 1.0)
    among = np.clip((block @ block.T).astype(np.float64), 0.0, 1.0)
    new: list[int] = []
    for i in np.flatnonzero((near < RADIUS) & block.any(axis=1)):
        if near[i] >= RADIUS or m + len(new) >= most:
            continue
        nearer = among[i] > near
        nearer[: i + 1] = False
        where[nearer], near[nearer] = m + len(new), among[i][nearer]
        where[i] = m + len(new)
        new.append(int(i))
    where[~block.any(axis=1)] = -1
    return where, near, new
