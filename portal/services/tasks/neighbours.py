"""A settled task makes its like less urgent: those of its video, of its cluster, first in line.

What stands first was perhaps placed long ago, when little was labelled: it hears of every label
since, so that it is not served for having been placed early.
"""

from collections.abc import Sequence

import numpy as np
from django.db import transaction

from portal.algorithms import diversity
from portal.models import Cluster, Task
from portal.models.clusters import TEXT_SPACE
from portal.models.taskstates import TaskState
from portal.services.tasks.ordering import KEY, is_in_slice, price_all, save_each
from portal.services.tasks.vectors import labelled_vector, vectors_of

MOST_NEIGHBOURS = 200
NOTICEABLE = 0.02  # a likeness that rises by less moves nobody


def feel(*, task_id: int) -> int:
    """Tell a settled task's neighbours that it is labelled; says how many were priced anew.

    Only those that it concerns are locked. Twice is harmless: the task remembers.
    """
    task = Task.objects.unfelt().filter(pk=task_id).first()
    if task is None:
        return 0
    near = list(Task.objects.neighbours(task, MOST_NEIGHBOURS))
    likeness = _likeness(task, near)
    concerned = [
        each.pk
        for each in near
        if each.video_id == task.video_id
        or likeness.get(each.pk, 0.0) > each.similarity + NOTICEABLE
    ]
    return _write(task, concerned, likeness)


def _likeness(task: Task, others: Sequence[Task]) -> dict[int, float]:
    """The cosine to the one that settled of each that competes, where one space holds both."""
    of_task = {
        each.prediction_id: each.pk
        for each in others
        if each.prediction_id is not None and not is_in_slice(each)
    }
    likeness: dict[int, float] = {}
    for vectors in vectors_of(of_task):
        own = labelled_vector(task, vectors.space)
        if own is None:
            continue
        rows, labelled = vectors.rows, own[None]
        if vectors.space == TEXT_SPACE:
            # By the words themselves: so few rows do not say what goes with what (decision 29).
            rows, labelled = diversity.weigh_by_rarity(rows, labelled)
        cosines = np.clip(rows @ labelled[0], 0.0, 1.0)
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
