"""Tasks open, are put in order, go to experts, and are set aside.

Opened from predictions (a hook), by REST and by managers. What closes them is consensus.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from django.db import transaction

from portal.algorithms import priority, sampling, skills
from portal.algorithms.diversity import crowding
from portal.algorithms.sketches import Sketch, is_uncertain
from portal.errors import Conflict, InvalidInput
from portal.models import (
    AuditEntry,
    Consensus,
    Event,
    GoldReference,
    ModelVersion,
    Prediction,
    Project,
    Task,
    Video,
)
from portal.models.segments import segment_ms
from portal.models.tasks import ParkReason, TaskState
from portal.models.texts import clean_caption
from portal.models.videos import Sighting, VideoState

CHUNK = 5000
# A gold task is answered by everybody; the column's range is the only bound.
GOLD_SLOTS = 32_000


@transaction.atomic
def open_for(*, prediction_ids: Sequence[int]) -> list[int]:
    """Open tasks for those predictions that deserve one, and refresh untouched ones.

    A prediction deserves a task when it is among the most uncertain of its version, when its video
    is kept for evaluation, or when it falls into the control slice. Twice is harmless.
    """
    seen = _seen(prediction_ids[:CHUNK])
    ranks = _rank(seen)
    by_project: dict[int, list[_Seen]] = {}
    for prediction in seen:
        by_project.setdefault(prediction.project_id, []).append(prediction)
    projects = Project.objects.in_bulk(list(by_project))
    touched: list[int] = []
    for project_id, group in by_project.items():
        touched += _open_in_project(projects[project_id], group, ranks)
    Prediction.objects.filter(pk__in=[p.pk for p in seen]).update(is_considered=True)
    return touched


class _Seen(NamedTuple):
    """What of a prediction decides on its task; whole rows would cost more than the deciding."""

    pk: int
    project_id: int
    version_id: int
    video_id: int
    start_ms: int
    end_ms: int
    uncertainty: float
    is_evaluation: bool
    video_state: str

    @property
    def segment(self) -> tuple[int, int, int]:
        return self.video_id, self.start_ms, self.end_ms


def _seen(prediction_ids: Sequence[int]) -> list[_Seen]:
    rows = Prediction.objects.unconsidered().filter(pk__in=prediction_ids).order_by("pk")
    return [
        _Seen(*row)
        for row in rows.values_list(
            "pk",
            "project_id",
            "version_id",
            "video_id",
            "start_ms",
            "end_ms",
            "uncertainty",
            "video__is_evaluation",
            "video__state",
        )
    ]


def _rank(predictions: Iterable[_Seen]) -> dict[int, float]:
    """Rank each uncertainty within its model version, for raw scales do not compare."""
    by_version: dict[int, list[_Seen]] = {}
    for prediction in predictions:
        by_version.setdefault(prediction.version_id, []).append(prediction)
    versions = ModelVersion.objects.in_bulk(list(by_version))
    ranks: dict[int, float] = {}
    for version_id, group in by_version.items():
        sketch = Sketch.from_list(versions[version_id].uncertainty_bins)
        ties = [sampling.fraction(str(p.video_id), salt=f"tie/{version_id}") for p in group]
        values = sketch.ranks([p.uncertainty for p in group], ties)
        ranks.update((p.pk, float(value)) for p, value in zip(group, values, strict=True))
    return ranks


def _open_in_project(
    project: Project, predictions: Sequence[_Seen], ranks: dict[int, float]
) -> list[int]:
    existing = Task.objects.at_segments(project.pk, (p.video_id for p in predictions))
    per_video: dict[int, int] = {}
    for video_id, _, _ in existing:
        per_video[video_id] = per_video.get(video_id, 0) + 1
    new: list[Task] = []
    refreshed: list[Task] = []
    for prediction in predictions:
        task = existing.get(prediction.segment)
        if task is None:
            if not _deserves_task(project, prediction, ranks[prediction.pk]):
                continue
            task = _new_task(project, prediction)
            existing[prediction.segment] = task
            new.append(task)
        elif not task.is_untouched:
            continue
        elif task.pk is not None:
            refreshed.append(task)
        task.prediction_id = prediction.pk
        set_uncertainty(task, ranks[prediction.pk])
        price(task, project, n_same_video=per_video.get(prediction.video_id, 0))
        per_video[prediction.video_id] = per_video.get(prediction.video_id, 0) + 1
    # First the new ones, then the old, each in one order: no two batches wait crosswise.
    new.sort(key=lambda task: (task.video_id, task.start_ms, task.end_ms))
    Task.objects.bulk_create(new, batch_size=500, ignore_conflicts=True)
    now = {task.pk: task for task in Task.objects.lock_all([task.pk for task in refreshed])}
    refreshed = [task for task in refreshed if now[task.pk].is_untouched]
    Task.objects.bulk_update(refreshed, [*PRICED, "prediction"], batch_size=200)
    return [task.pk for task in refreshed]


def _deserves_task(project: Project, prediction: _Seen, rank: float) -> bool:
    if prediction.video_state == VideoState.ERASED:
        return False
    return (
        is_uncertain(rank, project.uncertain_share)
        or prediction.is_evaluation
        or _is_control(project, prediction)
    )


def _is_control(project: Project, prediction: _Seen) -> bool:
    key = f"{prediction.video_id}/{prediction.start_ms}/{prediction.end_ms}"
    return sampling.is_control(key, salt=project.evaluation_salt, share=project.control_share)


def _new_task(project: Project, prediction: _Seen) -> Task:
    return Task(
        project=project,
        video_id=prediction.video_id,
        start_ms=prediction.start_ms,
        end_ms=prediction.end_ms,
        is_evaluation=prediction.is_evaluation,
        is_control=_is_control(project, prediction),
        n_wanted=project.min_captions,
    )


PRICED = ("uncertainty", "difficulty", "difficulty_level", "priority", "virtual_due", "why_next")


def set_uncertainty(task: Task, uncertainty: float, level: int | None = None) -> None:
    """Set a task's uncertainty and, from the level or else from it, its difficulty."""
    task.uncertainty = uncertainty
    task.difficulty_level = level or task.difficulty_level
    task.difficulty = skills.difficulty(uncertainty, task.difficulty_level)


