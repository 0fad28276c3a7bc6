"""Clips as the player shows them: where the file is, which part of it, or why there is nothing."""

from dataclasses import dataclass

from django.urls import reverse

from portal.models import Task, Video
from portal.models.projects import Audio
from portal.models.videos import VideoState

WHY_NOT = {
    VideoState.REGISTERED: "No file has arrived for this clip yet.",
    VideoState.FETCHING: "The file is on its way; reload in a moment.",
    VideoState.FAILED: "This clip could not be read.",
    VideoState.ERASED: "This clip was erased on request.",
}


@dataclass(frozen=True)
class Clip:
    """What the player component draws. Times are seconds; `end` None is the end of the file."""

    name: str
    url: str
    mime: str
    poster: str
    start: float
    end: float | None
    clip_seconds: float | None
    frames_per_second: float
    width: int
    height: int
    is_muted: bool
    needs_sound: bool
    why_not: str

    @property
    def is_segment(self) -> bool:
        return self.start > 0 or self.end is not None

    @property
    def segment_seconds(self) -> float | None:
        """How long the part to caption is, where the file's length is known."""
        end = self.end if self.end is not None else self.clip_seconds
        return None if end is None else max(0.0, end - self.start)

    @property
    def fragment(self) -> str:
        """The media fragment by which a browser without script keeps to the segment."""
        if not self.is_segment:
            return ""
        return f"#t={self.start:g}" + (f",{self.end:g}" if self.end is not None else "")


def clip_of(task: Task) -> Clip:
    """Return the clip of a task, cut to its segment; the task's video and project are loaded."""
    video, (start, end) = task.video, task.segment
    return Clip(
        name=video.video_id,
        url=reverse("pages:video", args=[video.uid]) if video.is_playable else "",
        mime=video.mime,
        poster=_poster(video),
        start=start,
        end=end,
        clip_seconds=video.clip_seconds,
        frames_per_second=video.frames_per_second or 25.0,
        width=video.width or 16,
        height=video.height or 9,
        is_muted=task.project.audio == Audio.MUTED,
        needs_sound=task.project.audio == Audio.REQUIRED,
        why_not="" if video.is_playable else _why_not(video),
    )


def _poster(video: Video) -> str:
    return reverse("pages:thumbnail", args=[video.uid]) if video.thumbnail_key else ""


def _why_not(video: Video) -> str:
    return WHY_NOT.get(VideoState(video.state), "There is no file for this clip.")
