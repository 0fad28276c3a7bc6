"""Predictions come in: one path for one or a hundred thousand, idempotent, each row answered.

Called by the API. Unknown videos and model versions are registered on first sight; tasks open as a
consequence (`signals.predictions_ingested`).
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from django.db import transaction

from portal import signals
from portal.algorithms import sampling, uncertainty
from portal.algorithms.similarity import mixed
from portal.algorithms.sketches import Sketch
from portal.errors import Conflict, InvalidInput, NotFound, PortalError, PredictionExists
from portal.models import ModelVersion, Prediction, Project, Video
from portal.models.segments import segment_ms
from portal.models.texts import clean_caption
from portal.models.versions import VersionState
from portal.models.videos import Sighting, VideoState, check_scheme
from portal.signals import announce

MAX_EMBEDDING = 4096
MAX_CANDIDATES = 64
MAX_TOKENS = 2000
ROUNDING = 1e-3

Key = tuple[int, int, int, int]  # version, video, start, end
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=360_000)]


class Token(msgspec.Struct, forbid_unknown_fields=True):
    """One token of a caption with its natural log-probability."""

    t: Annotated[str, msgspec.Meta(max_length=200)]
    logprob: float


class CandidateText(msgspec.Struct, forbid_unknown_fields=True):
    """One entry of an n-best list with its sequence log-probability."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=5000)]
    logprob: float


class PredictionItem(msgspec.Struct, forbid_unknown_fields=True):
    """One prediction as an integration posts it; times in seconds, uncertainty 0–1."""

    video_id: Name
    caption: str
    model_version: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    uncertainty: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    video_url: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    start: Seconds | None = None
    end: Seconds | None = None
    tokens: Annotated[list[Token], msgspec.Meta(max_length=MAX_TOKENS)] | None = None
    candidates: Annotated[list[CandidateText], msgspec.Meta(max_length=MAX_CANDIDATES)] | None = (
        None
    )
    embedding: (
        Annotated[list[float], msgspec.Meta(min_length=1, max_length=MAX_EMBEDDING)] | None
    ) = None
    tags: Annotated[list[Name], msgspec.Meta(max_length=50)] = []
    project: str = ""


class Segment(NamedTuple):
    """What a prediction is about; the key under which it is unique in its version."""

    version: str
    video: str
    start_ms: int
    end_ms: int


@dataclass
class RowResult:
    """What became of one posted row."""

    index: int
    status: str = "created"
    prediction: Prediction | None = None
    error: PortalError | None = None


@dataclass
class IngestReport:
    """What became of a batch, row by row."""

    rows: list[RowResult] = field(default_factory=list)

    def count(self, status: str) -> int:
        return sum(row.status == status for row in self.rows)


@dataclass
class _Row:
    """One valid item on its way into the database."""

    result: RowResult
    item: PredictionItem
    segment: Segment
    sha256: str
    estimate: uncertainty.Estimate


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
    rows = _check(project, items, report)
    with transaction.atomic():
        created = _store(project, rows, supersede=supersede)
        if dry_run:
            transaction.set_rollback(True)
        elif created:
            announce(
                signals.predictions_ingested,
                project_id=project.pk,
                prediction_ids=[prediction.pk for prediction in created],
            )
    return report


def _check(project: Project, items: Sequence[PredictionItem], report: IngestReport) -> list[_Row]:
    rows = []
    for result, item in zip(report.rows, items, strict=True):
        try:
            rows.append(_checked(project, result, item))
        except PortalError as error:
            result.status, result.error = "error", error
    return rows


def _checked(project: Project, result: RowResult, item: PredictionItem) -> _Row:
    if item.project not in ("", project.slug):
        raise NotFound(f"There is no project {item.project} here; this call is for {project.slug}.")
    check_scheme(item.video_url)
    item.caption = clean_caption(item.caption)
    start_ms, end_ms = segment_ms(item.start, item.end)
    _check_embedding(item)
    return _Row(
        result=result,
        item=item,
        segment=Segment(item.model_version, item.video_id, start_ms, end_ms),
        sha256=hashlib.sha256(msgspec.json.encode(item)).hexdigest(),
        estimate=_estimate(item),
    )


def _check_embedding(item: PredictionItem) -> None:
    if item.embedding is not None and not all(math.isfinite(x) for x in item.embedding):
        raise InvalidInput.on("embedding", "embedding must hold finite numbers.", "not_finite")


def _estimate(item: PredictionItem) -> uncertainty.Estimate:
    """Estimate from the best evidence the item carries; each refusal names its field."""
    for token in item.tokens or ():
        if not math.isfinite(token.logprob) or token.logprob > ROUNDING:
            raise InvalidInput.on("tokens", "A token's logprob is finite and at most 0.", "logprob")
    candidates = None
    if item.candidates:
        logprobs = [candidate.logprob for candidate in item.candidates]
        if not all(math.isfinite(x) and x <= ROUNDING for x in logprobs):
            raise InvalidInput.on(
                "candidates", "A candidate's logprob is finite and at most 0.", "logprob"
            )
        if math.fsum(math.exp(x) for x in logprobs) > 1.0 + 0.01:
            raise InvalidInput.on(
                "candidates", "The candidates' probabilities sum to more than 1.", "probabilities"
            )
        candidates = uncertainty.Candidates(
            [candidate.text for candidate in item.candidates],
            logprobs,
            lambda texts: mixed(texts, idf={}),
        )
    return uncertainty.estimate(
        posted=item.uncertainty,
        token_logprobs=[token.logprob for token in item.tokens or ()],
        candidates=candidates,
    )


