"""How good a caption is beside what people wrote: one score an item, so that items can be paired.

Captions are compared folded and without punctuation (text.tokens), hence in any script. All
scores lie in [0, 1] but CIDEr-D, which keeps its customary [0, 10]. Against human judgement on
Flickr8k-Expert (tau c): cosine 56, CIDEr-D 44, chrF++ 36, ROUGE-L, token F1 and BLEU-4 33.
"""

import importlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import LCSseq

from portal.algorithms import text

Floats = NDArray[np.float64]
Texts = Sequence[str]
References = Sequence[Sequence[str]]
Gram = tuple[str, ...]

ORDERS = 4
CIDER_SIGMA = 6.0
CIDER_SCALE = 10.0
COMMON_SHARE = 0.7
COMMON_SHRINKAGE = 30.0
BEST_SHARE = 0.25


@cache
def sacrebleu() -> Any:
    """Return sacreBLEU's metrics, imported on first use."""
    # Its import takes 160 ms and draws in lxml; web processes that never evaluate stay without.
    return importlib.import_module("sacrebleu.metrics")


def common_direction(references: Sequence[Floats]) -> Floats:
    """Return what all captions of a frozen set have in common, shape (d,), to be taken off them.

    Seven tenths of the mean reference, less where there are few items: of a single item the mean
    is the item itself.
    """
    if not references:
        raise ValueError("Without references nothing is common.")
    means = np.asarray([np.asarray(rows, dtype=np.float64).mean(axis=0) for rows in references])
    share = COMMON_SHARE * len(means) / (len(means) + COMMON_SHRINKAGE)
    return np.asarray(share * means.mean(axis=0))


def cosine(
    hypotheses: Floats, references: Sequence[Floats], common: Floats | None = None
) -> Floats:
    """Return each caption's cosine to its references, in [0, 1], negative ones as 0, shape (n,).

    Three quarters of the mean over the references and a quarter of the best: people describe
    different sides of a clip. `hypotheses` (n, d) and each of the n `references` (k, d) hold rows
    of one encoder; `common` (d,) is taken off all of them first, else "a man is talking" resembles
    everything (tau c against human judgement 55.2 without, 56.2 with).
    """
    _check(hypotheses, references)
    own = _directions(np.asarray(hypotheses, dtype=np.float64), common)
    scores = []
    for vector, rows in zip(own, references, strict=True):
        cosines = np.clip(
            _directions(np.asarray(rows, dtype=np.float64), common) @ vector, 0.0, 1.0
        )
        scores.append((1.0 - BEST_SHARE) * cosines.mean() + BEST_SHARE * cosines.max())
    return np.asarray(scores, dtype=np.float64)


def token_f1(hypotheses: Texts, references: References) -> Floats:
    """Return the F1 of shared words, counted with repetition; the best over the references."""
    return _best(hypotheses, references, _token_f1)


def rouge_l(hypotheses: Texts, references: References) -> Floats:
    """Return the F1 of the longest common subsequence of words; the best over the references.

    Lin, "ROUGE: a package for automatic evaluation of summaries", 2004.
    """
    return _best(hypotheses, references, _rouge_l)


def bleu_4(hypotheses: Texts, references: References) -> Floats:
    """Return sentence BLEU up to 4-grams with exponential smoothing, over all references at once.

    Papineni et al. 2002 as in sacreBLEU; orders longer than the caption are left out.
    """
    _check(hypotheses, references)
    metric = sacrebleu().BLEU(tokenize="none", effective_order=True)
    return _sentences(metric, hypotheses, references)


def chrf_pp(hypotheses: Texts, references: References) -> Floats:
    """Return chrF++ (characters to 6, words to 2, beta 2); the best over the references.

    Popović, "chrF++: words helping character n-grams", 2017, as in sacreBLEU.
    """
    _check(hypotheses, references)
    return _sentences(sacrebleu().CHRF(word_order=2), hypotheses, references)


@dataclass(frozen=True)
class DocumentFrequencies:
    """In how many items' references each n-gram occurs; frozen, so that scores stay comparable."""

    n_documents: int
    counts: Mapping[Gram, int]

    @classmethod
    def of(cls, references: Iterable[Sequence[str]]) -> "DocumentFrequencies":
        """Count over items; an item's references are one document."""
        counts: Counter[Gram] = Counter()
        n_documents = 0
        for documents in references:
            counts.update({gram for each in documents for gram in text.word_grams(each)})
            n_documents += 1
        return cls(n_documents, counts)

    def to_json(self) -> dict[str, Any]:
        """Return plain data; n-grams are joined by spaces, which tokens never hold."""
        joined = {" ".join(gram): count for gram, count in sorted(self.counts.items())}
        return {"n_documents": self.n_documents, "counts": joined}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "DocumentFrequencies":
        """Read back what to_json gave."""
        counts = {tuple(gram.split(" ")): int(n) for gram, n in stored["counts"].items()}
        return cls(int(stored["n_documents"]), counts)


