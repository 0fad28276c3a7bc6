"""What speaks for each caption of a task: support, skill, votes, brevity, and who that makes first.

Arrays are (k,) or (k, k) over the captions in key order.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from portal.algorithms.evidence import Caption, Evidence
from portal.algorithms.parameters import Parameters
from portal.algorithms.text import comparison_key, tokens

Matrix = NDArray[np.float64]

BREVITY_PENALTY = 0.5
SPECIFICITY_SHARE = 0.012  # keeps the winner as telling as the field: mean idf ratio ≥ .95
MIN_WORDS = 2
MIN_VOTERS = 2  # one vote never overturns a consensus
TIE = 1e-9


@dataclass(frozen=True)
class Ballot:
    """One reviewer's score of one caption, 0–1, weighing the reviewer's record (ρ ≥ 0)."""

    caption: int
    voter: int
    score: float
    weight: float = 1.0


@dataclass(frozen=True)
class Tally:
    """Votes by caption: net log-odds and how many people voted, (k,) each."""

    log_odds: Matrix
    n_voters: NDArray[np.int64]


@dataclass(frozen=True)
class Scores:
    """The terms and their total, (k,) each; `votes` is 0 where fewer than two people voted."""

    support: Matrix
    skill: Matrix
    votes: Matrix
    brevity: Matrix
    specificity: Matrix
    total: Matrix


def tally(captions: Sequence[Caption], ballots: Sequence[Ballot]) -> Tally:
    """Sum ballots to log((1 + Σρ·score) / (1 + Σρ·(1 − score))) for each caption.

    A vote on one wording is a vote on every caption that reads the same; a voter's several scores
    of it count as their mean. Own words and unknown captions do not count. Raises ValueError for a
    score outside [0, 1] or a negative weight.
    """
    wordings = {caption.key: comparison_key(caption.text) for caption in captions}
    authors = {(comparison_key(caption.text), caption.author) for caption in captions}
    given: dict[tuple[str, int], list[Ballot]] = {}
    for ballot in ballots:
        if not 0 <= ballot.score <= 1 or not ballot.weight >= 0:
            raise ValueError(f"A ballot needs a score in [0, 1] and a weight ≥ 0, not {ballot}.")
        wording = wordings.get(ballot.caption)
        if wording is not None and (wording, ballot.voter) not in authors:
            given.setdefault((wording, ballot.voter), []).append(ballot)
    up: dict[str, float] = defaultdict(float)
    down: dict[str, float] = defaultdict(float)
    voters: Counter[str] = Counter()
    for (wording, _), own in sorted(given.items()):
        weight = math.fsum(ballot.weight for ballot in own) / len(own)
        liking = math.fsum(ballot.score for ballot in own) / len(own)
        up[wording] += weight * liking
        down[wording] += weight * (1 - liking)
        voters[wording] += 1
    keys = [wordings[caption.key] for caption in captions]
    return Tally(
        log_odds=np.array([math.log((1 + up[key]) / (1 + down[key])) for key in keys]),
        n_voters=np.array([voters[key] for key in keys], dtype=np.int64),
    )


def score(
    captions: Sequence[Caption], supports: Matrix, votes: Tally, parameters: Parameters
) -> Scores:
    """Add up what speaks for each caption."""
    skill = parameters.skill_share * np.array([caption.skill for caption in captions])
    counted = np.where(votes.n_voters >= MIN_VOTERS, parameters.nu * votes.log_odds, 0.0)
    brevity = BREVITY_PENALTY * np.array([is_too_short(caption.text) for caption in captions])
    telling = SPECIFICITY_SHARE * specificity([each.text for each in captions], parameters.idf)
    total = supports + skill + counted - brevity + telling
    return Scores(supports, skill, counted, brevity, telling, total)


def specificity(texts: Sequence[str], idf: Mapping[str, float]) -> Matrix:
    """How much rarer each caption's words are than the field's, (k,): mean idf / its mean − 1.

    Agreement favours bland captions; this term is what keeps them from winning. 0 without idf.
    """
    rarest = max(idf.values(), default=1.0)
    means = np.array(
        [
            sum(idf.get(word, rarest) for word in tokens(text)) / max(1, len(tokens(text)))
            for text in texts
        ]
    )
    return means / means.mean() - 1 if idf and means.any() else np.zeros(len(texts))


def is_too_short(text: str) -> bool:
    """Whether a caption has fewer than two words (characters where there are no word spaces)."""
    return len(tokens(text)) < MIN_WORDS


def ranking(captions: Sequence[Caption], scores: Scores, votes: Tally) -> list[int]:
    """Order positions best first.

    Totals within 1e-9 of each other tie; ties go to the votes (a single one counts here), then to
    the higher support, then to people before models, then to the smaller key.
    """
    return sorted(
        range(len(captions)),
        key=lambda at: (
            -round(float(scores.total[at]) / TIE),
            -float(votes.log_odds[at]),
            -round(float(scores.support[at]) / TIE),
            captions[at].is_model,
            captions[at].key,
        ),
    )


def residuals(captions: Sequence[Caption], supports: Matrix, evidence: Evidence) -> Matrix:
    """How much better each caption is supported than its task's level allows for its author, (k,).

    r_i = q_i − mean_j(q_j − s_j) over human captions. A copy of the shown prediction raises
    nothing: its residual is at most 0. All 0 where fewer than two people wrote.
    """
    human = np.array([not caption.is_model for caption in captions])
    if len({caption.author for caption in captions if not caption.is_model}) < 2:
        return np.zeros(len(captions))
    skill = np.array([caption.skill for caption in captions])
    level = float(np.mean((supports - skill)[human]))
    raw = supports - level
    return np.where(evidence.copies, np.minimum(0.0, raw), raw)


def by_author(captions: Sequence[Caption], values: Matrix) -> Mapping[int, float]:
    """Average a value over each human author's captions; empty for fewer than two people."""
    shares: dict[int, list[float]] = {}
    for caption, value in zip(captions, values, strict=True):
        if not caption.is_model:
            shares.setdefault(caption.author, []).append(float(value))
    if len(shares) < 2:
        return {}
    return {author: math.fsum(parts) / len(parts) for author, parts in shares.items()}
