"""Accepting a shown prediction: a vote for the model's caption, weighed by its caster's record.

An accept says "I have watched, and that is what happens". How much it says depends on how often the
person accepts captions that are wrong, which gold tasks with planted predictions measure; agreement
with other people has no say. By Bayes' rule an accept multiplies the odds that the caption is right
by s/f: how often right ones are accepted, over how often this person accepts wrong ones.
"""

from collections.abc import Sequence

import numpy as np

from portal.algorithms.evidence import Caption, Evidence
from portal.algorithms.scores import Ballot, Tally

SENSITIVITY = 0.95  # of right predictions, what attentive people accept
# Before any planted prediction, somebody is taken to accept one wrong caption in four.
PRIOR_ACCEPTED, PRIOR_REFUSED = 1.0, 3.0
# On pairs of MSR-VTT captions, half of one clip: log-odds = slope · (likeness − middle).
SEMANTIC, LEXICAL = (10.0, 0.26), (12.0, 0.11)
MOST_TOLD = 2.0
LEAST_WATCHED = 0.8  # share of the segment that has to be watched for an accept to count


def false_acceptance(n_planted: int, n_accepted: int) -> float:
    """How often somebody accepts wrong predictions: their planted ones, drawn towards 1 in 4.

    Raises ValueError unless 0 ≤ n_accepted ≤ n_planted.
    """
    if not 0 <= n_accepted <= n_planted:
        raise ValueError(f"{n_accepted} of {n_planted} planted predictions cannot be accepted.")
    return (PRIOR_ACCEPTED + n_accepted) / (PRIOR_ACCEPTED + PRIOR_REFUSED + n_planted)


def weight(n_planted: int, n_accepted: int) -> float:
    """The ballot weight ρ = max(0, s/f − 1) of one accept.

    In `scores.tally` one such ballot alone moves the log-odds by log(1 + ρ) = log(s/f); several
    move them by less than their sum, as those who accept have all seen the same words. Somebody
    who accepts everything weighs nothing.
    """
    return max(0.0, SENSITIVITY / false_acceptance(n_planted, n_accepted) - 1)


def ballot(model_key: int, voter: int, n_planted: int, n_accepted: int) -> Ballot:
    """An accept as a ballot on the model's caption."""
    return Ballot(model_key, voter, 1.0, weight(n_planted, n_accepted))


def log_odds(at: int, evidence: Evidence, votes: Tally, *, has_encoder: bool) -> float:
    """The log-odds that the model's caption at this position is right, people having accepted it.

    Even before anybody has looked; then the accepts, and for each independent caption how much
    likelier its likeness is between two captions of one clip than of two clips, at most e^±2.
    """
    slope, middle = SEMANTIC if has_encoder else LEXICAL
    told = np.clip(slope * (evidence.meaning[at] - middle), -MOST_TOLD, MOST_TOLD)
    return float(votes.log_odds[at] + evidence.independent[at] @ told)


def is_watched(watched_seconds: float, clip_seconds: float) -> bool:
    """Whether enough of a clip was watched for an accept to count, to a hundredth of a second.

    Rounded as the player is told it: 0.8 × 3.0 is a little more than 2.4 to a computer.
    """
    least = round(LEAST_WATCHED * clip_seconds, 2)
    return clip_seconds > 0 and round(watched_seconds, 2) >= least


def people_first(
    ranking: Sequence[int],
    captions: Sequence[Caption],
    evidence: Evidence,
    votes: Tally,
    baseline: float,
    *,
    has_encoder: bool,
) -> list[int]:
    """Put model captions that people do not support behind everybody's, the order otherwise kept.

    People support one that they have accepted, where it is then likelier right than not; or else by
    an independent caption that is as like it as captions of one clip usually are (`baseline`). A
    copy of the shown prediction is no support.
    """

    def lacks_support(at: int) -> bool:
        if not captions[at].is_model:
            return False
        if votes.log_odds[at] > 0:
            return log_odds(at, evidence, votes, has_encoder=has_encoder) <= 0
        people = evidence.independent[at] * [not caption.is_model for caption in captions]
        return not bool(np.any(people * evidence.support_from[at] >= baseline))

    return sorted(ranking, key=lacks_support)
