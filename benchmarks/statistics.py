"""Statistics that the consensus benchmarks share, and the memory of sentence vectors."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from portal.adapters import encoders

Floats = NDArray[np.float64]

N_BOOTSTRAP = 2_000


class Memory(dict[str, NDArray[np.float32]]):
    """Vectors by text, each encoded once."""

    def __init__(self, encoder: encoders.Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def learn(self, texts: Sequence[str]) -> "Memory":
        """Encode what is new."""
        new = sorted(set(texts) - self.keys())
        self.update(zip(new, self.encoder.encode(new), strict=True))
        return self


def lower_bound(values: Floats, seed: int = 0) -> float:
    """The 2.5 % bound of a mean by bootstrap over items."""
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(values), size=(N_BOOTSTRAP, len(values)))
    return float(np.quantile(values[draws].mean(axis=1), 0.025))


def spearman(a: Sequence[float], b: Sequence[float]) -> float:
    """Rank correlation; ties share their mean rank."""
    return float(np.corrcoef(ranks(np.array(a)), ranks(np.array(b)))[0, 1])


def ranks(values: Floats) -> Floats:
    """Ranks from 0, ties at their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts + 1) / 2)[inverse])


def auroc(values: Floats, positive: NDArray[np.bool_]) -> float:
    """The chance that a positive has the higher value; ties count half."""
    order = ranks(values) + 1
    n = int(positive.sum())
    return float((order[positive].sum() - n * (n + 1) / 2) / (n * (len(values) - n)))


def calibration_error(sure: Floats, right: NDArray[np.bool_]) -> float:
    """Expected calibration error over ten equal bins."""
    bins = np.minimum((sure * 10).astype(int), 9)
    parts = [(bins == b) for b in range(10) if (bins == b).any()]
    return float(sum(p.mean() * abs(sure[p].mean() - right[p].mean()) for p in parts))


def logistic(design: Floats, right: NDArray[np.bool_], shrink: float) -> Floats:
    """Fit a logistic by Newton steps with a ridge on all but the first column."""
    ridge = shrink * np.array([0.0] + [1.0] * (design.shape[1] - 1))
    weights = np.zeros(design.shape[1])
    for _ in range(60):
        p = 1 / (1 + np.exp(-design @ weights))
        gradient = design.T @ (p - right) / len(right) + ridge * weights
        curvature = (design * (p * (1 - p))[:, None]).T @ design / len(right)
        weights = weights - np.linalg.solve(curvature + np.diag(ridge), gradient)
    return weights
