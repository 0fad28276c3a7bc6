"""Open tasks: for the predictions that deserve one, and for whoever asks by name."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.db import transaction

from portal.algorithms import sampling
from portal.algorithms.sketches import Sketch, is_uncertain
from portal.errors import Conflict, InvalidInput
from portal.models import (
    ModelVersion,
    Prediction,
    Project,
    Task,
    Video,
)
from portal.models.segments import segment_ms
from portal.models.videos import Sighting, VideoState
from portal.services.tasks.ordering import PRICED, price, set_uncertainty
from portal.services.tasks.pooling import assign_pools, pool_of

CHUNK = 5000


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
    assign_pools(new)
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
            "pool": pool_of(video),
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
