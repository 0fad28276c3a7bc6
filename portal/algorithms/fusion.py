"""Transcription-like projects: align what several people heard, slot by slot, and vote on words.

For captions this breaks grammar and must not be used; for transcriptions everybody writes the same
sentence, and the errors fall in different places.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Indel

from portal.algorithms.text import tokens

GAP = ""
GAP_COST = 1.0
SHARPNESS = 1.0  # κ: how much a better supported transcription outweighs the others
SUPPORT_SCALE = 0.1


@dataclass
class Slot:
    """One place of the sentence: the weight behind each word heard there, the gap included."""

    weights: dict[str, float] = field(default_factory=dict)
    surfaces: dict[str, dict[str, float]] = field(default_factory=dict)

    def add(self, word: str, surface: str, weight: float) -> None:
        """Count one person's word in this place."""
        self.weights[word] = self.weights.get(word, 0.0) + weight
        forms = self.surfaces.setdefault(word, {})
        forms[surface] = forms.get(surface, 0.0) + weight

    def cost(self, word: str, total: float) -> float:
        """What it costs to hear a word here: little where others heard it or one much like it."""
        return (
            1
            - sum(weight * likeness(word, other) for other, weight in self.weights.items()) / total
        )

    def choice(self) -> str:
        """The surface form that most weight stands behind; ties go to the first heard."""
        word = max(self.weights, key=lambda each: self.weights[each])
        return max(self.surfaces[word], key=lambda form: self.surfaces[word][form])


@lru_cache(maxsize=262_144)
def likeness(word: str, other: str) -> float:
    """1 for the same word, at most a half for similar spellings, 0 against a gap."""
    if word == other:
        return 1.0
    if GAP in (word, other):
        return 0.0
    return 0.5 * max(0.0, 2 * Indel.normalized_similarity(word, other) - 1)


def sharpen(voices: NDArray[np.float64], supports: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weigh k transcriptions by voice and support: w·exp(κ(q − q̄)/.1), (k,)."""
    return np.asarray(
        voices * np.exp(SHARPNESS * (supports - supports.mean()) / SUPPORT_SCALE), dtype=np.float64
    )


def fuse(texts: Sequence[str], weights: Sequence[float]) -> str:
    """Merge k transcriptions, the most trusted first, into the words with most weight behind them.

    Words compare without case and punctuation and keep the form most people gave them; scripts
    without word spaces are fused by characters. Source: Fiscus 1997, ROVER,
    doi:10.1109/ASRU.1997.659110, with weighted votes. Raises ValueError without texts or where the
    numbers differ.
    """
    if not texts or len(texts) != len(weights):
        raise ValueError(f"Fusing {len(texts)} texts needs as many weights, not {len(weights)}.")
    spaced = any(len(tokens(piece)) <= 1 for text in texts for piece in text.split())
    network: list[Slot] = []
    total = 0.0
    for text, weight in zip(texts, weights, strict=True):
        network = merge(network, pieces(text, spaced=spaced), weight, total)
        total += weight
    return (" " if spaced else "").join(filter(None, (slot.choice() for slot in network)))


def pieces(text: str, *, spaced: bool) -> list[tuple[str, str]]:
    """Split into (compared form, surface form): words where there are spaces, else characters."""
    surfaces = text.split() if spaced else [each for each in text if not each.isspace()]
    return [("".join(tokens(surface)) or surface, surface) for surface in surfaces]


def merge(
    network: Sequence[Slot], words: Sequence[tuple[str, str]], weight: float, total: float
) -> list[Slot]:
    """Align one transcription to the network at least cost and add its words to the slots."""
    merged: list[Slot] = []
    for at, word in alignment(network, [word for word, _ in words], total):
        slot = network[at] if at is not None else Slot()
        if at is None and total:
            slot.add(GAP, GAP, total)
        form, surface = (GAP, GAP) if word is None else words[word]
        slot.add(form, surface, weight)
        merged.append(slot)
    return merged


def alignment(
    network: Sequence[Slot], words: Sequence[str], total: float
) -> list[tuple[int | None, int | None]]:
    """Pair slots with words in order at least cost; None stands for a gap on either side."""
    n, m = len(network), len(words)
    skip = [slot.cost(GAP, total) for slot in network]
    cost = [[GAP_COST * j for j in range(m + 1)]]
    cost += [[first] + [0.0] * m for first in accumulate(skip)]
    match = [[slot.cost(word, total) for word in words] for slot in network]
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost[i][j] = min(
                cost[i - 1][j - 1] + match[i - 1][j - 1],
                cost[i - 1][j] + skip[i - 1],
                cost[i][j - 1] + GAP_COST,
            )
    return _trace(cost, match, skip)


def _trace(
    cost: Sequence[Sequence[float]], match: Sequence[Sequence[float]], skip: Sequence[float]
) -> list[tuple[int | None, int | None]]:
    i, j = len(cost) - 1, len(cost[0]) - 1
    path: list[tuple[int | None, int | None]] = []
    while i or j:
        if i and j and cost[i][j] == cost[i - 1][j - 1] + match[i - 1][j - 1]:
            i, j = i - 1, j - 1
            path.append((i, j))
        elif i and cost[i][j] == cost[i - 1][j] + skip[i - 1]:
            i -= 1
            path.append((i, None))
        else:
            j -= 1
            path.append((None, j))
    return path[::-1]
