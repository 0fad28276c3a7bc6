"""What models said of clips, and how sure they were. Never edited: a newer one supersedes."""

from collections.abc import Iterable
from typing import NamedTuple

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.models.projects import Project
from portal.models.segments import SEGMENT_RULE
from portal.models.versions import ModelVersion, VersionState
from portal.models.videos import Video


class Standing(NamedTuple):
    """What of a stored prediction another one is compared with."""

    pk: int
    uncertainty: float
    estimator: str
    body_sha256: str


class PredictionQuerySet(models.QuerySet["Prediction"]):
    def standing(self) -> "PredictionQuerySet":
        """Those that no later one of the same version has superseded."""
        return self.filter(is_standing=True)

    def unconsidered(self) -> "PredictionQuerySet":
        """Those not yet given a task or passed over: what the sweep hands to `tasks`."""
        return self.filter(is_considered=False)

    def newest_at(self, video_pk: int, start_ms: int, end_ms: int) -> "Prediction | None":
        """The newest standing prediction for one segment, whatever its version."""
        return (
            self.standing()
            .filter(video_id=video_pk, start_ms=start_ms, end_ms=end_ms)
            .order_by("-version_id", "-id")
            .first()
        )

    def standing_at(
        self, version_ids: Iterable[int], video_ids: Iterable[int]
    ) -> dict[tuple[int, int, int, int], "Standing"]:
        """Standing predictions of these versions and videos, by (version, video, start, end)."""
        videos = set(video_ids)
        if not videos:
            return {}
        rows = self.standing().filter(version__in=list(version_ids), video__among=videos)
        found: dict[tuple[int, int, int, int], Standing] = {}
        for version_id, video_id, start_ms, end_ms, pk, unsure, estimator, sha256 in (
            rows.values_list(
                "version_id", "video_id", "start_ms", "end_ms",
                "pk", "uncertainty", "estimator", "body_sha256",
            )
        ):  # fmt: skip
            standing = Standing(pk, unsure, estimator, sha256)
            found[version_id, video_id, start_ms, end_ms] = standing
        return found

    def captions_at(self, video_ids: Iterable[int]) -> dict[tuple[int, int, int], dict[int, str]]:
        """What the versions in use say of these videos: (video, start, end) → version → caption."""
        videos = set(video_ids)
        if not videos:
            return {}
        rows = self.standing().exclude(version__state=VersionState.RETIRED)
        found: dict[tuple[int, int, int], dict[int, str]] = {}
        for video_id, start_ms, end_ms, version_id, caption in rows.filter(
            video__among=videos
        ).values_list("video_id", "start_ms", "end_ms", "version_id", "caption"):
            found.setdefault((video_id, start_ms, end_ms), {})[version_id] = caption
        return found


class Prediction(models.Model):
    """One model version's caption for one clip or segment; written by `services.predictions`.

    `end_ms` 0 means the end of the clip, so that a whole clip has one key (0, 0).
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="predictions")
    video = models.ForeignKey(Video, on_delete=models.PROTECT, related_name="predictions")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="predictions")
    start_ms = models.PositiveIntegerField(default=0)
    end_ms = models.PositiveIntegerField(default=0)
    caption = models.TextField()
    posted_uncertainty = models.FloatField(null=True, blank=True)
    uncertainty = models.FloatField(help_text="0 sure … 1 unsure, by the best estimator available.")
    estimator = models.CharField(max_length=8, help_text="Where the uncertainty comes from.")
    tokens = models.JSONField(null=True, blank=True)
    vocabulary_size = models.PositiveIntegerField(
        null=True, blank=True, help_text="Of the model; what token entropies are measured against."
    )
    candidates = models.JSONField(null=True, blank=True)
    embedding = models.BinaryField(null=True, blank=True, editable=False)
    body_sha256 = models.CharField(max_length=64, editable=False)
    is_standing = models.BooleanField(default=True)
    is_considered = models.BooleanField(
        default=False, editable=False, help_text="Whether a task was opened for it or not needed."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = PredictionQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["version", "video", "start_ms", "end_ms"],
                condition=Q(is_standing=True),
                name="one_standing_prediction_per_version_and_segment",
            ),
            models.CheckConstraint(
                condition=Q(uncertainty__gte=0, uncertainty__lte=1),
                name="uncertainty_is_between_0_and_1",
            ),
            models.CheckConstraint(condition=SEGMENT_RULE, name="prediction_ends_after_it_starts"),
        ]
        indexes = [
            models.Index(
                fields=["id"], condition=Q(is_considered=False), name="predictions_to_consider"
            ),
            models.Index(fields=["video", "start_ms", "end_ms"], name="predictions_by_segment"),
        ]

    def __str__(self) -> str:
        return f"{self.version_id}: {self.caption[:60]}"
