"""Signs of careless or dishonest work, with the evidence in a sentence: for a person to look at.

A flag never acts by itself. Every sign compares people with others on the same tasks, so that a
terse style, a second language or a hard share of tasks is not held against anybody.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from portal.algorithms import similarity
from portal.algorithms.evidence import Caption
from portal.algorithms.fading import steepest
from portal.algorithms.opposites import FUNCTION_WORDS
from portal.algorithms.reliability import INTERVAL_Z, Refit
from portal.algorithms.text import comparison_key, tokens

Kind = Literal[
    "low_agreement", "one_text", "too_short", "copies_prediction", "leans_on_prediction",
    "same_wording", "drift", "collusion",
]  # fmt: skip

# Agreement is low where it is far below the median person's and others share few of the words, or
# where it is surely below and others share next to none: (in σ_e after the interval, share of the
# median person's echo).
LOW_AGREEMENT = ((-1.0, 0.8), (-0.1, 0.7))
ECHO_FALL, ECHO_CONTRAST = 0.2, 5.0  # of the words that others share, and in standard errors
ONE_TEXT_SHARE, ONE_TEXT_MIN = 0.20, 20
SHORT_SHARE, SHORT_RATIO, SHORT_MIN = 0.30, 0.3, 10
COPY_SHARE, COPY_MIN = 0.5, 8
LEAN_EXCESS, SAME_WORDING_EXCESS, WORDING_MIN = 0.10, 0.15, 20
OUTLYING = 3.5  # robust standard deviations from the other people
DRIFT_FALL, DRIFT_MIN = 0.8, 8
WELL_ABOVE = 3.0  # times the rate of the others on the same tasks


@dataclass(frozen=True)
class Flag:
    """One sign about one author; `value` went beyond `limit`, the sentence says how."""

    author: int
    kind: Kind
    evidence: str
    value: float
    limit: float


@dataclass(frozen=True)
class Work:
    """One caption beside the other people's captions of its task."""

    caption: Caption
    others: tuple[Caption, ...]


def find(
    tasks: Sequence[Sequence[Caption]],
    refit: Refit,
    gold: Mapping[int, Sequence[float]] | None = None,
) -> tuple[Flag, ...]:
    """Look through the tasks, in the order they were worked on, for every kind of sign.

    `refit` is the fit of the same tasks; `gold` holds people's scores on gold, 0–1, in order. The
    model's captions are evidence, never flagged. Flags come by author, then kind.
    """
    works = by_author(tasks)
    found = [
        *low_agreement(works, refit),
        *one_text(works),
        *too_short(works),
        *copies_prediction(works),
        *leans_on_prediction(works),
        *same_wording(works),
        *drift(works, refit, gold or {}),
        *collusion(works, refit),
    ]
    return tuple(sorted(found, key=lambda flag: (flag.author, flag.kind)))


def by_author(tasks: Sequence[Sequence[Caption]]) -> dict[int, list[Work]]:
    """Sort human captions by author, in the order of the tasks, each with its task's others."""
    works: dict[int, list[Work]] = defaultdict(list)
    for task in tasks:
        for caption in task:
            others = tuple(
                each for each in task if each.author != caption.author and not each.is_model
            )
            if not caption.is_model:
                works[caption.author].append(Work(caption, others))
    return dict(works)


def low_agreement(works: Mapping[int, Sequence[Work]], refit: Refit) -> Iterable[Flag]:
    """Flag who agrees clearly less than the median person, by s − median + 1.64·se in σ_e.

    Only where the words that they do write find less echo than others' words as well: somebody
    terse but right is not careless.
    """
    if not works:
        return
    sigma = refit.parameters.sigma_e
    middle = float(np.median([refit.skills[author].s for author in works]))
    echoes = {author: echo(own) for author, own in works.items()}
    usual = float(np.median(list(echoes.values())))
    for author in works:
        skill = refit.skills[author]
        value = (skill.s - middle + INTERVAL_Z * skill.se) / sigma
        limits = [m for m, share in LOW_AGREEMENT if value < m and echoes[author] < share * usual]
        if limits:
            text = (
                f"Agrees at least {-value:.2f} σ less than the median person; others share "
                f"{echoes[author]:.0%} of the words, where {usual:.0%} is usual."
            )
            yield Flag(author, "low_agreement", text, value, limits[0])