def price(
    task: Task, project: Project, *, n_same_video: int = 0, agreement: float | None = None
) -> None:
    """Compute the one key that the task is served by; the caller saves."""
    answer = priority.key(
        uncertainty=task.uncertainty,
        created_at=task.created_at.timestamp(),
        crowding=crowding(0.0, n_same_video),
        conflict=priority.conflict(task.n_captions, agreement),
        is_begun=task.n_captions > 0,
        business=task.business_value,
        horizon_hours=project.horizon_hours,
        due_at=task.due_at.timestamp() if task.due_at else None,
        weights=priority.Weights(
            uncertainty=project.uncertainty_weight,
            conflict=project.conflict_weight,
            begun=project.finish_weight,
        ),
    )
    task.priority = answer.score
    task.virtual_due = datetime.fromtimestamp(answer.virtual_due, tz=UTC)
    task.why_next = answer.why()


@transaction.atomic
def open_one(
    *,
    project: Project,
    video_id: str,
    uncertainty: float | None = None,
    difficulty_level: int | None = None,
    start: float | None = None,
    end: float | None = None,
) -> tuple[Task, bool]:
    """Return the task of that video and segment, opening it if there is none; True if new.

    An open task takes over the uncertainty and difficulty that are named here.
    """
    if difficulty_level not in (None, 1, 5, 10):
        raise InvalidInput.on("difficulty", "difficulty is 1, 5 or 10.", "not_a_level")
    start_ms, end_ms = segment_ms(start, end)
    video = _register(project, video_id)
    video.check_segment(start_ms, end_ms)
    prediction = Prediction.objects.newest_at(video.pk, start_ms, end_ms)
    task, created = Task.objects.get_or_create(
        project=project,
        video=video,
        start_ms=start_ms,
        end_ms=end_ms,
        defaults={
            "prediction": prediction,
            "is_evaluation": video.is_evaluation,
            "n_wanted": project.min_captions,
        },
    )
    if created or (task.is_open and (uncertainty is not None or difficulty_level is not None)):
        known = prediction.uncertainty if prediction else 0.5
        fallback = known if created else task.uncertainty
        set_uncertainty(task, fallback if uncertainty is None else uncertainty, difficulty_level)
        price(task, project)
        task.save(update_fields=PRICED)
    return task, created


def _register(project: Project, video_id: str) -> Video:
    video = Video.objects.register_many(
        project_id=project.pk,
        wanted={video_id: Sighting()},
        is_evaluation=lambda name: sampling.is_for_evaluation(
            name, salt=project.evaluation_salt, share=project.evaluation_share
        ),
    )[video_id]
    if video.state == VideoState.ERASED:
        raise Conflict(f"Video {video_id} was erased; it takes no more tasks.")
    return video


