"""Clips that are captioned: where their bytes are, what is known, whether they may train."""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from portal.errors import InvalidInput, MediaNotReady
from portal.models.projects import Project
from portal.models.writes import insert_new, next_ids


class VideoState(models.TextChoices):
    REGISTERED = "registered", "registered, no file yet"
    FETCHING = "fetching"
    READY = "ready"
    FAILED = "failed"
    ERASED = "erased"


class Sighting(NamedTuple):
    """What a post says of a video beside its id."""

    url: str = ""
    tags: Sequence[str] = ()


class Registered(NamedTuple):
    """Where a video is that somebody named, and what is known of it without asking again."""

    pk: int
    has_media: bool = False
    is_erased: bool = False
    is_new: bool = False


def check_scheme(url: str) -> None:
    """Refuse what is not a web address; whether it may be called is asked when it is fetched."""
    if not url:
        return
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "\\" in url or parts.username:
        raise InvalidInput.on(
            "video_url", "video_url must be a plain http or https address.", "url"
        )


class VideoQuerySet(models.QuerySet["Video"]):
    def standing(self) -> "VideoQuerySet":
        """Those that were not erased."""
        return self.exclude(state=VideoState.ERASED)

    def register_many(
        self,
        *,
        project_id: int,
        wanted: Mapping[str, Sighting],
        is_evaluation: Callable[[str], bool],
    ) -> dict[str, "Registered"]:
        """Say where the videos under these ids are, making those that are new.

        A known video without any media takes the URL that it is now seen with. Races are settled
        by the unique constraint: whoever comes second finds the first one's row.
        """
        known = self._under(project_id, wanted)
        # Both the updates and the inserts in one order, so that no two batches wait crosswise.
        for video_id, video in sorted(known.items()):
            if wanted[video_id].url and not video.has_media and not video.is_erased:
                self.filter(pk=video.pk).update(source_url=wanted[video_id].url)
        new = sorted(wanted.keys() - known.keys())
        made = dict(zip(new, next_ids(Video, len(new)), strict=True)) if new else {}
        now = timezone.now()
        names = (
            "id", "project", "uid", "video_id", "source_url", "tags", "is_evaluation",
            "next_attempt_at", "created_at",
        )  # fmt: skip
        rows = [
            (pk, project_id, uuid.uuid4(), video_id, wanted[video_id].url,
             list(wanted[video_id].tags), is_evaluation(video_id), now, now)
            for video_id, pk in made.items()
        ]  # fmt: skip
        if insert_new(Video, names, rows) < len(new):  # somebody else registered some meanwhile
            return known | self._under(project_id, new)
        return known | {video_id: Registered(pk, is_new=True) for video_id, pk in made.items()}

    def _under(self, project_id: int, video_ids: Iterable[str]) -> dict[str, "Registered"]:
        rows = self.filter(project_id=project_id, video_id__among=list(video_ids))
        return {
            video_id: Registered(pk, bool(url or key), state == VideoState.ERASED)
            for video_id, pk, url, key, state in rows.values_list(
                "video_id", "pk", "source_url", "file_key", "state"
            )
        }

    def needing_media(self) -> "VideoQuerySet":
        """Registered by URL or uploaded, not probed yet and not in a living job's hands.

        What the sweep hands to `videos.probe`.
        """
        return self.filter(
            state__in=(VideoState.REGISTERED, VideoState.FETCHING),
            next_attempt_at__lte=timezone.now(),
        ).exclude(Q(source_url="") & Q(file_key=""))

    def take(self, pk: int, *, seconds: int) -> bool:
        """Hold one video that needs media for this job; False when another has it."""
        taken = self.needing_media().filter(pk=pk)
        return bool(
            taken.update(
                state=VideoState.FETCHING,
                n_attempts=F("n_attempts") + 1,
                next_attempt_at=timezone.now() + timedelta(seconds=seconds),
            )
        )


class Video(models.Model):
    """One clip under the integration's own id; registered on first sight by ingest or upload."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="videos")
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    video_id = models.CharField(max_length=200, help_text="The id that integrations use.")
    source_url = models.URLField(max_length=2000, blank=True)
    file_key = models.CharField(max_length=2000, blank=True, editable=False)
    thumbnail_key = models.CharField(max_length=200, blank=True, editable=False)
    sha256 = models.CharField(max_length=64, blank=True, editable=False)
    posted_sha256 = models.CharField(
        max_length=64,
        blank=True,
        editable=False,
        help_text="Of the bytes as they came; `sha256` is of those that are served.",
    )
    n_bytes = models.BigIntegerField(default=0, editable=False)
    mime = models.CharField(max_length=60, blank=True, editable=False)
    codec = models.CharField(max_length=40, blank=True, editable=False)
    clip_seconds = models.FloatField(null=True, blank=True, editable=False)
    width = models.PositiveIntegerField(default=0, editable=False)
    height = models.PositiveIntegerField(default=0, editable=False)
    frames_per_second = models.FloatField(default=0.0, editable=False)
    has_audio = models.BooleanField(default=False, editable=False)
    tags = models.JSONField(default=list, blank=True)
    state = models.CharField(
        max_length=16, choices=VideoState, default=VideoState.REGISTERED, editable=False
    )
    failure = models.CharField(max_length=300, blank=True, editable=False)
    n_attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    next_attempt_at = models.DateTimeField(default=timezone.now, editable=False)
    is_evaluation = models.BooleanField(
        default=False,
        editable=False,
        help_text="Kept for evaluation; decided once, never trained on.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)

    _stored_is_evaluation: bool | None = None

    objects = VideoQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "video_id"], name="video_ids_are_unique_in_a_project"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(state__in=["registered", "fetching"]),
                name="videos_without_media",
            ),
        ]

    def __str__(self) -> str:
        return self.video_id

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refuse a change of the evaluation flag: a video that moves would leak into training."""
        stored = self._stored_is_evaluation
        if stored is not None and stored != self.is_evaluation:
            raise ValueError(f"Whether video {self.video_id} is for evaluation can never change.")
        super().save(*args, **kwargs)

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> "Video":
        """Remember the evaluation flag as it was stored, so that `save` can hold it."""
        instance = super().from_db(*args, **kwargs)
        instance._stored_is_evaluation = instance.__dict__.get("is_evaluation")
        return instance

    def check_segment(self, start_ms: int, end_ms: int) -> None:
        """Refuse a segment that the clip does not have; without media there is nothing to check."""
        if not (start_ms or end_ms):
            return
        if self.clip_seconds is None:
            if self.source_url or self.file_key:
                raise MediaNotReady(
                    f"The length of {self.video_id} is not known yet; try again soon."
                )
            return
        frame_seconds = 1.0 / self.frames_per_second if self.frames_per_second else 0.04
        limit = (self.clip_seconds + frame_seconds) * 1000
        if end_ms > limit or start_ms >= limit:
            raise InvalidInput.on(
                "end", f"{self.video_id} is {self.clip_seconds:.3f} s long.", "beyond_the_end"
            )

    @property
    def is_playable(self) -> bool:
        return self.state == VideoState.READY and bool(self.file_key)
