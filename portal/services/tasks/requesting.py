"""Open a task for whoever asks by name: it stands by what it is asked with, whatever models say."""

from django.db import transaction

from portal.algorithms import sampling
from portal.errors import Conflict, InvalidInput
from portal.models import Prediction, Project, Task, Video
from portal.models.segments import segment_ms
from portal.models.taskstates import TaskState
from portal.models.videos import Sighting
from portal.services.tasks import crowding
from portal.services.tasks.ordering import PRICED, price, set_uncertainty
from portal.services.tasks.pooling import pool_of


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

    An open task takes over the uncertainty and difficulty that are named here; one that was closed
    because a model was sure opens again.
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
            "is_requested": True,
            "business_value": project.business_value,
            "n_wanted": project.min_captions,
            "pool": pool_of(video),
        },
    )
    fallback = prediction.uncertainty if created and prediction else task.uncertainty
    if created or task.state == TaskState.SUPERSEDED or _says(task, uncertainty, difficulty_level):
        set_uncertainty(task, fallback if uncertainty is None else uncertainty, difficulty_level)
        _reopen(task)
        if created:
            crowding.place(project, [task])
        price(task, project)
        task.save(update_fields=[*CHANGED])
    return task, created


CHANGED = (*PRICED, "is_requested", "state", "closed_at", "cluster", "similarity", "n_same_video")


def _says(task: Task, uncertainty: float | None, difficulty_level: int | None) -> bool:
    return task.is_open and (uncertainty is not None or difficulty_level is not None)


def _reopen(task: Task) -> None:
    """Keep it open whatever models say from now on."""
    task.is_requested = True
    if task.state == TaskState.SUPERSEDED:
        task.reopen()


def _register(project: Project, video_id: str) -> Video:
    found = Video.objects.register_many(
        project_id=project.pk,
        wanted={video_id: Sighting()},
        is_evaluation=lambda name: sampling.is_for_evaluation(
            name, salt=project.evaluation_salt, share=project.evaluation_share
        ),
    )[video_id]
    if found.is_erased:
        raise Conflict(f"Video {video_id} was erased; it takes no more tasks.")
    return Video.objects.get(pk=found.pk)
