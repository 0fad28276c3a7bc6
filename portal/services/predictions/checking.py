"""Look at each posted row by itself: what can be refused without asking the database."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np

from portal.algorithms.uncertainty import Estimate
from portal.errors import InvalidInput, NotFound, PortalError
from portal.models import Project
from portal.models.segments import segment_ms
from portal.models.texts import clean_caption
from portal.models.videos import check_scheme
from portal.services.predictions.estimating import estimate
from portal.services.predictions.items import IngestReport, PredictionItem, RowResult

_encode = msgspec.json.Encoder().encode


class Segment(NamedTuple):
    """What a prediction is about; the key under which it is unique in its version."""

    version: str
    video: str
    start_ms: int
    end_ms: int


@dataclass(slots=True)
class Row:
    """One valid item on its way into the database."""

    result: RowResult
    item: PredictionItem
    segment: Segment
    sha256: str
    estimate: Estimate
    embedding: bytes | None


def check(project: Project, items: Sequence[PredictionItem], report: IngestReport) -> list[Row]:
    """Return the rows that are sound; the others' results say what is wrong with them."""
    rows = []
    for result, item in zip(report.rows, items, strict=True):
        try:
            rows.append(_checked(project, result, item))
        except PortalError as error:
            result.status, result.error = "error", error
    return rows


def _checked(project: Project, result: RowResult, item: PredictionItem) -> Row:
    if item.project not in ("", project.slug):
        raise NotFound(f"There is no project {item.project} here; this call is for {project.slug}.")
    check_scheme(item.video_url)
    item.caption = clean_caption(item.caption)
    start_ms, end_ms = segment_ms(item.start, item.end)
    return Row(
        result=result,
        item=item,
        segment=Segment(item.model_version, item.video_id, start_ms, end_ms),
        sha256=hashlib.sha256(_encode(item)).hexdigest(),
        estimate=estimate(item),
        embedding=_packed(item.embedding),
    )


def _packed(embedding: list[float] | None) -> bytes | None:
    """Return an embedding as it is stored; refuse numbers that single precision does not hold."""
    if embedding is None:
        return None
    with np.errstate(over="ignore"):
        vector = np.asarray(embedding, dtype=np.float32)
    if not np.isfinite(vector).all():
        raise InvalidInput.on("embedding", "embedding must hold finite numbers.", "not_finite")
    return vector.tobytes()
