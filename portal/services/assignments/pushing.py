"""Push: a manager hands out open tasks to people by a plan."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from django.db import transaction

from portal.algorithms import matching, plans, posteriors, skills
from portal.models import Annotator, Assignment, AuditEntry, Project, Task, Vote
from portal.models.annotators import AnnotatorState
from portal.models.assignments import Hold
from portal.services.assignments.exams import exams_of
from portal.services.assignments.trust import trust

# Work that a manager hands out waits a day for its person, not a lease.
PUSHED_HOURS = 24


@dataclass(frozen=True)
class PlannedPair:
    """One assignment that a push makes."""

    annotator: Annotator
    task: Task
    gain: float


def plan(*, project: Project, capacity: int = 10, n_tasks: int = 500) -> list[PlannedPair]:
    """Plan who should get which open tasks; nothing is changed."""
    active = list(project.annotators.filter(state=AnnotatorState.ACTIVE)[:500])
    exams = exams_of(project, active)
    people = [person for person in active if not exams[person.pk].bars_ordinary_work]
    tasks = list(
        Task.objects.with_room()
        .filter(project=project, is_gold=False)
        .order_by("virtual_due", "id")[:n_tasks]
    )
    if not people or not tasks:
        return []
    difficulties = np.array([task.difficulty for task in tasks])
    accuracies = skills.accuracy(np.array(trust(people))[:, None], difficulties[None, :])
    belief = posteriors.of_confidence(np.zeros(len(tasks)), np.array([0] * len(tasks)))
    pairs = plans.plan(
        matching.information_gain(belief, accuracies),
        [max(0, capacity - n) for n in _n_running(people)],
        [task.n_wanted - task.n_taken for task in tasks],
        forbidden=_had_before(people, tasks),
        taken=[task.n_taken for task in tasks],
    )
    return [PlannedPair(people[pair.person], tasks[pair.task], pair.gain) for pair in pairs]


def _n_running(people: list[Annotator]) -> list[int]:
    held = Assignment.objects.live().filter(annotator__in=people)
    counts: dict[int, int] = {}
    for annotator_id in held.values_list("annotator_id", flat=True):
        counts[annotator_id] = counts.get(annotator_id, 0) + 1
    return [counts.get(person.pk, 0) for person in people]


def _had_before(people: list[Annotator], tasks: list[Task]) -> plans.Mask:
    rows = {person.pk: i for i, person in enumerate(people)}
    columns = {task.pk: i for i, task in enumerate(tasks)}
    mask = np.zeros((len(people), len(tasks)), dtype=np.bool_)
    had = Assignment.objects.filter(task__in=tasks, annotator__in=people)
    scored = Vote.objects.filter(annotation__task__in=tasks, voter__in=people)
    for annotator_id, task_id in (
        *had.values_list("annotator_id", "task_id"),
        *scored.values_list("voter_id", "annotation__task_id"),
    ):
        mask[rows[annotator_id], columns[task_id]] = True
    return mask


def auto_assign(*, project: Project, actor: str, capacity: int = 10) -> list[Assignment]:
    """Plan and hand out open tasks for a day; pairs that are no longer possible are left out."""
    made = []
    for pair in plan(project=project, capacity=capacity):
        assignment = _push(pair)
        if assignment is not None:
            made.append(assignment)
    AuditEntry.objects.record(
        action="assignments.pushed",
        on=project,
        project_id=project.pk,
        actor=actor,
        details={"n": len(made)},
    )
    return made


@transaction.atomic
def _push(pair: PlannedPair) -> Assignment | None:
    task = Task.objects.lock_free(pair.task.pk)
    if task is None:
        return None
    why: dict[str, object] = {"reason": "assigned by a manager", "gain": round(pair.gain, 4)}
    return Assignment.objects.lease(
        task, pair.annotator, lasts=timedelta(hours=PUSHED_HOURS), why=why, hold=Hold.PUSHED
    )
