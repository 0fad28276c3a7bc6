"""Who works on what: pull under leases, release and skip, and a manager's push.

Every task that is given leaves a reason in `Assignment.why_chosen`.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import numpy as np
from django.db import transaction
from django.utils import timezone

from portal.algorithms import gold, matching, plans, posteriors, priority, skills
from portal.errors import Conflict, InvalidInput, NotAllowed, NotFound, ProjectPaused
from portal.models import Annotator, Assignment, AuditEntry, Consensus, Project, Task, Vote
from portal.models.assignments import AssignmentState
from portal.models.members import AnnotatorState
from portal.models.tasks import ParkReason

CANDIDATES = 64
SKIPS_TO_PARK = 2
# Work that a manager hands out waits a day for its person, not a lease.
PUSHED_HOURS = 24
LONGEST_LEASE = timedelta(hours=12)


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
        return _take(annotator, task.pk, {"reason": "asked for by name"})
    return _claim_gold(annotator) or _claim_ordinary(annotator)


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
    everybody = np.array(_trust(Annotator.objects.filter(project=annotator.project_id)[:500]))
    references = skills.reference_people(everybody)
    overdue = priority.is_overdue(
        tasks[0].virtual_due.timestamp(),
        timezone.now().timestamp(),
        annotator.project.horizon_hours,
    )
    return matching.rank(
        belief,
        skills.accuracy(_trust([annotator])[0], difficulties),
        skills.accuracy(references[:, None], difficulties[None, :]),
        is_first_overdue=overdue,
    )


def _trust(annotators: Iterable[Annotator]) -> list[float]:
    """How often each is thought to be right: gold answers as they are, captions by reliability."""
    return [
        float(
            skills.overall(
                person.sum_gold + person.n_residuals * person.reliability,
                person.n_gold + person.n_residuals,
            )
        )
        for person in annotators
    ]


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


def expire_stale(*, annotator: Annotator | None = None) -> int:
    """Free the slots of leases that ran out, or of all that one annotator can do nothing with.

    Says how many.
    """
    if annotator is None:
        over = Assignment.objects.stale()
    else:
        over = Assignment.objects.ended().filter(annotator=annotator)
    return sum(_expire(pk) for pk in over.values_list("pk", flat=True)[:1000])


@transaction.atomic
def _expire(pk: int) -> bool:
    if not Assignment.objects.ended().filter(pk=pk).exists():  # extended in the meantime
        return False
    return Assignment.objects.give_up(pk, AssignmentState.EXPIRED)


@transaction.atomic
def opened(*, assignment: Assignment) -> None:
    """Start the clock of the time spent: the clip is on the annotator's screen."""
    Assignment.objects.filter(pk=assignment.pk, opened_at__isnull=True).update(
        opened_at=Assignment.objects.clock()
    )


@transaction.atomic
def heartbeat(*, token: UUID, annotator: Annotator) -> Assignment:
    """Extend a running lease by the project's lease time, up to half a day in all."""
    assignment = _running(token, annotator)
    until = Assignment.objects.clock() + timedelta(minutes=annotator.project.lease_minutes)
    assignment.expires_at = max(
        assignment.expires_at, min(until, assignment.leased_at + LONGEST_LEASE)
    )
    assignment.save(update_fields=["expires_at"])
    return assignment


def _running(token: UUID, annotator: Annotator) -> Assignment:
    """Lock the annotator's lease under this token; refuse one that has ended."""
    rows = Assignment.objects.select_for_update(of=("self",)).select_related("task")
    assignment = rows.filter(token=token, annotator=annotator).first()
    if assignment is None:
        raise NotFound("There is no such lease of yours; ask for work again.")
    if not Assignment.objects.live().filter(pk=assignment.pk).exists():
        raise Conflict("This lease has ended; ask for work again.")
    return assignment


def _lock_task(token: UUID, annotator: Annotator) -> Task:
    """Lock the task that a lease is on; whoever locks both begins with the task."""
    rows = Task.objects.select_for_update(of=("self",))
    task = rows.filter(assignments__token=token, assignments__annotator=annotator).first()
    if task is None:
        raise NotFound("There is no such lease of yours; ask for work again.")
    return task


@transaction.atomic
def release(*, token: UUID, annotator: Annotator) -> None:
    """Give a leased task back; it may come again."""
    _lock_task(token, annotator)
    Assignment.objects.give_up(_running(token, annotator).pk, AssignmentState.RELEASED)


@transaction.atomic
def skip(*, token: UUID, annotator: Annotator, reason: str) -> None:
    """Skip a leased task for good; a second skip for one reason parks it for a manager."""
    if reason not in ParkReason.values:
        raise InvalidInput.on(
            "reason", f"reason is one of {', '.join(ParkReason.values)}.", "choice"
        )
    task = _lock_task(token, annotator)
    assignment = _running(token, annotator)
    Assignment.objects.give_up(assignment.pk, AssignmentState.SKIPPED, skip_reason=reason)
    alike = Assignment.objects.filter(
        task=task, state=AssignmentState.SKIPPED, skip_reason=reason
    ).count()
    if alike >= SKIPS_TO_PARK and task.is_open and not task.is_gold:
        task.park(reason)
        task.save(update_fields=["state", "park_reason"])


@transaction.atomic
def save_draft(*, token: UUID, annotator: Annotator, text: str) -> None:
    """Keep unfinished text with its assignment, whether or not the lease still runs."""
    Assignment.objects.filter(token=token, annotator=annotator).exclude(
        state=AssignmentState.SUBMITTED
    ).update(draft=text[:10_000].replace("\x00", ""))


@transaction.atomic
def revoke(*, assignment: Assignment, actor: str) -> bool:
    """Take a running lease away (a manager); False where it had ended."""
    ended = Assignment.objects.give_up(assignment.pk, AssignmentState.RELEASED)
    if ended:
        AuditEntry.objects.record(
            action="assignment.revoked",
            on=assignment,
            project_id=assignment.annotator.project_id,
            actor=actor,
        )
    return ended


@dataclass(frozen=True)
class PlannedPair:
    """One assignment that a push makes."""

    annotator: Annotator
    task: Task
    gain: float


def plan(*, project: Project, capacity: int = 10, n_tasks: int = 500) -> list[PlannedPair]:
    """Plan who should get which open tasks; nothing is changed."""
    people = list(project.annotators.filter(state=AnnotatorState.ACTIVE)[:500])
    tasks = list(
        Task.objects.with_room()
        .filter(project=project, is_gold=False)
        .order_by("virtual_due", "id")[:n_tasks]
    )
    if not people or not tasks:
        return []
    difficulties = np.array([task.difficulty for task in tasks])
    accuracies = skills.accuracy(np.array(_trust(people))[:, None], difficulties[None, :])
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
        task, pair.annotator, lasts=timedelta(hours=PUSHED_HOURS), why=why
    )
