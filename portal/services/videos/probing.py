"""Looking into a clip once: fetched where it has only an address, probed, made playable."""

import tempfile
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from portal.adapters import commits, fetch, objectstores, sandboxes, stores
from portal.adapters.media import Media
from portal.adapters.stores import LocalStore
from portal.algorithms import retries
from portal.errors import (
    DiskFull,
    InvalidInput,
    OutboundRefused,
    PeerUnavailable,
    PortalError,
    TooLarge,
)
from portal.models import Video
from portal.models.videos import VideoQuerySet, VideoState

FETCH_SECONDS = 300
LOOK_SECONDS = 90
TRANSCODE_SECONDS = 600
THUMBNAIL_PLACE = 0.3  # of the clip: its first picture is often black
MAX_ATTEMPTS = len(retries.DOWNLOAD_STEPS) + 1


@dataclass(frozen=True)
class _File:
    """A stored file that a row names, or will."""

    key: str
    sha256: str
    n_bytes: int


def probe(*, video_id: int) -> None:
    """Fetch a clip if need be, find out what it is, make it playable and picture it.

    A clip that cannot be read ends as failed with the reason; a source that is down is tried again
    later. A video that is ready, failed, erased or in another job's hands is left alone.
    """
    video = Video.objects.filter(pk=video_id).first()
    seconds = LOOK_SECONDS if video is not None and video.file_key else FETCH_SECONDS + LOOK_SECONDS
    with commits.unhurried():
        is_ours = Video.objects.take(video_id, seconds=seconds)
    if not is_ours:
        return
    video = Video.objects.get(pk=video_id)
    try:
        _refuse_endless(video)
        _look_into(video)
    except (PeerUnavailable, DiskFull) as later:
        _postpone(video, later)
    except (InvalidInput, OutboundRefused, TooLarge) as never:
        _fail(video, never)


def _refuse_endless(video: Video) -> None:
    """Give up on a clip in whose hands the job has died again and again."""
    if video.n_attempts > MAX_ATTEMPTS:
        raise InvalidInput("The clip could not be fetched and read in several attempts.")


def _look_into(video: Video) -> None:
    store = stores.configured()
    if not video.file_key:
        _fetch(video, store)
    found = sandboxes.probe_isolated(store.path(video.file_key))
    file, mime = _File(video.file_key, video.sha256, video.n_bytes), found.mime
    if not found.playable_in_browser:
        _hold(video, TRANSCODE_SECONDS + LOOK_SECONDS)
        file, mime = _transcoded(store, video.file_key), "video/mp4"
    try:
        picture = sandboxes.thumbnail_isolated(
            store.path(file.key), at=found.duration * THUMBNAIL_PLACE
        )
        thumbnail = store.put(BytesIO(picture), suffix=".jpg", max_bytes=10_000_000).key
    except PortalError:
        _drop(store, {file.key} - {video.file_key})
        raise
    if objectstores.is_object(video.source_url) and file.key == video.file_key:
        file = _File(video.source_url, file.sha256, file.n_bytes)  # played from where it is
    kept = _write(video, file, mime, found, thumbnail)
    _drop(store, {video.file_key} - {file.key} if kept else {file.key, thumbnail})


def _fetch(video: Video, store: LocalStore) -> None:
    with store.incoming(suffix=".video", max_bytes=settings.UPLOAD_MAX_BYTES) as sink:
        url = video.source_url
        if objectstores.is_object(url):
            url = objectstores.link(url, seconds=FETCH_SECONDS)
        fetch.download(url, sink, max_bytes=settings.UPLOAD_MAX_BYTES, timeout=FETCH_SECONDS)
        stored = sink.keep()
    video.file_key, video.n_bytes = stored.key, stored.bytes
    video.sha256 = video.posted_sha256 = stored.sha256
    named = _still_held(video).update(
        file_key=stored.key,
        n_bytes=stored.bytes,
        sha256=stored.sha256,
        posted_sha256=stored.sha256,
    )
    if not named:
        store.delete(stored.key)
        raise InvalidInput("The video was erased while it was fetched.")


def _transcoded(store: LocalStore, key: str) -> _File:
    with tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as folder:
        out = Path(folder) / "clip.mp4"
        sandboxes.transcode_isolated(store.path(key), out, timeout=TRANSCODE_SECONDS)
        with out.open("rb") as copy:
            stored = store.put(copy, suffix=".mp4", max_bytes=settings.UPLOAD_MAX_BYTES)
    return _File(stored.key, stored.sha256, stored.bytes)


def _write(video: Video, file: _File, mime: str, found: Media, thumbnail: str) -> bool:
    """Write what was found; False where the video was erased meanwhile."""
    return bool(
        _still_held(video).update(
            state=VideoState.READY,
            failure="",
            file_key=file.key,
            sha256=file.sha256,
            n_bytes=file.n_bytes,
            mime=mime,
            thumbnail_key=thumbnail,
            codec=found.codec,
            clip_seconds=found.duration,
            width=found.width,
            height=found.height,
            frames_per_second=found.fps,
            has_audio=found.has_audio,
        )
    )


def _hold(video: Video, seconds: int) -> None:
    _still_held(video).update(next_attempt_at=timezone.now() + timedelta(seconds=seconds))


def _postpone(video: Video, reason: PortalError) -> None:
    wait = retries.delay_seconds(video.n_attempts, 0.5, retries.DOWNLOAD_STEPS)
    if wait is None:
        _fail(video, reason)
        return
    _still_held(video).update(
        state=VideoState.REGISTERED,
        failure=reason.detail[:300],
        next_attempt_at=timezone.now() + timedelta(seconds=wait),
    )


def _fail(video: Video, reason: PortalError) -> None:
    _still_held(video).update(state=VideoState.FAILED, failure=reason.detail[:300])


def _still_held(video: Video) -> VideoQuerySet:
    return Video.objects.filter(pk=video.pk, state=VideoState.FETCHING)


def _drop(store: LocalStore, keys: set[str]) -> None:
    for key in keys:
        store.delete(key)
