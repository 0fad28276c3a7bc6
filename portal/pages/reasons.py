"""Why a caption won, as a page tells it: every caption with its parts, and who agrees with whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from portal.models import Annotation, Consensus, Task

MODEL = "Model"


@dataclass(frozen=True)
class Part:
    """One caption's case. `likeness` … `discount` are None where no consensus has weighed it yet.

    `likeness` is how like the leading caption it is; `weight` its voice in the support of others,
    of which `discount` is what those who say nearly the same leave to it.
    """

    annotation_id: int
    letter: str
    text: str
    author: str
    is_winner: bool
    is_copy: bool
    likeness: float | None
    support: float | None
    skill: float | None
    votes: float | None
    brevity: float | None
    detail: float | None
    score: float | None
    weight: float | None
    discount: float | None
    n_votes: int
    mean_vote: float | None

    @property
    def is_discounted(self) -> bool:
        """Whether its voice is shared with others that say nearly the same."""
        return self.discount is not None and self.discount < 0.995


@dataclass(frozen=True)
class Cell:
    """How much two captions agree, 0–1, with the shade (0–10) that a page gives it."""

    value: float
    shade: int
    is_self: bool


@dataclass(frozen=True)
class Reasons:
    """All that a page shows of a task's consensus."""

    consensus: Consensus | None
    parts: Sequence[Part]
    rows: Sequence[tuple[str, Sequence[Cell]]]

    @property
    def letters(self) -> list[str]:
        return [letter for letter, _ in self.rows]


def reasons_of(task: Task, consensus: Consensus | None, *, with_authors: bool) -> Reasons:
    """Lay out a task's captions, the winner first; names only for those who may see them."""
    standing = Annotation.objects.standing().filter(task=task).select_related("author")
    letters = {row.pk: _letter(place) for place, row in enumerate(standing.order_by("id"))}
    weighed = {row["annotation_id"]: row for row in (consensus.candidates if consensus else [])}
    lead = _likeness_to_the_lead(weighed)
    votes = _votes(consensus)
    parts = [
        _part(
            row,
            letters[row.pk],
            weighed.get(row.pk, {}) | {"likeness": lead.get(row.pk)},
            votes.get(row.pk, []),
            with_authors,
        )
        for row in standing
    ]
    letters |= {key: MODEL for key, row in weighed.items() if row.get("is_model")}
    accepts = _accepts(consensus)
    parts += [
        _model_part(row | {"likeness": lead.get(key)}, key, accepts)
        for key, row in weighed.items()
        if row.get("is_model")
    ]
    parts.sort(key=lambda part: (not part.is_winner, -(part.score or 0.0), part.annotation_id))
    return Reasons(consensus, parts, _matrix(weighed, letters))


def _likeness_to_the_lead(weighed: dict[int, dict[str, Any]]) -> dict[int, float]:
    """By caption; similarities are stored in the order of the captions that were weighed."""
    winner = next((row for row in weighed.values() if row["is_winner"]), None)
    values = winner.get("similarities", ()) if winner else ()
    return dict(zip(sorted(weighed), values, strict=False))


def _votes(consensus: Consensus | None) -> dict[int, list[float]]:
    """The scores that were counted, by caption."""
    scores: dict[int, list[float]] = {}
    for vote in (consensus.inputs if consensus else {}).get("votes", ()):
        scores.setdefault(vote["annotation"], []).append(vote["score"])
    return scores


def _accepts(consensus: Consensus | None) -> dict[int, int]:
    """How many people accepted each prediction that was weighed, by the candidate's key."""
    counts: dict[int, int] = {}
    for accept in (consensus.inputs if consensus else {}).get("accepts", ()):
        key = -accept["prediction"]
        counts[key] = counts.get(key, 0) + 1
    return counts


def _model_part(weighed: dict[str, Any], key: int, accepts: dict[int, int]) -> Part:
    """The model's own caption as a candidate: its votes are the accepts of those who saw it."""
    n_accepts = accepts.get(key, 0)
    return Part(
        annotation_id=key,
        letter=MODEL,
        text=weighed.get("caption", ""),
        author="the model",
        is_winner=bool(weighed.get("is_winner")),
        is_copy=False,
        likeness=weighed.get("likeness"),
        support=weighed.get("support"),
        skill=weighed.get("skill"),
        votes=weighed.get("votes"),
        brevity=weighed.get("brevity"),
        detail=weighed.get("specificity"),
        score=weighed.get("score"),
        weight=weighed.get("weight"),
        discount=weighed.get("discount"),
        n_votes=n_accepts,
        mean_vote=1.0 if n_accepts else None,
    )


def _letter(place: int) -> str:
    """A, B … Z, A2, B2 …"""
    return chr(ord("A") + place % 26) + (str(place // 26 + 1) if place >= 26 else "")


def _part(
    row: Annotation, letter: str, weighed: dict[str, Any], votes: list[float], with_authors: bool
) -> Part:
    return Part(
        annotation_id=row.pk,
        letter=letter,
        text=row.text,
        author=str(row.author) if with_authors else "",
        is_winner=bool(weighed.get("is_winner")),
        is_copy=bool(weighed.get("copy_of_prediction")),
        likeness=weighed.get("likeness"),
        support=weighed.get("support"),
        skill=weighed.get("skill"),
        votes=weighed.get("votes"),
        brevity=weighed.get("brevity"),
        detail=weighed.get("specificity"),
        score=weighed.get("score"),
        weight=weighed.get("weight"),
        discount=weighed.get("discount"),
        n_votes=len(votes),
        mean_vote=sum(votes) / len(votes) if votes else None,
    )


def _matrix(
    weighed: dict[int, dict[str, Any]], letters: dict[int, str]
) -> list[tuple[str, list[Cell]]]:
    """Similarities by letter. They are stored in the order of the captions that were weighed."""
    keys = sorted(weighed)
    shown = [key for key in keys if key in letters]
    return [
        (
            letters[key],
            [_cell(weighed[key]["similarities"][keys.index(o)], key == o) for o in shown],
        )
        for key in shown
    ]


def _cell(value: float, is_self: bool) -> Cell:
    return Cell(value, min(10, max(0, round(value * 10))), is_self)
