"""What stands for a clip when clips are compared: its posted embedding, else what is said of it.

A space is what can be compared: all words, or all embeddings of one length. Of a labelled clip
people have said what is to be said, whatever a model had predicted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from portal.algorithms.diversity import text_vectors, unit_rows
from portal.models import Consensus, Prediction, Task
from portal.models.clusters import TEXT_SPACE

Rows = NDArray[np.float32]

NEWEST_LABELLED = 1000


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


def labelled_vector(task: Task, space: int) -> Rows | None:
    """Return what stands for a settled task in a space; None where nothing does."""
    if space == TEXT_SPACE:
        agreed = Consensus.objects.final().filter(task=task).values_list("caption", flat=True)
        return _unit(text_vectors([agreed[0]]))[0] if agreed else None
    found = vectors_of([task.prediction_id] if task.prediction_id else [])
    return next((each.rows[0] for each in found if each.space == space), None)


def rows_before(project_id: int, space: int, picked: Iterable[int]) -> list[Rows]:
    """Return what comes before all others in one space: the newest that is labelled, the picked."""
    newest = Consensus.objects.final().filter(project_id=project_id, task__is_gold=False)
    newest = newest.order_by("-pk")
    ids, agreed = list(picked), []
    if space == TEXT_SPACE:
        agreed = list(newest.values_list("caption", flat=True)[:NEWEST_LABELLED])
    else:
        predicted = newest.exclude(task__prediction=None)
        ids += predicted.values_list("task__prediction_id", flat=True)[:NEWEST_LABELLED]
    found = [each.rows for each in vectors_of(ids) if each.space == space]
    return [*found, _unit(text_vectors(agreed))] if agreed else found


def _unit(rows: NDArray[np.floating]) -> Rows:
    return unit_rows(rows.astype(np.float64)).astype(np.float32)