def _store(project: Project, rows: list[_Row], *, supersede: bool) -> list[Prediction]:
    intake = _Intake.for_rows(project, rows)
    for row in rows:
        intake.admit(row, supersede=supersede)
    intake.count()
    Prediction.objects.filter(pk__in=intake.replaced).update(is_standing=False)
    created = Prediction.objects.bulk_create(intake.made.values(), batch_size=500)
    for version in intake.versions.values():
        version.save(update_fields=["uncertainty_bins", "embedding_size"])
    return created


@dataclass
class _Intake:
    """What a batch meets in the database, and what it will add to it."""

    project: Project
    versions: dict[str, ModelVersion]
    videos: dict[str, Video]
    standing: dict[Key, Prediction]
    made: dict[Key, Prediction] = field(default_factory=dict)
    replaced: list[int] = field(default_factory=list)
    added: dict[str, list[float]] = field(default_factory=dict)
    removed: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def for_rows(cls, project: Project, rows: list[_Row]) -> "_Intake":
        names = {row.segment.version for row in rows}
        ModelVersion.objects.register_many(project_id=project.pk, names=names)
        # Two batches of one version wait for each other here, in one order, so neither deadlocks.
        locked = ModelVersion.objects.filter(project=project, name__in=names).select_for_update()
        versions = {version.name: version for version in locked.order_by("pk")}
        videos = Video.objects.register_many(
            project_id=project.pk,
            wanted={row.segment.video: Sighting(row.item.video_url, row.item.tags) for row in rows},
            is_evaluation=lambda video_id: sampling.is_for_evaluation(
                video_id, salt=project.evaluation_salt, share=project.evaluation_share
            ),
        )
        standing = Prediction.objects.standing_at(
            (version.pk for version in versions.values()), (video.pk for video in videos.values())
        )
        return cls(project, versions, videos, standing)

    def admit(self, row: _Row, *, supersede: bool) -> None:
        """Decide what becomes of one row; the answer is written into its result."""
        version, video = self.versions[row.segment.version], self.videos[row.segment.video]
        key = (version.pk, video.pk, row.segment.start_ms, row.segment.end_ms)
        old = self.made.get(key) or self.standing.get(key)
        if old is not None and old.body_sha256 == row.sha256:
            row.result.status, row.result.prediction = "unchanged", old
            return
        try:
            _check_fits(row, version, video)
            _check_replaces(row, old, supersede=supersede)
        except PortalError as error:
            row.result.status, row.result.error = "error", error
            return
        if old is not None:
            row.result.status = "superseded"
            self.replaced.append(old.pk)
            self.removed.setdefault(version.name, []).append(old.uncertainty)
        row.result.prediction = self.made[key] = _prediction(self.project, version, video, row)
        self.added.setdefault(version.name, []).append(row.estimate.value)

    def count(self) -> None:
        """Bring the versions' sketches of their uncertainties up to date."""
        for name, values in self.added.items():
            sketch = Sketch.from_list(self.versions[name].uncertainty_bins).add(values)
            if name in self.removed:
                sketch = sketch.remove(self.removed[name])
            self.versions[name].uncertainty_bins = sketch.to_list()


def _check_fits(row: _Row, version: ModelVersion, video: Video) -> None:
    """Refuse what the version or the clip does not allow."""
    if version.state == VersionState.RETIRED:
        raise Conflict(f"Model version {version.name} is retired; post under another version.")
    if video.state == VideoState.ERASED:
        raise Conflict(f"Video {video.video_id} was erased; it takes no more predictions.")
    video.check_segment(row.segment.start_ms, row.segment.end_ms)
    size = len(row.item.embedding) if row.item.embedding else None
    if size and version.embedding_size and size != version.embedding_size:
        raise InvalidInput.on(
            "embedding",
            f"{version.name}'s embeddings have {version.embedding_size} numbers, not {size}.",
            "wrong_length",
        )
    version.embedding_size = version.embedding_size or size


def _check_replaces(row: _Row, old: Prediction | None, *, supersede: bool) -> None:
    """Refuse a second, different caption unless the caller says that it replaces the first."""
    if old is None:
        return
    if old.pk is None:
        raise Conflict("Another row of this batch is for the same segment and version.")
    if not supersede:
        raise PredictionExists(
            f"{row.segment.version} already has another prediction for {row.segment.video} here; "
            "send ?supersede=true to replace it."
        )


def _prediction(project: Project, version: ModelVersion, video: Video, row: _Row) -> Prediction:
    item = row.item
    return Prediction(
        project=project,
        version=version,
        video=video,
        start_ms=row.segment.start_ms,
        end_ms=row.segment.end_ms,
        caption=item.caption,
        posted_uncertainty=item.uncertainty,
        uncertainty=row.estimate.value,
        estimator=row.estimate.estimator.value,
        tokens=msgspec.to_builtins(item.tokens),
        candidates=msgspec.to_builtins(item.candidates),
        embedding=np.asarray(item.embedding, dtype=np.float32).tobytes()
        if item.embedding
        else None,
        body_sha256=row.sha256,
    )