def cider_d(hypotheses: Texts, references: References, frequencies: DocumentFrequencies) -> Floats:
    """Return CIDEr-D of each caption, in [0, 10], averaged over its references and orders 1-4.

    Weights are count * log(N / max(1, df)); counts are clipped to the reference's; lengths are
    punished by a Gaussian of sigma 6. With fewer than two documents every weight is 0, and so is
    the score. Vedantam, Zitnick and Parikh, "CIDEr", 2015.
    """
    _check(hypotheses, references)
    weigh = _Weigher(frequencies)
    return np.asarray(
        [
            sum(weigh.similarity(own, each) for each in others) / len(others) * CIDER_SCALE
            for own, others in zip(hypotheses, references, strict=True)
        ]
    )


def lower_decile(scores: Floats) -> float:
    """Return the score that nine in ten items exceed: where a model fails, the mean hides it."""
    return float(np.quantile(scores, 0.1))


class _Weigher:
    """Turns captions into idf-weighted n-gram vectors, each text once."""

    def __init__(self, frequencies: DocumentFrequencies) -> None:
        self._counts = frequencies.counts
        self._log_n = math.log(max(frequencies.n_documents, 1))
        self._known: dict[str, tuple[list[dict[Gram, float]], list[float], int]] = {}

    def similarity(self, hypothesis: str, reference: str) -> float:
        own, own_norms, own_length = self._vector(hypothesis)
        other, other_norms, other_length = self._vector(reference)
        total = 0.0
        for order in range(ORDERS):
            if own_norms[order] > 0.0 and other_norms[order] > 0.0:
                theirs = other[order]
                shared = sum(
                    min(weight, theirs[gram]) * theirs[gram]
                    for gram, weight in own[order].items()
                    if gram in theirs
                )
                total += shared / (own_norms[order] * other_norms[order])
        gap = own_length - other_length
        return total / ORDERS * math.exp(-(gap**2) / (2.0 * CIDER_SIGMA**2))

    def _vector(self, caption: str) -> tuple[list[dict[Gram, float]], list[float], int]:
        if caption not in self._known:
            weights: list[dict[Gram, float]] = [{} for _ in range(ORDERS)]
            for gram, count in text.word_grams(caption).items():
                idf = self._log_n - math.log(max(self._counts.get(gram, 0), 1))
                weights[len(gram) - 1][gram] = count * idf
            norms = [math.sqrt(sum(w * w for w in each.values())) for each in weights]
            self._known[caption] = (weights, norms, len(text.tokens(caption)))
        return self._known[caption]


def _directions(rows: Floats, common: Floats | None) -> Floats:
    moved = rows if common is None else rows - common
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    return np.asarray(np.divide(moved, lengths, out=np.zeros_like(moved), where=lengths > 0.0))


def _token_f1(own: Gram, other: Gram) -> float:
    shared = (Counter(own) & Counter(other)).total()
    return 2.0 * shared / (len(own) + len(other)) if shared else 0.0


def _rouge_l(own: Gram, other: Gram) -> float:
    longest = LCSseq.similarity(own, other)
    return 2.0 * longest / (len(own) + len(other)) if longest else 0.0


def _best(
    hypotheses: Texts, references: References, score: Callable[[Gram, Gram], float]
) -> Floats:
    _check(hypotheses, references)
    return np.asarray(
        [
            max(score(text.tokens(own), text.tokens(each)) for each in others)
            for own, others in zip(hypotheses, references, strict=True)
        ]
    )


def _sentences(metric: Any, hypotheses: Texts, references: References) -> Floats:
    spaced = text.spaced
    return np.asarray(
        [
            metric.sentence_score(spaced(own), [spaced(each) for each in others]).score / 100.0
            for own, others in zip(hypotheses, references, strict=True)
        ]
    )


def _check(hypotheses: Sequence[Any] | Floats, references: Sequence[Any]) -> None:
    if len(hypotheses) != len(references):
        raise ValueError(f"{len(hypotheses)} captions need as many lists of references.")
    if any(len(each) == 0 for each in references):
        raise ValueError("Every caption needs at least one reference.")
