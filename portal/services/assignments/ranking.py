"""Which of the first fitting tasks is best for this person, and why, in numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.utils import timezone

from portal.algorithms import matching, posteriors, priority, skills
from portal.models import Annotator, Consensus
from portal.models.slots import Candidate
from portal.services.assignments import statistics
from portal.services.assignments.trust import trust


@dataclass(frozen=True, eq=False)
class Ranked:
    """Candidates, best first, with what is written down about the one that is taken."""

    pks: list[int]
    reason: str
    scores: dict[int, float]
    gains: dict[int, float]

    def why(self, pk: int) -> dict[str, object]:
        """Return the explanation of one choice, ready to be stored."""
        return {
            "reason": self.reason,
            "n_candidates": len(self.pks),
            "place": self.pks.index(pk),
            "score": round(self.scores[pk], 4),
            "gain": round(self.gains[pk], 4),
            "best": [[pk, round(self.scores[pk], 4)] for pk in self.pks[:5]],
        }


def rank(annotator: Annotator, tasks: Sequence[Candidate]) -> Ranked:
    """Rank candidates by comparative advantage; the oldest leads where it waits too long."""
    difficulties = np.array([task.difficulty for task in tasks])
    references = statistics.of(annotator.project).references
    overdue = priority.is_overdue(
        tasks[0].due,
        timezone.now().timestamp(),
        annotator.project.horizon_hours,
    )
    ranking = matching.rank(
        _belief(tasks),
        skills.accuracy(trust([annotator])[0], difficulties),
        skills.accuracy(references[:, None], difficulties[None, :]),
        is_first_overdue=overdue,
    )
    pks = [task.pk for task in tasks]
    return Ranked(
        pks=[pks[index] for index in ranking.order],
        reason="overdue" if overdue else "best",
        scores=dict(zip(pks, ranking.scores.tolist(), strict=True)),
        gains=dict(zip(pks, ranking.gains.tolist(), strict=True)),
    )


def _belief(tasks: Sequence[Candidate]) -> posteriors.Floats:
    """What is believed of each task's answer so far; only begun ones have anything to read."""
    begun = [task.pk for task in tasks if task.n_captions]
    confidences: dict[int, float] = {}
    if begun:
        rows = Consensus.objects.standing().filter(task__in=begun)
        confidences = dict(rows.values_list("task_id", "confidence"))
    return posteriors.of_confidence(
        np.array([confidences.get(task.pk, 0.0) for task in tasks]),
        np.array([task.n_captions for task in tasks]),
    )
