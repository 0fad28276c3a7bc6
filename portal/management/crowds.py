"""A file's captions as the portal's own algorithms take them, and their answers as plain rows.

Everything is put in one order first, so that the order of the lines changes nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portal.adapters.encoders import Encoder
from portal.algorithms import flags, fusion
from portal.algorithms.consensus import Ballot, Caption, Decision, decide, should_stop
from portal.algorithms.parameters import Parameters
from portal.algorithms.reliability import Refit, refit
from portal.management.captionfiles import CaptionLine, VoteLine
from portal.services.consensus.evidence import vote_weight
from portal.services.consensus.settling import STATUS

MAX_CAPTIONS = 200  # of one task: every two of them are compared
TEXTS_PER_BATCH = 256
MODEL = "model:"  # an annotator of this name is a model: a candidate, never a person

Vectors = Mapping[str, NDArray[np.float32]]
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Rules:
    """When a task may settle, and whether words are fused."""

    minimum: int
    maximum: int
    threshold: float
    fuses: bool


@dataclass
class Entry:
    """What one person wrote on one task, with its votes."""

    shown: str = ""
    votes: set[VoteLine] = field(default_factory=set)


@dataclass(frozen=True)
class Crowd:
    """Tasks and people; their places in these lists are the numbers that algorithms see."""

    names: Sequence[str]
    tasks: Sequence[Sequence[Caption]]
    ballots: Sequence[Sequence[tuple[int, int, float]]]  # caption, voter, score
    people: Sequence[str]


class Gathering:
    """Captions by task as the lines come; a repeated line counts once."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[tuple[str, str], Entry]] = defaultdict(dict)

    def add(self, line: CaptionLine) -> None:
        """Take one line in; repeats of a caption join their votes."""
        entry = self._entries[line.task].setdefault((line.annotator, line.caption), Entry())
        entry.shown = max(entry.shown, line.shown_prediction or "")
        entry.votes.update(line.votes)

    def leave_out_crowded(self) -> list[str]:
        """Drop the tasks with more captions than can be compared, and name them."""
        crowded = [name for name, own in self._entries.items() if len(own) > MAX_CAPTIONS]
        for name in crowded:
            del self._entries[name]
        return sorted(crowded, key=natural)

    def crowd(self) -> Crowd:
        """Number people, tasks and captions in the order of their names."""
        names = sorted(self._entries, key=natural)
        people = sorted(self._people(), key=natural)
        number = {person: at for at, person in enumerate(people)}
        tasks, ballots = [], []
        for name in names:
            own = sorted(self._entries[name].items())
            tasks.append([_caption(key, number, *each) for key, each in enumerate(own)])
            ballots.append(
                [
                    (key, number[vote.annotator], vote.score)
                    for key, (_, entry) in enumerate(own)
                    for vote in sorted(entry.votes)
                ]
            )
        return Crowd(names, tasks, ballots, people)

    def _people(self) -> set[str]:
        people = set()
        for own in self._entries.values():
            for (writer, _), entry in own.items():
                people.add(writer)
                people.update(vote.annotator for vote in entry.votes)
        return people


def _caption(
    key: int, number: Mapping[str, int], written: tuple[str, str], entry: Entry
) -> Caption:
    writer, text = written
    return Caption(
        key=key,
        text=text,
        author=number[writer],
        shown_prediction=entry.shown or None,
        is_model=writer.startswith(MODEL),
    )


def natural(name: str) -> tuple[int, str]:
    """Order t9 before t10: shorter names first, then by their letters."""
    return len(name), name


def encode(crowd: Crowd, encoder: Encoder, advance: Advance) -> Crowd:
    """Give every caption its vector; every wording is encoded once."""
    texts = sorted({each.text for task in crowd.tasks for each in task}, key=natural)
    vectors: dict[str, NDArray[np.float32]] = {}
    for start in range(0, len(texts), TEXTS_PER_BATCH):
        batch = texts[start : start + TEXTS_PER_BATCH]
        vectors.update(zip(batch, encoder.encode(batch), strict=True))
        advance(len(batch))
    tasks = [[replace(each, vector=vectors[each.text]) for each in task] for task in crowd.tasks]
    return replace(crowd, tasks=tasks)


def n_texts(crowd: Crowd) -> int:
    """How many different wordings there are."""
    return len({each.text for task in crowd.tasks for each in task})


def fit(crowd: Crowd, *, language: str, encoder_name: str) -> Refit:
    """Fit parameters and skills to all tasks, as the portal's nightly refit does."""
    return refit(crowd.tasks, Parameters(language=language, encoder=encoder_name))


def consensus_rows(crowd: Crowd, fitted: Refit, rules: Rules) -> Iterator[dict[str, Any]]:
    """Decide one task after the other with everybody's skill."""
    sigma = fitted.parameters.sigma_e
    skills = [
        fitted.skills[at].s if at in fitted.skills else 0.0 for at in range(len(crowd.people))
    ]
    for name, task, votes in zip(crowd.names, crowd.tasks, crowd.ballots, strict=True):
        known = [
            replace(each, skill=skills[each.author], skill_se=fitted.skills[each.author].se)
            for each in task
        ]
        ballots = [
            Ballot(key, voter, score, vote_weight(skills[voter], sigma))
            for key, voter, score in votes
        ]
        decision = decide(known, ballots, fitted.parameters)
        stop = should_stop(decision, len(task), rules.minimum, rules.maximum, rules.threshold)
        yield {
            "task": name,
            "caption": fused(decision) if rules.fuses else decision.caption,
            "confidence": round(decision.confidence, 6),
            "agreement": round(decision.agreement, 6),
            "status": STATUS[stop].value,
            "candidates": candidates(decision, crowd.people),
        }


def fused(decision: Decision) -> str:
    """Merge all transcriptions word by word."""
    best_first = decision.candidates
    weights = fusion.sharpen(
        np.array([each.weight for each in best_first]),
        np.array([each.support for each in best_first]),
    )
    return fusion.fuse([each.text for each in best_first], weights.tolist())


def candidates(decision: Decision, people: Sequence[str]) -> list[dict[str, Any]]:
    """Why the winner won: one entry a caption, best first, in the words of the API."""
    return [
        {
            "annotator": people[each.author],
            "caption": each.text,
            "score": round(each.score, 6),
            "support": round(each.support, 6),
            "skill": round(each.skill, 6),
            "votes": round(each.votes, 6),
            "weight": round(each.weight, 6),
            "copy_of_prediction": each.copy_of_prediction,
        }
        for each in decision.candidates
    ]


def annotator_rows(crowd: Crowd, fitted: Refit) -> Iterator[dict[str, Any]]:
    """Say of everybody who wrote how reliable they are beside the others, and what stands out."""
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for flag in flags.find(crowd.tasks, fitted):
        found[flag.author].append({"kind": flag.kind, "evidence": flag.evidence})
    for author in sorted(
        {each.author for task in crowd.tasks for each in task if not each.is_model}
    ):
        place = fitted.skills[author]
        yield {
            "annotator": crowd.people[author],
            "reliability": round(place.reliability, 6),
            "low": round(place.low, 6),
            "high": round(place.high, 6),
            "n": int(place.n),
            "flags": found[author],
        }
