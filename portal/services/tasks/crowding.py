"""How much a task resembles those labelled or picked before it: by embedding, else by its words.

A cluster says whom a consensus concerns and never changes. Likeness is taken anew whenever a model
speaks: to what is labelled, to what waits in front and, within a batch, to whatever comes before.
What an earlier model led is not picked yet and holds nobody back, itself least of all.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from portal.algorithms import diversity, leaders
from portal.models import Cluster, Prediction, Project, Task
from portal.models.clusters import TEXT_SPACE
from portal.models.writes import insert_new, next_ids
from portal.services.tasks.ordering import Sliced, is_in_slice, slice_standing
from portal.services.tasks.vectors import rows_before, vectors_of

Rows = NDArray[np.float32]

# Leaders are read whole for each batch: long embeddings have fewer, in 8 MB at most.
LEADER_NUMBERS = 4_000_000
FIRST_WAITING = 200
FIRST_IN_LINE = 256
ENOUGH_BESIDE = 200  # to tell what uncertainties are worth


class Placed(Sliced, Protocol):
    """What is put beside its like."""

    prediction_id: int | None
    uncertainty: float
    cluster_id: int | None
    similarity: float
    n_same_video: int


def place(project: Project, tasks: Sequence[Placed]) -> None:
    """Give each task its cluster and what comes before it that it resembles; the caller saves.

    Tasks come in order, the most uncertain first: the first of a kind leads. A slice keeps its own
    order and holds nobody back.
    """
    project_id = project.pk
    order = {task.prediction_id: i for i, task in enumerate(tasks) if task.prediction_id}
    picked = _picked(project_id, order)
    n_before = Task.objects.count_labelled(project_id, {task.video_id for task in tasks})
    n_before.update(picked.values())
    for task in tasks:
        task.n_same_video = n_before[task.video_id]
    for vectors in vectors_of(order):
        members = np.argsort([order[pk] for pk in vectors.prediction_ids])
        rows = vectors.rows[members]
        own = [tasks[order[vectors.prediction_ids[i]]] for i in members]
        _gather(project_id, vectors.space, own, rows)
        competing = [i for i, task in enumerate(own) if not is_in_slice(task)]
        known = np.concatenate([rows[:0], *rows_before(project_id, vectors.space, picked)])
        if vectors.space == TEXT_SPACE:
            words = diversity.weigh_by_rarity(rows, known)
            rows, known = diversity.in_what_they_vary(*words)
        _line_up([own[i] for i in competing], rows[competing], known)
    _reserve(project, tasks)


def _picked(project_id: int, placed: Iterable[int]) -> dict[int, int]:
    """Predictions of what waits in front by the same versions' word, each with its video."""
    own = set(placed)
    versions = Prediction.objects.filter(pk__among=own).values_list("version_id", flat=True)
    speaking = set(versions.distinct())
    waiting = Task.objects.in_front(project_id, FIRST_WAITING)
    return {
        pk: video_id
        for pk, version_id, video_id in waiting
        if version_id in speaking and pk not in own
    }


def _gather(project_id: int, space: int, tasks: Sequence[Placed], rows: Rows) -> None:
    """Give each task its cluster: whom its consensus will concern."""
    size = rows.shape[1]
    ids, known = _leaders(project_id, space, size)
    clusters = leaders.place(rows, known, most=_most_leaders(size))
    ids += _found(project_id, space, rows[clusters.founders])
    for task, leader in zip(tasks, clusters.leader, strict=True):
        task.cluster_id = ids[leader] if leader >= 0 else None


def _line_up(tasks: Sequence[Placed], rows: Rows, before: Rows) -> None:
    """Tell each task what it resembles of what comes before it.

    The first in line exactly, as if they were asked for one by one; those behind them are told
    apart by what leads among them.
    """
    if not tasks:
        return
    videos = np.unique([task.video_id for task in tasks], return_inverse=True)[1]
    counts = np.array([task.n_same_video for task in tasks])
    uncertainties = np.array([task.uncertainty for task in tasks])
    labelled = diversity.Standing(diversity.largest_cosine(rows, before), counts)
    first, found = diversity.line_up(uncertainties, rows, videos, labelled, FIRST_IN_LINE)
    behind = np.setdiff1d(np.arange(len(tasks)), first)
    among = leaders.place(rows[behind], rows[:0], most=_most_leaders(rows.shape[1]))
    found.similarity[behind] = np.maximum(found.similarity[behind], among.cosine)
    found.n_same_video[behind] += diversity.n_earlier(videos[behind])
    for task, similarity, n_same_video in zip(
        tasks, found.similarity.tolist(), found.n_same_video.tolist(), strict=True
    ):
        task.similarity, task.n_same_video = similarity, n_same_video


def _reserve(project: Project, tasks: Sequence[Placed]) -> None:
    """Let a slice's members be held back as much as those beside them, whatever they resemble.

    Each has a place among uncertainties; it is given the likeness with which it has the same place
    among what they are worth.
    """
    sliced = [task for task in tasks if is_in_slice(task)]
    if not sliced:
        return
    others = [
        (task.uncertainty, task.similarity, task.n_same_video)
        for task in tasks
        if not is_in_slice(task)
    ]
    if len(others) < ENOUGH_BESIDE:
        others += Task.objects.newest_waiting(project.pk, ENOUGH_BESIDE)
    standing = np.array([slice_standing(task, project) for task in sliced])
    likeness = diversity.likeness_at(standing, np.array(others).reshape(-1, 3))
    for task, similarity in zip(sliced, likeness.tolist(), strict=True):
        task.similarity = similarity


def _most_leaders(size: int) -> int:
    return min(leaders.MOST_LEADERS, LEADER_NUMBERS // size)


def _leaders(project_id: int, space: int, size: int) -> tuple[list[int], Rows]:
    found = Cluster.objects.leaders(project_id, space)
    packed = b"".join(leader for _, leader in found)
    rows = np.frombuffer(packed, dtype=np.float16).astype(np.float32).reshape(len(found), size)
    return [pk for pk, _ in found], rows


def _found(project_id: int, space: int, rows: Rows) -> list[int]:
    """Store new leaders; their ids."""
    if not len(rows):
        return []
    ids = list(next_ids(Cluster, len(rows)))
    packed = [row.tobytes() for row in rows.astype(np.float16)]
    insert_new(
        Cluster,
        ("id", "project", "space", "leader"),
        [(pk, project_id, space, leader) for pk, leader in zip(ids, packed, strict=True)],
    )
    return ids
