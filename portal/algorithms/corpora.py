"""Corpus scores from sums: BLEU-4 and chrF++ over all items at once, recomputed in each resample.

A corpus score is no mean of sentence scores. Each item gives a row of counts; the score of any
resample is a function of the rows' sum, so thousands of resamples cost one matrix product.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portal.algorithms import metrics, text
from portal.algorithms.metrics import References, Texts

Floats = NDArray[np.float64]

BLEU_ORDERS = 4
CHRF_BETA = 2.0


@dataclass(frozen=True)
class Corpus:
    """How a corpus metric is counted, item by item (n, k), and scored from sums, (m, k) to (m,)."""

    count: Callable[[Texts, References], Floats]
    score: Callable[[Floats], Floats]


def bleu_counts(hypotheses: Texts, references: References) -> Floats:
    """Return lengths, matches and n-grams of each item: (n, 2 + 4 + 4), as sacreBLEU counts."""
    return _counts(metrics.sacrebleu().BLEU(tokenize="none"), hypotheses, references)


def bleu_score(sums: Floats) -> Floats:
    """Return corpus BLEU-4 in [0, 1] of each row of summed counts, with exponential smoothing."""
    length, closest = sums[:, 0], sums[:, 1]
    right, total = sums[:, 2 : 2 + BLEU_ORDERS], sums[:, 2 + BLEU_ORDERS :]
    is_missed = (right <= 0.0) & (total > 0.0)
    halvings = np.exp2(np.cumsum(is_missed, axis=1))
    hits = np.where(is_missed, 1.0 / halvings, right)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(total > 0.0, np.log(hits / total), -np.inf).mean(axis=1)
        brevity = np.where(length > 0.0, np.minimum(0.0, 1.0 - closest / length), -np.inf)
    scores = np.exp(logs + brevity)
    return np.asarray(np.where(right.any(axis=1), scores, 0.0))


def chrf_counts(hypotheses: Texts, references: References) -> Floats:
    """Return the n-grams said, written and matched per order: (n, 8 * 3), as sacreBLEU counts."""
    return _counts(metrics.sacrebleu().CHRF(word_order=2), hypotheses, references)


def chrf_score(sums: Floats) -> Floats:
    """Return corpus chrF++ in [0, 1] of each row of summed counts."""
    said, written, matched = (sums[:, place::3] for place in range(3))
    counts = (said > 0.0) & (written > 0.0)
    precision = _mean_where(matched, said, counts)
    recall = _mean_where(matched, written, counts)
    weight = CHRF_BETA**2
    below = weight * precision + recall
    above = (1.0 + weight) * precision * recall
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0.0)


CORPORA: Mapping[str, Corpus] = {
    "bleu_4": Corpus(bleu_counts, bleu_score),
    "chrf": Corpus(chrf_counts, chrf_score),
}


def _mean_where(part: Floats, whole: Floats, counts: NDArray[np.bool_]) -> Floats:
    shares = np.divide(part, whole, out=np.zeros_like(part), where=counts)
    return np.asarray(shares.sum(axis=1) / np.maximum(counts.sum(axis=1), 1))


def _counts(metric: Any, hypotheses: Texts, references: References) -> Floats:
    """Ask sacreBLEU for each item's row; its public interface hands out finished scores alone."""
    rows = []
    for own, others in zip(hypotheses, references, strict=True):
        known = metric._extract_reference_info([text.spaced(each) for each in others])
        rows.append(metric._compute_segment_statistics(text.spaced(own), known))
    return np.asarray(rows, dtype=np.float64)
