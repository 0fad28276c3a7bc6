"""Measuring how far models' captions lie from people's, and charting it."""

from collections.abc import Mapping, Sequence

import numpy as np
from django.db import transaction
from django.db.models import QuerySet

from portal.adapters import vectors
from portal.adapters.encoders import Encoder
from portal.algorithms import control, similarity
from portal.algorithms.control import Chart
from portal.algorithms.parameters import Parameters
from portal.models import Consensus, ModelVersion, Prediction, Project, Refit, Surprise

AT_ONCE = 100
CHARTED = 2000


def measure(*, project_id: int) -> int:
    """Measure what a project owes, oldest first and a hundred at most; return how many.

    Encodes, so it is called outside of any transaction. Of two at once the first one's row stays.
    """
    project = Project.objects.get(pk=project_id)
    owed = Surprise.objects.owed_by(project_id).select_related("task__prediction")
    rows = list(owed[:AT_ONCE])
    if not rows:
        return 0
    values = _values(project, rows)
    with transaction.atomic():
        Surprise.objects.bulk_create(
            [
                Surprise(
                    project=project,
                    version_id=_predicted(row).version_id,
                    consensus=row,
                    value=value,
                )
                for row, value in zip(rows, values, strict=True)
            ],
            ignore_conflicts=True,
        )
    return len(rows)


def owing() -> "QuerySet[Project]":
    """Return the projects that have something to measure; drift is watched in them."""
    watched = Project.objects.filter(retrains_on_drift=True)
    pks = watched.order_by("pk").values_list("pk", flat=True)
    return watched.filter(pk__in=[pk for pk in pks if Surprise.objects.owed_by(pk).exists()])


def chart(*, version: ModelVersion) -> Chart | None:
    """Return a version's control chart; None while it has too few points for a baseline."""
    values = Surprise.objects.charted(version.pk, n_first=control.WINDOW, n_newest=CHARTED)
    return control.control_chart(np.asarray(values, dtype=np.float64))


def _values(project: Project, rows: Sequence[Consensus]) -> list[float]:
    encoder = vectors.encoder_for(project.language)
    refit = Refit.objects.current_of(project.pk)
    idf = Parameters.from_json(refit.parameters).idf if refit else {}
    return [_value(_predicted(row).caption, row.caption, encoder, idf) for row in rows]


def _value(said: str, stands: str, encoder: Encoder | None, idf: Mapping[str, float]) -> float:
    cosine = None
    if encoder is not None:
        pair = [vectors.vector(encoder, text) for text in (said, stands)]
        cosine = similarity.cosines(np.asarray(pair, dtype=np.float32))
    alike = float(similarity.mixed([said, stands], idf=idf, cosine=cosine)[0, 1])
    return min(max(1.0 - alike, 0.0), 1.0)


def _predicted(row: Consensus) -> Prediction:
    prediction = row.task.prediction
    assert prediction is not None
    return prediction
