"""Pull: somebody asks for work and gets the task that is best for them and the project.

Every task that is given leaves a reason in `Assignment.why_chosen`.
"""

import random
from datetime import timedelta

import numpy as np
from django.db import transaction
from django.utils import timezone

from portal.algorithms import gold, matching, posteriors, priority, skills
from portal.errors import NotAllowed, NotFound, ProjectPaused
from portal.models import Annotator, Assignment, Consensus, Task
from portal.models.members import AnnotatorState
from portal.services.assignments.leases import expire_stale
from portal.services.assignments.trust import trust

CANDIDATES = 64


def claim(*, annotator: Annotator, task: Task | None = None) -> Assignment | None:
    """Give an annotator the task that is best for them and the project; None when there is none.

    A running lease is given back before anything new, unless its task has closed meanwhile. With
    `task`, that one or nothing.
    """
    project = annotator.project
    if task is not None and task.project_id != project.pk:
        raise NotFound(f"{project} has no task {task.pk}.")
    if project.is_paused:
        raise ProjectPaused(f"{project} is paused; a manager can open it again.")
    if annotator.state == AnnotatorState.PAUSED:
        raise NotAllowed(f"A manager has paused {annotator}; ask them before going on.")
    expire_stale(annotator=annotator)
    running = Assignment.objects.live().filter(annotator=annotator).order_by("leased_at").first()
    if running is not None:
        return running
    if task is not None:
        _check_may_take(annotator, task)
        return _take(annotator, task.pk, {"reason": "asked for by name"})
    return _claim_gold(annotator) or _claim_ordinary(annotator)


def _check_may_take(annotator: Annotator, task: Task) -> None:
    """Refuse ordinary tasks, named, to whoever is given gold only."""
    if annotator.state == AnnotatorState.QUARANTINED and not task.is_gold:
        raise NotAllowed(f"{annotator} is given gold only; ask for work without naming a task.")


def _claim_gold(annotator: Annotator) -> Assignment | None:
    if not annotator.project.uses_gold:
        return None
    unseen = list(Task.objects.gold_unseen_by(annotator).values_list("pk", flat=True)[:200])
    record = gold.Record(
        n_answered=annotator.n_gold,
        n_unseen=len(unseen),
        sum_right=annotator.sum_gold,
        is_quarantined=annotator.state == AnnotatorState.QUARANTINED,
    )
    policy = gold.Policy(first=annotator.project.gold_first, rate=annotator.project.gold_rate)
    reason = gold.reason_to_serve(record, random.random(), policy)  # noqa: S311 no secret
    if reason is None:
        return None
    return _take(annotator, random.choice(unseen), {"reason": f"gold: {reason}"})  # noqa: S311


def _claim_ordinary(annotator: Annotator) -> Assignment | None:
    if annotator.state == AnnotatorState.QUARANTINED:
        return None
    tasks = list(Task.objects.open_for(annotator.pk, annotator.project_id)[:CANDIDATES])
    if not tasks:
        return None
    ranking = _rank(annotator, tasks)
    for place, index in enumerate(ranking.order):
        why = {
            "reason": "best for this person among those due",
            "n_candidates": len(tasks),
            "place": place,
            "score": round(float(ranking.scores[index]), 4),
            "gain": round(float(ranking.gains[index]), 4),
            "task": tasks[index].why_next,
        }
        assignment = _take(annotator, tasks[index].pk, why)
        if assignment is not None:
            return assignment
    return None


def _rank(annotator: Annotator, tasks: list[Task]) -> matching.Ranking:
    confidences = dict(
        Consensus.objects.standing().filter(task__in=tasks).values_list("task_id", "confidence")
    )
    belief = posteriors.of_confidence(
        np.array([confidences.get(task.pk, 0.0) for task in tasks]),
        np.array([task.n_captions for task in tasks]),
    )
    difficulties = np.array([task.difficulty for task in tasks])
    everybody = np.array(trust(Annotator.objects.filter(project=annotator.project_id)[:500]))
    references = skills.reference_people(everybody)
    overdue = priority.is_overdue(
        tasks[0].virtual_due.timestamp(),
        timezone.now().timestamp(),
        annotator.project.horizon_hours,
    )
    return matching.rank(
        belief,
        skills.accuracy(trust([annotator])[0], difficulties),
        skills.accuracy(references[:, None], difficulties[None, :]),
        is_first_overdue=overdue,
    )


@transaction.atomic
def _take(annotator: Annotator, task_id: int, why: dict[str, object]) -> Assignment | None:
    """Lease one task if it is still free; the annotator's row lock keeps them to one lease."""
    # Without the key: rows that only point at this person need not wait.
    Annotator.objects.select_for_update(no_key=True).get(pk=annotator.pk)
    running = Assignment.objects.live().filter(annotator=annotator).first()
    if running is not None:
        return running
    task = Task.objects.lock_free(task_id)
    if task is None:
        return None
    lasts = timedelta(minutes=task.project.lease_minutes)
    return Assignment.objects.lease(task, annotator, lasts=lasts, why=why)
