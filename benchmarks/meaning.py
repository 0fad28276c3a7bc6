"""What bounds the row *meaning*: captions of one clip against captions of different clips.

    python -m benchmarks.meaning

Beside the portal's own agreement stands the best that the same sentence vectors can give: the
log-likelihood ratio of "both of one clip" under a two-covariance model, learnt from captions whose
clips are known (Ioffe 2006, doi:10.1007/11744085_41). Every night it could be learnt anew from a
project's own tasks; the last rows say what that would do to the confidence.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import clips
from benchmarks.clip_rows import N_PAIRS, RIGHT
from benchmarks.rows import Report, options
from benchmarks.statistics import Memory, auroc
from portal.adapters import encoders
from portal.algorithms.consensus import Caption, decide

Array = NDArray[np.float64]

TAUGHT, CAPTIONS, GIVEN = 600, 20, 5
SHRINK = 2.0  # of the covariance within a clip towards its mean variance


@dataclass(frozen=True)
class Ratio:
    """A two-covariance model: y = (x − mean)·axes has unit variance within, `between` across."""

    mean: Array
    axes: Array
    between: Array

    @classmethod
    def learn(cls, vectors: Array) -> "Ratio":
        """Fit to (clips, captions, d) vectors."""
        n, k, d = vectors.shape
        mean = vectors.reshape(-1, d).mean(axis=0)
        centred = vectors - mean
        middles = centred.mean(axis=1)
        spread = (centred - middles[:, None]).reshape(-1, d)
        within = spread.T @ spread / (n * (k - 1))
        between = middles.T @ middles / n - within / k
        within += SHRINK * np.trace(within) / d * np.eye(d)
        whiten = np.linalg.inv(np.linalg.cholesky(within))
        variances, axes = np.linalg.eigh(whiten @ between @ whiten.T)
        kept = variances > 1e-3
        return cls(mean, whiten.T @ axes[:, kept], variances[kept])

    def of(self, left: Array, right: Array) -> Array:
        """Log-likelihood ratio of one clip against two, (…, d) and (…, d) → (…)."""
        x, y = ((side - self.mean) @ self.axes for side in (left, right))
        whole = 1 + self.between
        square = whole**2 - self.between**2
        same = (whole * (x**2 + y**2) - 2 * self.between * x * y) / square
        return np.asarray((((x**2 + y**2) / whole - same) / 2).sum(axis=-1))


@dataclass(frozen=True)
class Pairs:
    """Pairs of captions by clip and place, the first half of one clip, and their texts' vectors."""

    left: tuple[Array, Array]
    right: tuple[Array, Array]

    @classmethod
    def draw(cls, among: Sequence[int], places: Sequence[int], rng: np.random.Generator) -> "Pairs":
        """Draw 500 pairs of one clip and 500 of two."""
        drawn = []
        for is_same in (True, False):
            for _ in range(N_PAIRS):
                one, other = rng.choice(among, 2, replace=False)
                first, second = rng.choice(places, 2, replace=False)
                drawn.append((one, first, one if is_same else other, second))
        columns = np.array(drawn).T
        return cls((columns[0], columns[1]), (columns[2], columns[3]))

    def area(self, values: Array) -> float:
        """AUROC of numbers that should be higher for pairs of one clip."""
        return auroc(values, np.arange(2 * N_PAIRS) < N_PAIRS)


def bounds(report: Report, texts: list[list[str]], vectors: Array, seeds: int) -> None:
    """Agreement, cosine, and ratios learnt from other clips or from other captions."""
    found: dict[str, list[float]] = {}
    for seed in range(seeds):
        rng = np.random.default_rng(700 + seed)
        order = rng.permutation(len(texts))
        others, ours = order[:TAUGHT], order[TAUGHT:]
        pairs = Pairs.draw(ours, range(CAPTIONS), rng)
        left, right = vectors[pairs.left], vectors[pairs.right]
        values = {
            "the portal's agreement": agreements(texts, vectors, pairs),
            "cosine": (left * right).sum(axis=-1),
            "ratio learnt from 600 other clips, 5 captions each": Ratio.learn(
                vectors[others, :GIVEN]
            ).of(left, right),
            "ratio learnt from 600 other clips, 20 captions each": Ratio.learn(vectors[others]).of(
                left, right
            ),
        }
        for name, each in values.items():
            found.setdefault(name, []).append(pairs.area(each))
        unseen = Pairs.draw(range(len(texts)), range(GIVEN, CAPTIONS), rng)
        ratio = Ratio.learn(vectors[:, :GIVEN])
        found.setdefault("ratio learnt from 5 other captions of the same clips", []).append(
            unseen.area(ratio.of(vectors[unseen.left], vectors[unseen.right]))
        )
    for name, areas in found.items():
        report.add("meaning", f"AUROC, {name}", areas)


def agreements(texts: list[list[str]], vectors: Array, pairs: Pairs) -> Array:
    """What the portal says of two captions by two people."""
    said = []
    for one, other in zip(zip(*pairs.left, strict=True), zip(*pairs.right, strict=True),
                          strict=True):  # fmt: skip
        both = [Caption(n, texts[c][k], n, vector=vectors[c, k]) for n, (c, k) in
                enumerate((one, other))]  # fmt: skip
        said.append(decide(both).agreement)
    return np.array(said)


def price(report: Report, texts: dict[str, list[str]], memory: Memory, seeds: int) -> None:
    """How well each tells right winners from wrong ones, five captions a clip."""
    found: dict[str, list[float]] = {"cosine": [], "ratio": []}
    for seed in range(seeds):
        drawn = clips.split(texts, GIVEN, np.random.default_rng(200 + seed))
        given = np.array([[memory[text] for text in clip.given] for clip in drawn], dtype=float)
        ratio = Ratio.learn(given)
        decisions = [decide(clips.task_of(clip, memory)) for clip in drawn]
        right = clips.closeness([each.caption for each in decisions], drawn, memory) >= RIGHT
        winners = np.array([each.winner for each in decisions])
        rest = np.array([np.delete(np.arange(GIVEN), winner) for winner in winners])
        row = np.arange(len(drawn))
        won, lost = given[row, winners][:, None], given[row[:, None], rest]
        found["cosine"].append(auroc((won * lost).sum(axis=-1).mean(axis=1), right))
        found["ratio"].append(auroc(ratio.of(won, lost).mean(axis=1), right))
    for name, areas in found.items():
        report.add("meaning", f"right winners told from wrong by the others' mean {name}", areas)


def main() -> int:
    """Print the bounds and what a learnt measure would cost."""
    given = options("What bounds meaning.", 6).parse_args()
    data: Path = given.data
    captions = clips.captions_of(data)
    memory = Memory(encoders.embedded())
    texts = list(captions.values())
    memory.learn([text for group in texts for text in group])
    vectors = np.array([[memory[text] for text in group] for group in texts], dtype=float)
    report = Report()
    bounds(report, texts, vectors, given.seeds)
    price(report, captions, memory, given.seeds)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
