"""The lift of a running project: model errors that its labels found, beside its control slice."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from django.db.models import QuerySet

from portal.algorithms import lift, similarity
from portal.algorithms.lift import Labels, Lift
from portal.algorithms.parameters import Parameters
from portal.models import Consensus, Project, Refit, Task

MOST_TASKS = 2_000
COLUMNS = (
    "task__video_id",
    "task__uncertainty",
    "task__n_captions",
    "caption",
    "task__prediction__caption",
)


def measure_lift(*, project: Project) -> Lift | None:
    """Measure what prioritising has saved so far; None where too few tasks have settled.

    Captions are compared by their wording alone: the encoder would take seconds. The newest 2,000
    settled tasks of either kind count.
    """
    refit = Refit.objects.current_of(project.pk)
    idf = Parameters.from_json(refit.parameters).idf if refit else {}
    asked = Consensus.objects.final().filter(
        project=project,
        task__is_gold=False,
        task__is_evaluation=False,
        task__prediction__isnull=False,
        task__n_captions__gt=0,
    )
    pool = Task.objects.filter(
        project=project, is_control=True, is_gold=False, is_evaluation=False
    ).values_list("uncertainty", flat=True)
    return lift.measure(
        _labels(asked.filter(task__is_control=False), idf),
        _labels(asked.filter(task__is_control=True), idf),
        np.fromiter(pool, dtype=np.float64),
        np.random.default_rng(project.pk),
    )


def _labels(rows: QuerySet[Consensus], idf: Mapping[str, float]) -> Labels:
    found: Sequence[Any] = list(rows.order_by("-pk").values_list(*COLUMNS)[:MOST_TASKS])[::-1]
    errors = [1.0 - float(similarity.mixed([row[4], row[3]], idf=idf)[0, 1]) for row in found]
    return Labels(
        errors=np.clip(np.asarray(errors, dtype=np.float64), 0.0, 1.0),
        costs=np.asarray([row[2] for row in found], dtype=np.float64),
        uncertainty=np.asarray([row[1] for row in found], dtype=np.float64),
        videos=[row[0] for row in found],
    )
