"""Annotators: who they are to integrations, what each consensus says of them, what gold says.

Two reliabilities are never mixed: agreement with this project's people (a percentile, shown) and
accuracy on gold (absolute, decides exams and quarantine).
"""

from datetime import datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from typing import Any

from django.db import transaction
from django.db.models import Avg, Count, Q
from django.utils import timezone

from portal import signals
from portal.adapters import vectors
from portal.algorithms import gold, reliability
from portal.algorithms.evidence import Caption, geometry_of, weigh
from portal.algorithms.parameters import Parameters
from portal.errors import InvalidInput
from portal.models import (
    Annotation,
    Annotator,
    AuditEntry,
    Consensus,
    GoldReference,
    Project,
    Refit,
    Residual,
    Task,
)
from portal.models.annotators import MOVED, STATED, SUMS, AnnotatorState
from portal.models.refits import RefitKey
from portal.models.writes import update_each
from portal.signals import announce

RECENT_DAYS = 7
MOST_POINTS = 300


def find_or_register(*, project: Project, annotator_id: str, may_register: bool) -> Annotator:
    """Return the project's annotator under this id, made on first sight where that is allowed."""
    rows = Annotator.objects.filter(project=project, annotator_id=annotator_id)
    annotator = rows.order_by("pk").first()
    if annotator is not None:
        annotator.project = project
        return annotator
    if not may_register:
        raise InvalidInput.on(
            "annotator_id",
            f"{project} knows no annotator {annotator_id!r}; invite them, or let service tokens "
            "register annotators in the project's settings.",
            "unknown_annotator",
        )
    if not annotator_id.strip() or not annotator_id.isprintable() or len(annotator_id) > 100:
        raise InvalidInput.on(
            "annotator_id", "annotator_id is 1–100 printable characters.", "invalid"
        )
    annotator, _ = Annotator.objects.get_or_create(project=project, annotator_id=annotator_id)
    return annotator


@transaction.atomic
def set_state(*, annotator: Annotator, state: str, actor: str) -> Annotator:
    """Pause an annotator, put them on gold only, or let them work again (a manager)."""
    locked = Annotator.objects.select_for_update().get(pk=annotator.pk)
    if locked.move_to(state):
        locked.save(update_fields=MOVED)
        announce(signals.annotator_moved, annotator_id=locked.pk)
        AuditEntry.objects.record(
            action=f"annotator.{state}", on=locked, project_id=locked.project_id, actor=actor
        )
    return locked


def pause(*, annotator: Annotator, actor: str) -> Annotator:
    """Give this annotator no more work."""
    return set_state(annotator=annotator, state=AnnotatorState.PAUSED, actor=actor)


def resume(*, annotator: Annotator, actor: str) -> Annotator:
    """Give this annotator work again."""
    return set_state(annotator=annotator, state=AnnotatorState.ACTIVE, actor=actor)


@transaction.atomic
def grant_attempt(*, annotator: Annotator, actor: str) -> Annotator:
    """Let somebody try the exam once more (a manager)."""
    locked = Annotator.objects.select_for_update().get(pk=annotator.pk)
    locked.extra_attempts += 1
    locked.save(update_fields=["extra_attempts"])
    AuditEntry.objects.record(
        action="annotator.granted_attempt",
        on=locked,
        project_id=locked.project_id,
        actor=actor,
    )
    return locked


@transaction.atomic
def credit(*, consensus_id: int) -> None:
    """Bring the annotators of one task up to date with its consensus; twice is harmless.

    What is applied is the residual less what was credited before, so a newer consensus of the same
    task corrects the older one's credit.
    """
    consensus = Consensus.objects.get(pk=consensus_id)
    # The task's lock, as a settlement holds it: both write the task's residuals.
    Task.objects.select_for_update().get(pk=consensus.task_id)
    owed = list(
        Residual.objects.owed()
        .filter(task_id=consensus.task_id)
        .select_for_update()
        .order_by("annotator_id")
    )
    people = Annotator.objects.filter(pk__in=[residual.annotator_id for residual in owed])
    # In one order, and without the key: rows that only point at these people need not wait.
    locked = {row.pk: row for row in people.order_by("pk").select_for_update(no_key=True)}
    parameters = _parameters(consensus.project_id)  # read now: a refit restates people with its own
    for residual in owed:
        locked[residual.annotator_id].add(
            residual=residual.value - residual.credited,
            square=residual.value**2 - residual.credited**2,
            n=residual.n - residual.n_credited,
        )
    update_each(
        Annotator, (*SUMS, *STATED), [_restated(row, parameters) for row in locked.values()]
    )
    update_each(Residual, ("credited", "n_credited"), [(row.pk, row.value, row.n) for row in owed])
    Consensus.objects.filter(pk=consensus_id).update(is_credited=True)


def _parameters(project_id: int) -> Parameters:
    return _spread(Refit.objects.key_of(project_id))