def echo(own: Sequence[Work]) -> float:
    """The share of a person's content words that somebody else on the task wrote too."""
    written = shared = 0
    for work in own:
        words = content(work.caption.text)
        written += len(words)
        shared += len(words & set().union(*(content(other.text) for other in work.others)))
    return shared / written if written else 0.0


def content(text: str) -> set[str]:
    """A caption's words without articles, prepositions and the like."""
    return set(tokens(text)) - FUNCTION_WORDS


def one_text(works: Mapping[int, Sequence[Work]]) -> Iterable[Flag]:
    """Flag one text in more than a fifth of 20 tasks or more, where others rarely write it."""
    for author, own in works.items():
        if len(own) < ONE_TEXT_MIN:
            continue
        counts = Counter(comparison_key(work.caption.text) for work in own)
        key, count = counts.most_common(1)[0]
        share = count / len(own)
        texts = [comparison_key(other.text) for work in own for other in work.others]
        usual = sum(text == key for text in texts) / max(1, len(texts))
        if share > max(ONE_TEXT_SHARE, WELL_ABOVE * usual):
            shown = next(w.caption.text for w in own if comparison_key(w.caption.text) == key)
            text = f"Wrote “{shown[:60]}” on {count} of {len(own)} tasks; others on {usual:.0%}."
            yield Flag(author, "one_text", text, share, ONE_TEXT_SHARE)


def too_short(works: Mapping[int, Sequence[Work]]) -> Iterable[Flag]:
    """Flag captions under 30 % of the others' median length on over 30 % of the tasks."""
    for author, own in works.items():
        known = [work for work in own if work.others]
        if len(known) < SHORT_MIN:
            continue
        lengths = [np.median([len(tokens(each.text)) for each in work.others]) for work in known]
        n_short = sum(
            len(tokens(work.caption.text)) < SHORT_RATIO * length
            for work, length in zip(known, lengths, strict=True)
        )
        share = float(n_short) / len(known)
        if share > SHORT_SHARE:
            text = f"{n_short} of {len(known)} captions are far shorter than others' of that task."
            yield Flag(author, "too_short", text, share, SHORT_SHARE)


def copies_prediction(works: Mapping[int, Sequence[Work]]) -> Iterable[Flag]:
    """Flag who mostly hands in the prediction they were shown, where others seldom write it."""
    for author, own in works.items():
        shown = [(w, w.caption.shown_prediction) for w in own if w.caption.shown_prediction]
        if len(shown) < COPY_MIN:
            continue
        copies = sum(similarity.is_near_copy(work.caption.text, text) for work, text in shown)
        share = copies / len(shown)
        peers = [similarity.is_near_copy(o.text, text) for work, text in shown for o in work.others]
        usual = sum(peers) / max(1, len(peers))
        if share > COPY_SHARE and share > 1.5 * usual:
            text = f"Handed in {copies} of {len(shown)} shown predictions; others {usual:.0%}."
            yield Flag(author, "copies_prediction", text, share, COPY_SHARE)


def leans_on_prediction(works: Mapping[int, Sequence[Work]]) -> Iterable[Flag]:
    """Flag who repeats what only the shown prediction says and nobody else on the task saw.

    Rewording does not hide it: the words that count are the prediction's own.
    """
    leanings: dict[int, float] = {}
    for author, own in works.items():
        alone = taken = 0
        shown = [work for work in own if work.caption.shown_prediction and work.others]
        for work in shown:
            seen = set().union(*(content(other.text) for other in work.others))
            unseen = content(work.caption.shown_prediction or "") - seen
            alone += len(unseen)
            taken += len(unseen & content(work.caption.text))
        if len(shown) >= COPY_MIN and alone:
            leanings[author] = taken / alone
    for author, value, limit in outliers(leanings, LEAN_EXCESS):
        text = f"Repeats {value:.0%} of the words that only the shown predictions say."
        yield Flag(author, "leans_on_prediction", text, value, limit)


