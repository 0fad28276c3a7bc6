"""What a batch meets in the database, and what it adds to it."""

from dataclasses import dataclass, field

from portal.algorithms import sampling
from portal.algorithms.sketches import Sketch
from portal.algorithms.uncertainty import Estimator
from portal.errors import Conflict, InvalidInput, PortalError, PredictionExists
from portal.models import ModelVersion, Prediction, Project, Video
from portal.models.predictions import Standing
from portal.models.versions import VersionState
from portal.models.videos import Registered, Sighting
from portal.models.writes import next_ids
from portal.services.predictions.checking import Row
from portal.services.predictions.estimating import among

Key = tuple[int, int, int, int]  # version, video, start, end
Place = tuple[int, int, int]  # video, start, end
Counted = dict[tuple[str, str], list[float]]  # version and estimator → uncertainties


@dataclass
class Intake:
    """One batch beside what is stored; the versions are locked."""

    project: Project
    versions: dict[str, ModelVersion]
    videos: dict[str, Registered]
    whole: dict[str, Video]  # those that a segment is named of
    standing: dict[Key, Standing]
    said: dict[Place, dict[int, str]]  # by other versions, where a row needs it
    made: dict[Key, tuple[Standing, Row]] = field(default_factory=dict)
    replaced: list[int] = field(default_factory=list)
    added: Counted = field(default_factory=dict)
    removed: Counted = field(default_factory=dict)

    @classmethod
    def of(cls, project: Project, rows: list[Row]) -> "Intake":
        """Lock the versions, register the videos, and read what stands there already."""
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
        met = [video.pk for video in videos.values() if not video.is_new]
        standing = Prediction.objects.standing_at((v.pk for v in versions.values()), met)
        # Rows of one batch may be of several versions, so a new video's captions count as well.
        silent = {row.segment.video for row in rows if row.estimate.estimator == Estimator.NONE}
        said = Prediction.objects.captions_at(videos[video].pk for video in silent)
        return cls(project, versions, videos, _whole(videos, rows), standing, said)

    def admit(self, row: Row, pk: int, *, supersede: bool) -> None:
        """Decide what becomes of one row; the answer is written into its result."""
        version, video = self.versions[row.segment.version], self.videos[row.segment.video]
        place = (video.pk, row.segment.start_ms, row.segment.end_ms)
        key = (version.pk, *place)
        twin, old = self.made.get(key), self.standing.get(key)
        same = twin[0] if twin else old
        if same is not None and same.body_sha256 == row.sha256:
            row.result.status, row.result.prediction = "unchanged", same
            return
        try:
            self._check_fits(row, version, video)
            _check_replaces(row, old, is_twin=twin is not None, supersede=supersede)
        except PortalError as error:
            row.result.status, row.result.error = "error", error
            return
        if row.estimate.estimator == Estimator.NONE:
            self._ask_others(row, version.pk, place)
        if old is not None:
            row.result.status = "superseded"
            self.replaced.append(old.pk)
            self.removed.setdefault((version.name, old.estimator), []).append(old.uncertainty)
        name, value = row.estimate.estimator.value, row.estimate.value
        row.result.prediction = Standing(pk, value, name, row.sha256)
        self.made[key] = (row.result.prediction, row)
        self.added.setdefault((version.name, name), []).append(value)

    def _ask_others(self, row: Row, version_id: int, place: Place) -> None:
        """Where a model said nothing of its doubts, see how other versions caption the clip."""
        captions = self.said.setdefault(place, {})
        others = [captions[pk] for pk in sorted(captions, reverse=True) if pk != version_id]
        captions[version_id] = row.item.caption
        if others:
            row.estimate = among(row.item.caption, others)

    def _check_fits(self, row: Row, version: ModelVersion, video: Registered) -> None:
        """Refuse what the version or the clip does not allow."""
        if version.state == VersionState.RETIRED:
            raise Conflict(f"Model version {version.name} is retired; post under another version.")
        if video.is_erased:
            raise Conflict(f"Video {row.segment.video} was erased; it takes no more predictions.")
        if row.segment.video in self.whole:
            clip = self.whole[row.segment.video]
            clip.check_segment(row.segment.start_ms, row.segment.end_ms)
        size = len(row.item.embedding) if row.item.embedding else None
        if size and version.embedding_size and size != version.embedding_size:
            raise InvalidInput.on(
                "embedding",
                f"{version.name}'s embeddings have {version.embedding_size} numbers, not {size}.",
                "wrong_length",
            )
        version.embedding_size = version.embedding_size or size

    def count(self) -> None:
        """Bring the versions' sketches of their uncertainties up to date."""
        for name, estimator in self.added.keys() | self.removed.keys():
            bins = self.versions[name].uncertainty_bins or {}
            sketch = Sketch.from_list(bins.get(estimator, ()))
            sketch = sketch.add(self.added.get((name, estimator), ()))
            sketch = sketch.remove(self.removed.get((name, estimator), ()))
            self.versions[name].uncertainty_bins = bins | {estimator: sketch.to_list()}


def ids_for(rows: list[Row]) -> list[int]:
    """Draw as many ids as rows may become predictions."""
    return list(next_ids(Prediction, len(rows))) if rows else []


def _whole(videos: dict[str, Registered], rows: list[Row]) -> dict[str, Video]:
    cut = {row.segment.video for row in rows if row.segment.start_ms or row.segment.end_ms}
    found = Video.objects.in_bulk([videos[name].pk for name in cut])
    return {name: found[videos[name].pk] for name in cut}


def _check_replaces(row: Row, old: Standing | None, *, is_twin: bool, supersede: bool) -> None:
    """Refuse a second, different caption unless the caller says that it replaces the first."""
    if is_twin:
        raise Conflict("Another row of this batch is for the same segment and version.")
    if old is not None and not supersede:
        raise PredictionExists(
            f"{row.segment.version} already has another prediction for {row.segment.video} here; "
            "send ?supersede=true to replace it."
        )