@lru_cache(maxsize=64)
def _spread(refit: RefitKey | None) -> Parameters:
    """What a refit says of people's spread, read once a process; the rest of it is large."""
    if refit is None:
        return Parameters()
    fitted = Refit.objects.get(pk=refit[0]).parameters
    names = ("sigma_e", "sigma_a", "mu")
    return Parameters.from_json({name: fitted[name] for name in names if name in fitted})


def _restated(annotator: Annotator, parameters: Parameters) -> tuple[float, ...]:
    """The row of an annotator's sums, and of the skill and reliability that follow from them."""
    sums = (annotator.n_residuals, annotator.sum_residuals)
    at = reliability.skill(*sums, parameters.sigma_e, parameters.sigma_a, parameters.mu)
    place = (at.s, at.se, at.reliability, at.low, at.high)
    return (annotator.pk, *sums, annotator.sum_squares, *place)


def grade_gold(*, annotation_id: int) -> float | None:
    """Mark a gold answer against the accepted ones, once; None where it was marked before."""
    annotation = Annotation.objects.select_related("task__project").get(pk=annotation_id)
    references = list(GoldReference.objects.filter(task=annotation.task))
    if annotation.gold_score is not None or not references:
        return None
    score = max(_likeness(annotation, reference.text) for reference in references)
    return score if _mark(annotation, score) else None


def _likeness(annotation: Annotation, reference: str) -> float:
    encoder = vectors.encoder_for(annotation.task.project.language)
    pair = [
        Caption(
            key=i, text=text, author=i, vector=vectors.vector(encoder, text) if encoder else None
        )
        for i, text in enumerate((annotation.text, reference))
    ]
    parameters = Parameters(encoder=encoder.name if encoder else "")
    return float(weigh(pair, parameters, geometry_of(pair, parameters)).likeness[0, 1])


@transaction.atomic
def _mark(annotation: Annotation, score: float) -> bool:
    unmarked = Annotation.objects.filter(pk=annotation.pk, gold_score__isnull=True)
    if not unmarked.update(gold_score=score):
        return False
    Annotator.objects.count_gold(annotation.author_id, is_right=score >= gold.RIGHT)
    announce(signals.gold_marked, annotator_id=annotation.author_id)
    return True


def metrics(*, annotator: Annotator) -> dict[str, Any]:
    """What one annotator has done and how far they are to be trusted, in the API's shape."""
    return _metrics(Annotator.objects.filter(pk=annotator.pk))[0]


def all_metrics(*, project: Project) -> list[dict[str, Any]]:
    """The same for everybody in the project, in two queries."""
    return _metrics(Annotator.objects.filter(project=project))


def _metrics(annotators: Any) -> list[dict[str, Any]]:
    since = timezone.now() - timedelta(days=RECENT_DAYS)
    standing = Q(annotations__state="standing")
    people = list(
        annotators.annotate(
            n_captions=Count("annotations", filter=standing),
            n_recent=Count("annotations", filter=standing & Q(annotations__created_at__gte=since)),
            mean_seconds=Avg("annotations__seconds", filter=standing),
        ).order_by("annotator_id")
    )
    settled = Residual.objects.filter(annotator__in=people, n_credited=1)
    rows = settled.values("annotator_id").annotate(
        n=Count("id"), n_disagreed=Count("id", filter=Q(disagreed=True))
    )
    rates = {row["annotator_id"]: row["n_disagreed"] / row["n"] for row in rows}
    return [_described(person, rates.get(person.pk)) for person in people]


def _described(person: Any, disagreement_rate: float | None) -> dict[str, Any]:
    return {
        "annotator_id": person.annotator_id,
        "reliability": round(person.reliability, 4),
        "reliability_low": round(person.reliability_low, 4),
        "reliability_high": round(person.reliability_high, 4),
        "provisional": person.is_provisional,
        "throughput": round(person.n_recent / RECENT_DAYS, 3),
        "average_task_seconds": (
            None if person.mean_seconds is None else round(person.mean_seconds, 2)
        ),
        "disagreement_rate": None if disagreement_rate is None else round(disagreement_rate, 4),
        "n_captions": person.n_captions,
        "gold_accuracy": None if person.gold_accuracy is None else round(person.gold_accuracy, 4),
        "n_gold": person.n_gold,
        "state": person.state,
    }


def history(*, annotator: Annotator) -> list[tuple[datetime, float, float, float]]:
    """Reliability with its interval after each consensus that counted, oldest first."""
    parameters = _parameters(annotator.project_id)
    rows = list(
        Residual.objects.filter(annotator=annotator, n_credited=1)
        .order_by("changed_at", "id")
        .values_list("changed_at", "credited")
    )
    points = []
    every = max(1, len(rows) // MOST_POINTS)  # of a long history as much as a line can show
    for n, ((at, _), total) in enumerate(
        zip(rows, accumulate(value for _, value in rows), strict=True), start=1
    ):
        if n % every and n != len(rows):
            continue
        place = reliability.skill(n, total, parameters.sigma_e, parameters.sigma_a, parameters.mu)
        points.append((at, place.reliability, place.low, place.high))
    return points
