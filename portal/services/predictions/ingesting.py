"""Store a batch: check, lock, admit row by row, write all at once, announce."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from django.db import transaction
from django.utils import timezone

from portal import signals
from portal.models import Prediction, Project
from portal.models.predictions import Standing
from portal.models.writes import insert_new
from portal.services.predictions.checking import Row, check
from portal.services.predictions.intake import Intake, Key, ids_for
from portal.services.predictions.items import IngestReport, PredictionItem, RowResult
from portal.signals import announce

COLUMNS = (
    "id", "project", "version", "video", "start_ms", "end_ms", "caption", "posted_uncertainty",
    "uncertainty", "estimator", "tokens", "vocabulary_size", "candidates", "embedding",
    "body_sha256", "created_at",
)  # fmt: skip


def ingest(
    *,
    project: Project,
    items: Sequence[PredictionItem],
    supersede: bool = False,
    dry_run: bool = False,
) -> IngestReport:
    """Store a batch of predictions; a row that came before is left as it is.

    A bad row is reported and does not stop the others. With `dry_run` all is checked and nothing
    stays. With `supersede` another caption of the same version replaces the standing one.
    """
    report = IngestReport([RowResult(index) for index in range(len(items))])
    rows = check(project, items, report)
    with transaction.atomic():
        created = _store(project, rows, supersede=supersede)
        if dry_run:
            transaction.set_rollback(True)
        elif created:
            announce(signals.predictions_ingested, project_id=project.pk, prediction_ids=created)
    return report


def _store(project: Project, rows: list[Row], *, supersede: bool) -> list[int]:
    intake = Intake.of(project, rows)
    for row, pk in zip(rows, ids_for(rows), strict=True):
        intake.admit(row, pk, supersede=supersede)
    intake.count()
    Prediction.objects.filter(pk__among=intake.replaced).update(is_standing=False)
    insert_new(Prediction, COLUMNS, list(_written(project, intake.made.items())))
    for version in intake.versions.values():
        version.save(update_fields=["uncertainty_bins", "embedding_size"])
    return [standing.pk for standing, _ in intake.made.values()]


def _written(
    project: Project, made: Iterable[tuple[Key, tuple[Standing, Row]]]
) -> Iterable[tuple[Any, ...]]:
    """Each new prediction in the order of COLUMNS."""
    now = timezone.now()
    for (version_id, video_id, start_ms, end_ms), (standing, row) in made:
        item = row.item
        yield (
            standing.pk, project.pk, version_id, video_id, start_ms, end_ms, item.caption,
            item.uncertainty, standing.uncertainty, standing.estimator,
            item.tokens and msgspec.to_builtins(item.tokens), item.vocabulary_size,
            item.candidates and msgspec.to_builtins(item.candidates), row.embedding,
            row.sha256, now,
        )  # fmt: skip
