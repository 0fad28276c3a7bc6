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
    n_characters,
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
    a, b = character_grams(left), character_grams(right)
    length_a, length_b = n_characters(left), n_characters(right)
    if not a or not b:
        return 0.0
    shared = [0] * len(CHARACTER_ORDERS)
    small, large = (a, b) if len(a) <= len(b) else (b, a)
    for gram, count in small.items():
        other = large.get(gram)
        if other:
            shared[len(gram) - 1] += min(count, other)
    precision = _mean_share(shared, length_b)
    recall = _mean_share(shared, length_a)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _mean_share(shared: Sequence[int], n_characters: int) -> float:
    """Average shared n-grams over those that a text of n characters has, for the orders it has."""
    shares = [
        count / (n_characters - order + 1)
        for order, count in zip(CHARACTER_ORDERS, shared, strict=True)
        if order <= n_characters
    ]
    return sum(shares) / len(shares)


def token_f1(left: str, right: str, idf: Mapping[str, float], rarest: float) -> float:
    """F1 of shared tokens, each weighing its idf; a token that `idf` lacks weighs `rarest`."""
    a, b = tokens(left), tokens(right)
    whole = sum(idf.get(token, rarest) for token in (*a, *b))
    if not whole:
        return 0.0
    shared = Counter(a) & Counter(b)
    common = sum(count * idf.get(token, rarest) for token, count in shared.items())
    return 2 * common / whole


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
    rarest = max(idf.values(), default=1.0)
    matrix = np.eye(n)
    for i in range(n):
        for j in range(i):
            if keys[i] == keys[j]:
                value = 1.0
            else:
                value = lexical(texts[i], texts[j], idf, rarest)
                if cosine is not None:
                    close = max(0.0, float(cosine[i, j]))
                    value = COSINE_SHARE * close + (1 - COSINE_SHARE) * value
            matrix[i, j] = matrix[j, i] = value
    return matrix


def lexical(left: str, right: str, idf: Mapping[str, float], rarest: float = 1.0) -> float:
    """The three lexical similarities of two captions, renormalised to [0, 1]."""
    parts = (
        CHRF_SHARE * chrf(left, right)
        + GLEU_SHARE * gleu(left, right)
        + TOKEN_SHARE * token_f1(left, right, idf, rarest)
    )
    return parts / (CHRF_SHARE + GLEU_SHARE + TOKEN_SHARE)


def is_near_copy(text: str, original: str) -> bool:
    """Whether a caption repeats another nearly word for word."""
    return comparison_key(text) == comparison_key(original) or gleu(text, original) > NEAR_COPY_GLEU