def same_wording(works: Mapping[int, Sequence[Work]]) -> Iterable[Flag]:
    """Flag whose captions of different tasks resemble each other far more than other people's."""
    likeness: dict[int, float] = {}
    for author, own in works.items():
        texts = [work.caption.text for work in own]
        if len(texts) >= WORDING_MIN:
            pairs = zip(texts, texts[1:] + texts[:1], strict=True)
            likeness[author] = float(np.mean([similarity.lexical(a, b, {}) for a, b in pairs]))
    for author, value, limit in outliers(likeness, SAME_WORDING_EXCESS):
        text = f"Captions of different tasks are alike ({value:.2f}), as if written unseen."
        yield Flag(author, "same_wording", text, value, limit)


def drift(
    works: Mapping[int, Sequence[Work]], refit: Refit, gold: Mapping[int, Sequence[float]]
) -> Iterable[Flag]:
    """Flag agreement that fell: late residuals, or all of them beside good gold, are low.

    Compares the last half of 16 residuals or more with the first; with gold of the median score or
    better, the whole with what is usual.
    """
    sigma = refit.parameters.sigma_e
    means = [float(np.mean(scores)) for scores in gold.values() if scores]
    good = float(np.median(means)) if means else np.inf
    for author in works:
        residuals = refit.residuals.get(author, ())
        if len(residuals) < DRIFT_MIN:
            continue
        did_well = bool(gold.get(author)) and float(np.mean(gold[author])) >= good
        fall, error = _fall(residuals, from_gold=did_well)
        value = (fall - INTERVAL_Z * error * sigma) / sigma
        if value > DRIFT_FALL:
            start = "on gold" if did_well else "at first"
            text = f"Agreed well {start}, then {fall / sigma:.1f} σ less."
            yield Flag(author, "drift", text, value, DRIFT_FALL)
        else:
            yield from fading_echo(author, works[author])


def fading_echo(author: int, own: Sequence[Work]) -> Iterable[Flag]:
    """Flag whose words others shared up to some caption and hardly since."""
    fall = steepest([echo([work]) for work in own], DRIFT_MIN)
    if fall and fall.contrast > ECHO_CONTRAST and fall.before - fall.after > ECHO_FALL:
        text = (
            f"Others share {fall.before:.0%} of the words of the first {fall.at} captions, and "
            f"{fall.after:.0%} of those since."
        )
        yield Flag(author, "drift", text, fall.contrast, ECHO_CONTRAST)


def collusion(works: Mapping[int, Sequence[Work]], refit: Refit) -> Iterable[Flag]:
    """Flag the members of rings, whose captions match each other's far beyond everybody else's."""
    partners: dict[int, list[float]] = defaultdict(list)
    for pair in refit.parameters.rings:
        for author in pair:
            partners[author].append(refit.parameters.collusion.get(pair, 0.0))
    for author in sorted(partners.keys() & works.keys()):
        n, value = len(partners[author]), max(partners[author])
        text = (
            f"Captions match those of {n} other{'' if n == 1 else 's'} on common tasks far beyond "
            f"what either shares with anybody else (excess {value:.2f})."
        )
        yield Flag(author, "collusion", text, value, 0.0)


def _fall(residuals: Sequence[float], *, from_gold: bool) -> tuple[float, float]:
    """How far residuals fell, and the standard error of that in σ_e."""
    if from_gold:
        return -float(np.mean(residuals)), len(residuals) ** -0.5
    half = len(residuals) // 2
    if half < DRIFT_MIN:
        return 0.0, 0.0
    early, late = residuals[:half], residuals[half:]
    return float(np.mean(early) - np.mean(late)), (1 / len(early) + 1 / len(late)) ** 0.5


def outliers(values: Mapping[int, float], least: float) -> Iterable[tuple[int, float, float]]:
    """Name who lies above the median by `least` and by 3.5 robust standard deviations."""
    if len(values) < 4:
        return
    every = np.array(list(values.values()))
    middle = float(np.median(every))
    spread = 1.4826 * float(np.median(np.abs(every - middle)))
    limit = middle + max(least, OUTLYING * spread)
    for author, value in values.items():
        if value > limit:
            yield author, value, limit
