"""A settled task makes its like less urgent: only its video and its cluster are looked at."""

from collections.abc import Sequence

import numpy as np
from django.db import transaction

from portal.models import Cluster, Task
from portal.models.taskstates import TaskState
from portal.services.tasks.crowding import labelled_vector, vectors_of
from portal.services.tasks.ordering import KEY, is_in_slice, price_all, save_each

MOST_NEIGHBOURS = 200


def feel(*, task_id: int) -> int:
    """Tell a settled task's neighbours that it is labelled; says how many were priced anew.

    Its 200 most pressing neighbours at most. Twice is harmless: the task remembers.
    """
    task = Task.objects.unfelt().filter(pk=task_id).first()
    if task is None:
        return 0
    ids = Task.objects.neighbour_ids(task, MOST_NEIGHBOURS)
    near = Task.objects.filter(pk__in=ids)
    likeness = _likeness(task, list(near.values_list("pk", "prediction_id")))
    return _write(task, ids, likeness)


def _likeness(task: Task, others: Sequence[tuple[int, int | None]]) -> dict[int, float]:
    """The cosine of each of these tasks to the one that settled, where one space holds both."""
    of_task = {prediction_id: pk for pk, prediction_id in others if prediction_id is not None}
    likeness: dict[int, float] = {}
    for vectors in vectors_of(of_task):
        own = labelled_vector(task, vectors.space)
        if own is not None:
            cosines = np.clip(vectors.rows @ own, 0.0, 1.0)
            pairs = zip(vectors.prediction_ids, cosines.tolist(), strict=True)
            likeness |= {of_task[pk]: cosine for pk, cosine in pairs}
    return likeness


@transaction.atomic
def _write(task: Task, ids: Sequence[int], likeness: dict[int, float]) -> int:
    rows = Task.objects.lock_all([task.pk, *ids]).select_related("project")
    locked = {each.pk: each for each in rows}
    settled = locked.pop(task.pk)
    if settled.is_felt or settled.state != TaskState.SETTLED:
        return 0
    near = [each for each in locked.values() if each.is_open and not each.is_gold]
    for each in near:
        if not is_in_slice(each):
            each.similarity = max(each.similarity, likeness.get(each.pk, 0.0))
    _count_video([each for each in near if each.video_id == task.video_id], task)
    price_all(near)
    save_each(near, (*KEY, "similarity", "n_same_video"))
    Task.objects.filter(pk=task.pk).update(is_felt=True)
    if task.cluster_id is not None:
        Cluster.objects.count_labelled(task.cluster_id)
    return len(near)


def _count_video(near: list[Task], task: Task) -> None:
    """Count for each open task of the video those that are labelled or would be asked before it."""
    labelled = Task.objects.filter(
        project_id=task.project_id, video_id=task.video_id, state=TaskState.SETTLED
    )
    n_labelled = labelled.count()
    for place, each in enumerate(sorted(near, key=lambda t: (-t.uncertainty, t.pk))):
        each.n_same_video = n_labelled + place
