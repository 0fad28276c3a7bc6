"""How much two captions say the same: a mix of meaning (cosine) and wording, all in [0, 1].

No single similarity ranks captions as well as the mix of four; without sentence vectors the three
lexical parts are renormalised.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portal.algorithms.text import (
    CHARACTER_ORDERS,
    character_grams,
    comparison_key,
    tokens,
    word_grams,
)

Matrix = NDArray[np.float64]

# Shares of cosine, chrF, GLEU and idf-weighted token F1.
COSINE_SHARE, CHRF_SHARE, GLEU_SHARE, TOKEN_SHARE = 0.34, 0.13, 0.40, 0.13
NEAR_COPY_GLEU = 0.9


def overlap(left: Mapping[Any, int], right: Mapping[Any, int]) -> int:
    """Count what two multisets share."""
    small, large = (left, right) if len(left) <= len(right) else (right, left)
    return sum(min(count, large[item]) for item, count in small.items() if item in large)


@lru_cache(maxsize=65_536)
def gleu(left: str, right: str) -> float:
    """Sentence GLEU over token n-grams of orders 1–4, the smaller of precision and recall.

    Symmetric; 0 where either has no tokens. Source: Wu et al. 2016, arXiv:1609.08144, section 4.3.
    """
    a, b = word_grams(left), word_grams(right)
    largest = max(a.total(), b.total())
    return overlap(a, b) / largest if a and b else 0.0


@lru_cache(maxsize=65_536)
def chrf(left: str, right: str) -> float:
    """Character n-gram F1 over orders 1–6; precision and recall averaged over the orders first.

    Symmetric; 0 where either has no tokens. Source: Popović 2015, doi:10.18653/v1/W15-3049, β = 1.
    """
    shared = _by_order(character_grams(left) & character_grams(right))
    a, b = _by_order(character_grams(left)), _by_order(character_grams(right))
    precision = float(np.mean(shared[b > 0] / b[b > 0])) if b.any() else 0.0
    recall = float(np.mean(shared[a > 0] / a[a > 0])) if a.any() else 0.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _by_order(grams: Counter[str]) -> NDArray[np.float64]:
    counts = np.zeros(len(CHARACTER_ORDERS))
    for gram, count in grams.items():
        counts[len(gram) - 1] += count
    return counts


def token_f1(left: str, right: str, idf: Mapping[str, float]) -> float:
    """F1 of shared tokens, each weighing its idf; a token that `idf` lacks weighs its largest."""
    a, b = Counter(tokens(left)), Counter(tokens(right))
    rarest = max(idf.values(), default=1.0)

    def mass(counts: Counter[str]) -> float:
        return sum(count * idf.get(token, rarest) for token, count in counts.items())

    whole = mass(a) + mass(b)
    return 2 * mass(a & b) / whole if whole else 0.0


def cosines(vectors: NDArray[np.float32]) -> Matrix:
    """Cosine of every two of n unit rows, (n, d) → (n, n), clipped to [−1, 1]."""
    rows = np.asarray(vectors, dtype=np.float64)
    products = np.clip(rows @ rows.T, -1.0, 1.0)
    np.fill_diagonal(products, 1.0)
    return np.asarray((products + products.T) / 2)


def mixed(
    texts: Sequence[str], *, idf: Mapping[str, float], cosine: Matrix | None = None
) -> Matrix:
    """Mix the four similarities of every two of n captions into an (n, n) symmetric matrix.

    Captions with one comparison key have exactly 1, whatever the parts say. `cosine` is (n, n);
    without it the lexical parts fill the whole.
    """
    n = len(texts)
    if cosine is not None and cosine.shape != (n, n):
        raise ValueError(f"{n} captions need cosines of shape {(n, n)}, not {cosine.shape}.")
    keys = [comparison_key(text) for text in texts]
    matrix = np.eye(n)
    for i in range(n):
        for j in range(i):
            if keys[i] == keys[j]:
                value = 1.0
            else:
                value = lexical(texts[i], texts[j], idf)
                if cosine is not None:
                    close = max(0.0, float(cosine[i, j]))
                    value = COSINE_SHARE * close + (1 - COSINE_SHARE) * value
            matrix[i, j] = matrix[j, i] = value
    return matrix


def lexical(left: str, right: str, idf: Mapping[str, float]) -> float:
    """The three lexical similarities of two captions, renormalised to [0, 1]."""
    parts = (
        CHRF_SHARE * chrf(left, right)
        + GLEU_SHARE * gleu(left, right)
        + TOKEN_SHARE * token_f1(left, right, idf)
    )
    return parts / (CHRF_SHARE + GLEU_SHARE + TOKEN_SHARE)


def is_near_copy(text: str, original: str) -> bool:
    """Whether a caption repeats another nearly word for word."""
    return comparison_key(text) == comparison_key(original) or gleu(text, original) > NEAR_COPY_GLEU