@transaction.atomic
def reprioritise(*, task_ids: Sequence[int]) -> int:
    """Recompute the key of these tasks where they are open; says how many changed place."""
    tasks = list(
        Task.objects.lock_all(task_ids)
        .filter(state=TaskState.OPEN, is_gold=False)
        .select_related("project")
    )
    agreements = dict(
        Consensus.objects.standing().filter(task__in=tasks).values_list("task_id", "agreement")
    )
    for task in tasks:
        price(task, task.project, agreement=agreements.get(task.pk))
    Task.objects.bulk_update(tasks, PRICED, batch_size=200)
    return len(tasks)


@transaction.atomic
def escalate(*, task_id: int, actor: str = "consensus") -> bool:
    """Hand an open task to the experts and tell the integrations; False if it is there already."""
    task = Task.objects.select_for_update().get(pk=task_id)
    if task.state != TaskState.OPEN:
        return False
    task.dispute()
    task.save(update_fields=["state"])
    AuditEntry.objects.record(
        action="task.escalated", on=task, project_id=task.project_id, actor=actor
    )
    Event.objects.record(
        project_id=task.project_id,
        type="task.disputed",
        data={"task_id": task.pk, "n_captions": task.n_captions},
    )
    return True


@transaction.atomic
def park(*, task_id: int, reason: str, actor: str) -> Task:
    """Set an open task aside for a manager."""
    if reason not in ParkReason.values:
        raise InvalidInput.on(
            "reason", f"reason is one of {', '.join(ParkReason.values)}.", "choice"
        )
    task = Task.objects.select_for_update().get(pk=task_id)
    task.park(reason)
    task.save(update_fields=["state", "park_reason"])
    AuditEntry.objects.record(
        action="task.parked", on=task, project_id=task.project_id, actor=actor
    )
    return task


@transaction.atomic
def unpark(*, task_id: int, actor: str) -> Task:
    """Ask for captions of a parked task again."""
    task = Task.objects.select_for_update().get(pk=task_id)
    if task.state != TaskState.PARKED:
        raise Conflict(f"{task} is not parked.")
    task.reopen(more=1)
    task.save(update_fields=["state", "park_reason", "closed_at", "n_wanted"])
    AuditEntry.objects.record(
        action="task.unparked", on=task, project_id=task.project_id, actor=actor
    )
    return task


@transaction.atomic
def make_gold(*, task_id: int, references: Sequence[str], actor: str) -> Task:
    """Make a task one whose right answers are known; everybody may then be given it once."""
    task = Task.objects.select_for_update().select_related("project").get(pk=task_id)
    texts = [clean_caption(text, "references") for text in references]
    if not texts:
        raise InvalidInput.on("references", "A gold task needs at least one right answer.")
    if task.is_evaluation:
        raise Conflict(
            "An evaluation video cannot be gold: its answers would be seen by everybody."
        )
    if task.n_captions and task.is_open:
        raise Conflict(f"{task} has captions already; settle it first.")
    task.is_gold = True
    task.reopen()
    task.n_wanted = GOLD_SLOTS
    task.save(update_fields=["is_gold", "state", "closed_at", "park_reason", "n_wanted"])
    GoldReference.objects.filter(task=task).delete()
    GoldReference.objects.bulk_create(GoldReference(task=task, text=text) for text in texts)
    AuditEntry.objects.record(
        action="task.made_gold", on=task, project_id=task.project_id, actor=actor
    )
    return task


@transaction.atomic
def set_value(*, task_id: int, business_value: float, due_at: datetime | None, actor: str) -> Task:
    """Set what a task is worth (¼–4) and when it is due, and put it in its new place."""
    if not priority.LEAST_BUSINESS <= business_value <= priority.MOST_BUSINESS:
        raise InvalidInput.on("business_value", "business_value lies between 0.25 and 4.", "range")
    task = Task.objects.select_for_update().select_related("project").get(pk=task_id)
    task.business_value = business_value
    task.due_at = due_at
    price(task, task.project)
    task.save(update_fields=[*PRICED, "business_value", "due_at"])
    AuditEntry.objects.record(
        action="task.valued",
        on=task,
        project_id=task.project_id,
        actor=actor,
        details={"business_value": business_value},
    )
    return task
