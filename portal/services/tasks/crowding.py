"""How much a task resembles those labelled or picked before it: by embedding, else by its words.

A cluster says whom a consensus concerns and never changes. Likeness is taken anew whenever a model
speaks: to what is labelled, to what waits in front and, within a batch, to whatever leads there.
What an earlier model led is not picked yet and holds nobody back, itself least of all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from portal.algorithms import leaders
from portal.algorithms.diversity import text_vectors, unit_rows
from portal.models import Cluster, Prediction, Task
from portal.models.clusters import TEXT_SPACE
from portal.models.writes import insert_new, next_ids

Rows = NDArray[np.float32]

# Leaders are read whole for each batch: long embeddings have fewer, in 8 MB at most.
LEADER_NUMBERS = 4_000_000
NEWEST_LABELLED = 1000
FIRST_WAITING = 200


class Placed(Protocol):
    """What is put beside its like."""

    prediction_id: int | None
    cluster_id: int | None
    similarity: float


@dataclass(frozen=True, eq=False)
class Vectors:
    """Unit rows of one space, and which prediction each is of."""

    space: int
    prediction_ids: Sequence[int]
    rows: Rows


def vectors_of(prediction_ids: Iterable[int]) -> list[Vectors]:
    """Return what stands for these predictions, one matrix a space."""
    texts: dict[int, str] = {}
    embeddings: dict[int, dict[int, bytes]] = {}
    rows = Prediction.objects.filter(pk__among=prediction_ids).order_by("pk")
    for pk, caption, embedding in rows.values_list("pk", "caption", "embedding"):
        if embedding is None:
            texts[pk] = caption
        else:
            embeddings.setdefault(len(embedding) // 4, {})[pk] = bytes(embedding)
    found = [
        Vectors(space, list(each), _unit(np.frombuffer(b"".join(each.values()), dtype=np.float32)
                                         .reshape(len(each), space)))
        for space, each in embeddings.items()
    ]  # fmt: skip
    if texts:
        found.append(Vectors(TEXT_SPACE, list(texts), _unit(text_vectors(list(texts.values())))))
    return found


def place(project_id: int, tasks: Sequence[Placed]) -> None:
    """Give each task its cluster and its similarity to what comes before it; the caller saves.

    In the order given: the first of a kind leads, so the most uncertain come first.
    """
    order = {task.prediction_id: i for i, task in enumerate(tasks) if task.prediction_id}
    before = {vectors.space: vectors.rows for vectors in _before(project_id, order)}
    for vectors in vectors_of(order):
        members = np.argsort([order[pk] for pk in vectors.prediction_ids])
        rows, size = vectors.rows[members], vectors.rows.shape[1]
        most = min(leaders.MOST_LEADERS, LEADER_NUMBERS // size)
        ids, known = _leaders(project_id, vectors.space, size)
        clusters = leaders.place(rows, known, most=most)
        ids += _found(project_id, vectors.space, rows[clusters.founders])
        earlier = before.get(vectors.space, np.empty((0, size), dtype=np.float32))
        likeness = leaders.place(rows, earlier, most=len(earlier) + most)
        for i, leader, cosine in zip(members, clusters.leader, likeness.cosine, strict=True):
            task = tasks[order[vectors.prediction_ids[i]]]
            task.cluster_id = ids[leader] if leader >= 0 else None
            task.similarity = float(cosine)


def _before(project_id: int, placed: Iterable[int]) -> list[Vectors]:
    """What is labelled, the newest of it, and what waits in front by the same versions' word."""
    own = set(placed)
    versions = Prediction.objects.filter(pk__among=own).values_list("version_id", flat=True)
    speaking = set(versions.distinct())
    waiting = Task.objects.in_front(project_id, FIRST_WAITING)
    picked = [pk for pk, version_id in waiting.items() if version_id in speaking and pk not in own]
    return vectors_of([*Task.objects.labelled_in(project_id, NEWEST_LABELLED), *picked])


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


def _unit(rows: NDArray[np.floating]) -> Rows:
    return unit_rows(rows.astype(np.float64)).astype(np.float32)
