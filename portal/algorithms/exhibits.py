"""Which of somebody's captions show a sign best: what is laid before the person who decides."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from portal.algorithms import similarity
from portal.algorithms.flags import Work, content
from portal.algorithms.reliability import Refit
from portal.algorithms.text import comparison_key, tokens

MOST = 6

Measure = Callable[[Sequence[Work], Sequence[float]], list[float]]


def choose(kind: str, own: Sequence[Work], refit: Refit) -> tuple[int, ...]:
    """Return the keys of up to six captions that show the sign best, the clearest first.

    `own` is one author's work as `flags.by_author` gives it. A kind that this room does not know,
    or a sign that no single caption shows, gives the captions that agree least.
    """
    if not own:
        return ()
    residuals = refit.residuals.get(own[0].caption.author, ())
    measure = MEASURES.get(kind, _disagreement)
    strengths = measure(own, residuals)
    order = sorted(range(len(own)), key=lambda at: (-strengths[at], own[at].caption.key))
    telling = [at for at in order if strengths[at] > 0] or order
    return tuple(own[at].caption.key for at in telling[:MOST])


def _disagreement(own: Sequence[Work], residuals: Sequence[float]) -> list[float]:
    """How little each caption agreed; without residuals to match, its distance from the others.

    A residual belongs to each caption that somebody else's stands beside.
    """
    if len(residuals) != sum(bool(work.others) for work in own):
        return [1 - _likeness(work) for work in own]
    left = iter(residuals)
    return [-float(next(left)) if work.others else -np.inf for work in own]


def _likeness(work: Work) -> float:
    if not work.others:
        return 1.0
    alike = [similarity.gleu(work.caption.text, other.text) for other in work.others]
    return float(np.mean(alike))


def _repetition(own: Sequence[Work], residuals: Sequence[float]) -> list[float]:
    keys = [comparison_key(work.caption.text) for work in own]
    counts = Counter(keys)
    most = max(counts.values())
    return [float(counts[key] == most) for key in keys]


def _brevity(own: Sequence[Work], residuals: Sequence[float]) -> list[float]:
    usual = [
        float(np.median([len(tokens(other.text)) for other in work.others])) if work.others else 0.0
        for work in own
    ]
    return [
        1 - len(tokens(work.caption.text)) / length if length else 0.0
        for work, length in zip(own, usual, strict=True)
    ]


def _copying(own: Sequence[Work], residuals: Sequence[float]) -> list[float]:
    return [
        similarity.gleu(work.caption.text, work.caption.shown_prediction)
        if work.caption.shown_prediction
        else 0.0
        for work in own
    ]


def _leaning(own: Sequence[Work], residuals: Sequence[float]) -> list[float]:
    counts = []
    for work in own:
        seen = set().union(*(content(other.text) for other in work.others))
        unseen = content(work.caption.shown_prediction or "") - seen
        counts.append(float(len(unseen & content(work.caption.text))))
    return counts


def _sameness(own: Sequence[Work], residuals: Sequence[float]) -> list[float]:
    texts = [work.caption.text for work in own]
    before = texts[-1:] + texts[:-1]
    return [similarity.gleu(a, b) for a, b in zip(texts, before, strict=True)]


def _echoing(own: Sequence[Work], residuals: Sequence[float]) -> list[float]:
    """How like each caption is to the likest of its task's others."""
    return [
        max((similarity.lexical(w.caption.text, each.text, {}) for each in w.others), default=0.0)
        for w in own
    ]


MEASURES: Mapping[str, Measure] = {
    "one_text": _repetition,
    "too_short": _brevity,
    "copies_prediction": _copying,
    "leans_on_prediction": _leaning,
    "same_wording": _sameness,
    "collusion": _echoing,
}
