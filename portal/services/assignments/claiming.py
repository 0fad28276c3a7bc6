"""Pull: somebody asks for work and gets the task that is best for them and the project.

Every task that is given leaves a reason in `Assignment.why_chosen`. Nothing is locked while
choosing; one statement takes the best task that is still free, and constraints keep a person who
asks at two screens at once to one active and one reserved lease.
"""

import random
from collections.abc import Callable, Sequence

from django.db import IntegrityError, transaction

from portal.algorithms import gold
from portal.algorithms.exams import Standing
from portal.errors import AlreadyAnswered, Conflict, NotAllowed, NotFound, ProjectPaused
from portal.models import Annotator, Assignment, Task
from portal.models.annotators import AnnotatorState
from portal.models.assignments import AssignmentState, Hold
from portal.models.slots import take_first
from portal.services.assignments import capacity, looking
from portal.services.assignments.exams import exam_of, exam_waits
from portal.services.assignments.leases import give_up_over
from portal.services.assignments.ranking import rank

# Others may take all the candidates between the look and the claim; then one looks again.
TRIES = 5

Why = dict[str, object]


def claim(*, annotator: Annotator, task: Task | None = None) -> Assignment | None:
    """Give an annotator the task that is best for them and the project; None when there is none.

    What they hold comes before anything new: the lease at work, then what a manager handed out,
    then the reserved one. With `task`, that one or nothing. Raises AtCapacity where they may do
    no more today.
    """
    _check_may_work(annotator, task)
    held = _held(annotator)
    running = _go_on(annotator, held)
    if running is not None:
        return running
    capacity.check(annotator, n_held=len(held))
    if task is not None:
        return _take_by_name(annotator, task)
    return _take_new(annotator, Hold.ACTIVE)


def reserve(*, annotator: Annotator) -> Assignment | None:
    """Hold the next task for somebody who is at work on another, so that its clip can load.

    Its clock starts when they come to it; until then it expires like any other. None where there
    is nothing to reserve, or they may hold no more.
    """
    _check_may_work(annotator, None)
    held = _held(annotator)
    waiting = [row for row in held if row.opened_at is None]
    if waiting or not held:
        return waiting[0] if waiting else None
    capacity.check(annotator, n_held=len(held))
    return _take_new(annotator, Hold.RESERVED)


def _check_may_work(annotator: Annotator, task: Task | None) -> None:
    project = annotator.project
    if task is not None and task.project_id != project.pk:
        raise NotFound(f"{project} has no task {task.pk}.")
    if project.is_paused:
        raise ProjectPaused(f"{project} is paused; a manager can open it again.")
    if annotator.state == AnnotatorState.PAUSED:
        raise NotAllowed(f"A manager has paused {annotator}; ask them before going on.")


def _held(annotator: Annotator) -> list[Assignment]:
    """Their running leases; those that are over are given up on the way."""
    held = Assignment.objects.held_by(annotator.pk)
    for row, is_over in held:
        if is_over:
            give_up_over(row.pk)
    return [row for row, is_over in held if not is_over]


def _go_on(annotator: Annotator, held: list[Assignment]) -> Assignment | None:
    """The lease to work under: the first that is open or can be opened."""
    lasts = capacity.lease_lasts(annotator) if held else None
    for row in held:
        if row.opened_at is not None:
            return row
        assert lasts is not None
        if Assignment.objects.open_held(row, lasts=lasts):
            return row
    return None


def _take_by_name(annotator: Annotator, task: Task) -> Assignment | None:
    _check_may_take(annotator, task)
    had = Assignment.objects.filter(annotator=annotator, task=task).first()
    if had is not None and had.state == AssignmentState.SUBMITTED:
        raise AlreadyAnswered(f"{annotator} has captioned {task} already; correct that caption.")
    return _take(annotator, [task.pk], Hold.ACTIVE, lambda _: {"reason": "asked for by name"})


def _check_may_take(annotator: Annotator, task: Task) -> None:
    """Refuse ordinary tasks, named, to whoever is given gold only."""
    if task.is_gold:
        return
    if annotator.state == AnnotatorState.QUARANTINED:
        raise NotAllowed(f"{annotator} is given gold only; ask for work without naming a task.")
    if exam_waits(annotator, exam_of(annotator)):
        raise NotAllowed(f"{annotator} has to pass the project's exam before ordinary tasks.")


def _take_new(annotator: Annotator, hold: Hold) -> Assignment | None:
    exam = exam_of(annotator)
    if exam_waits(annotator, exam):
        return _claim_exam(annotator, exam, hold)
    return _claim_gold(annotator, hold) or _claim_ordinary(annotator, hold)


def _claim_exam(annotator: Annotator, exam: Standing, hold: Hold) -> Assignment | None:
    """Give the next clip of the exam; raises NotAllowed once every attempt is used up."""
    if not exam.is_open:
        raise NotAllowed(
            f"{annotator} has used every attempt of the exam; a manager may grant another."
        )
    unseen = list(Task.objects.gold_unseen_by(annotator).values_list("pk", flat=True)[:200])
    random.shuffle(unseen)
    why: Why = {"reason": "gold: exam", "attempt": exam.attempt, "place": exam.n_answered + 1}
    return _take(annotator, unseen, hold, lambda _: why)


def _claim_gold(annotator: Annotator, hold: Hold) -> Assignment | None:
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
    chosen = random.choice(unseen)  # noqa: S311 no secret
    return _take(annotator, [chosen], hold, lambda _: {"reason": f"gold: {reason}"})


def _claim_ordinary(annotator: Annotator, hold: Hold) -> Assignment | None:
    if annotator.state == AnnotatorState.QUARANTINED:
        return None
    for number in range(TRIES):
        found = looking.first_fitting(annotator)
        if not found:
            return None
        ranked = rank(annotator, found)
        # First whatever nobody is at; where somebody is at every one of them, in line.
        assignment = _take(annotator, ranked.pks, hold, ranked.why, waits=number > 0)
        if assignment is not None:
            return assignment
    # Not None: there is work, only not for the quickest asker of this instant.
    raise Conflict("Many people are asking at this moment; ask again in a second.")


def _take(
    annotator: Annotator,
    pks: Sequence[int],
    hold: Hold,
    explain: Callable[[int], Why],
    *,
    waits: bool = True,
) -> Assignment | None:
    """Lease the first of these tasks that is free; their own lease where a twin was quicker."""
    lasts = capacity.lease_lasts(annotator)
    shows = annotator.project.shows_prediction_to(is_expert=annotator.is_expert)
    try:
        with transaction.atomic():
            taken = take_first(pks, waits=waits)
            if taken is None:
                return None
            why = explain(taken.task_id) | {"task": taken.why_next}
            return Assignment.objects.fill(
                taken, annotator, lasts=lasts, why=why, hold=hold, shows=shows
            )
    except IntegrityError:
        twin = Assignment.objects.live().filter(annotator=annotator, hold=hold).first()
        if twin is None:
            raise
        return twin
