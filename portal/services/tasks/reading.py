"""Read of predictions what decides on their tasks; whole rows would cost more than the deciding."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from portal.algorithms import sampling
from portal.algorithms.sketches import Sketch, is_uncertain
from portal.models import ModelVersion, Prediction, Project
from portal.models.videos import VideoState


class Seen(NamedTuple):
    """One prediction, as far as its task is concerned."""

    pk: int
    project_id: int
    version_id: int
    video_id: int
    start_ms: int
    end_ms: int
    uncertainty: float
    estimator: str
    is_evaluation: bool
    video_state: str

    @property
    def segment(self) -> tuple[int, int, int]:
        return self.video_id, self.start_ms, self.end_ms


def seen(predictions: "Iterable[tuple[object, ...]]") -> list[Seen]:
    """Type the rows of a query for FIELDS."""
    return [Seen(*row) for row in predictions]  # type: ignore[arg-type]


FIELDS = (
    "pk", "project_id", "version_id", "video_id", "start_ms", "end_ms", "uncertainty", "estimator",
    "video__is_evaluation", "video__state",
)  # fmt: skip


def unconsidered(prediction_ids: Sequence[int]) -> list[Seen]:
    """Those of these predictions on which nobody has decided yet."""
    rows = Prediction.objects.unconsidered().filter(pk__among=prediction_ids).order_by("pk")
    return seen(rows.values_list(*FIELDS))


def rank(predictions: Sequence[Seen]) -> dict[int, float]:
    """Rank each uncertainty within its model version and estimator, for raw scales do not compare.

    Against what has come so far: a rank is not revised as its version grows, but whenever its task
    is repriced (decision 0015).
    """
    groups: dict[tuple[int, str], list[Seen]] = {}
    for prediction in predictions:
        groups.setdefault((prediction.version_id, prediction.estimator), []).append(prediction)
    versions = ModelVersion.objects.in_bulk([version_id for version_id, _ in groups])
    ranks: dict[int, float] = {}
    for (version_id, estimator), group in groups.items():
        bins = versions[version_id].uncertainty_bins or {}
        sketch = Sketch.from_list(bins.get(estimator, ()))
        ties = [sampling.fraction(str(p.video_id), salt=f"tie/{version_id}") for p in group]
        values = sketch.ranks([p.uncertainty for p in group], ties)
        ranks.update((p.pk, float(value)) for p, value in zip(group, values, strict=True))
    return ranks


def deserves_task(project: Project, prediction: Seen, rank: float) -> bool:
    """Say whether people are asked: the uncertain, videos for evaluation, the control slice."""
    if prediction.video_state == VideoState.ERASED:
        return False
    return (
        is_uncertain(rank, project.uncertain_share)
        or prediction.is_evaluation
        or is_control(project, prediction)
    )


def is_control(project: Project, prediction: Seen) -> bool:
    """Say whether this clip is in the random slice, whatever any model says of it."""
    return sampling.is_control(
        place_key(*prediction.segment), salt=project.evaluation_salt, share=project.control_share
    )


def place_key(video_id: int, start_ms: int, end_ms: int) -> str:
    """Name a segment for the hashes that draw slices and random places."""
    return f"{video_id}/{start_ms}/{end_ms}"
