"""How a clip's bytes come in and go out: registered, uploaded, linked."""

import re
import time
from collections.abc import Sequence
from io import BytesIO

from django.conf import settings
from django.db import transaction

from portal import signals
from portal.adapters import addresses, media, signatures, stores
from portal.adapters.media import Kind
from portal.adapters.stores import Readable, Stored
from portal.algorithms import sampling
from portal.errors import Conflict, InvalidInput, PeerUnavailable
from portal.models import Project, Video
from portal.models.videos import Sighting, VideoState
from portal.signals import announce

LINK_STEP = 3600
MAX_TAGS = 50
_NAME = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,200}")


def register(
    *, project: Project, video_id: str, source_url: str = "", tags: Sequence[str] = ()
) -> Video:
    """Make a video known under the integration's id; the same again changes nothing.

    Raises Conflict where it is known with another address or was erased.
    """
    check_names(video_id, tags)
    if source_url:
        _check_url(source_url)
    with transaction.atomic():
        video = known_or_new(project, video_id, source_url, tags)
        if source_url and video.source_url != source_url:
            raise Conflict(f"Video {video_id} is known with another file; use another video_id.")
        if source_url and video.state == VideoState.REGISTERED:
            announce(signals.video_added, video_id=video.pk)
    return video


def upload(
    *,
    project: Project,
    video_id: str,
    stream: Readable,
    expected_bytes: int | None = None,
    expected_sha256: str | None = None,
    tags: Sequence[str] = (),
) -> Video:
    """Keep a clip's bytes; the same file again changes nothing.

    Raises MediaRefused for what is no video by its content, InvalidInput for bytes that are not
    those declared, Conflict where the video has another file, TooLarge, DiskFull.
    """
    check_names(video_id, tags)
    head = stream.read(media.HEAD_BYTES)
    kind = media.sniff(head) if head else media.MP4  # the store says that the file is empty
    store = stores.configured()
    stored = store.put(
        _Joined(head, stream),
        suffix=kind.suffix,
        max_bytes=settings.UPLOAD_MAX_BYTES,
        expected_bytes=expected_bytes,
        expected_sha256=expected_sha256,
    )
    kept = False
    try:
        video, kept = _attach(project, video_id, stored, kind, tags)
    finally:
        if not kept:
            store.delete(stored.key)
    return video


def retry(*, video: Video) -> Video:
    """Look once more into a video whose file could not be had or read."""
    with transaction.atomic():
        video = Video.objects.select_for_update().get(pk=video.pk)
        if video.state != VideoState.FAILED:
            raise Conflict(f"{video} is {video.get_state_display()}; only a failed one is retried.")
        video.state, video.failure, video.n_attempts = VideoState.REGISTERED, "", 0
        video.save(update_fields=["state", "failure", "n_attempts"])
        announce(signals.video_added, video_id=video.pk)
    return video


def media_link(*, video: Video, base_url: str, ttl: int = 86_400) -> str | None:
    """Return a signed address of the clip that works for at least `ttl` seconds; None without one.

    The expiry is rounded up to the hour, so that a page opened twice asks for the same address
    and a browser plays what it has.
    """
    if not video.is_playable:
        return None
    return _link(f"/media/videos/{video.uid}", base_url, ttl)


def thumbnail_link(*, video: Video, base_url: str, ttl: int = 86_400) -> str | None:
    """Return a signed address of the clip's picture; None without one."""
    if not video.thumbnail_key:
        return None
    return _link(f"/media/videos/{video.uid}/thumbnail", base_url, ttl)


def _link(path: str, base_url: str, ttl: int) -> str:
    expires = (int(time.time()) // LINK_STEP + 1) * LINK_STEP + ttl
    return base_url + signatures.sign_link(path, expires, settings.FIELD_KEY)


def known_or_new(project: Project, video_id: str, url: str, tags: Sequence[str]) -> Video:
    """Return the video under this id; raise Conflict where it was erased."""
    found = Video.objects.register_many(
        project_id=project.pk,
        wanted={video_id: Sighting(url, tags)},
        is_evaluation=lambda name: sampling.is_for_evaluation(
            name, salt=project.evaluation_salt, share=project.evaluation_share
        ),
    )[video_id]
    if found.is_erased:
        raise Conflict(f"Video {video_id} was erased and does not come back.")
    return Video.objects.get(pk=found.pk)


@transaction.atomic
def _attach(
    project: Project, video_id: str, stored: Stored, kind: Kind, tags: Sequence[str]
) -> tuple[Video, bool]:
    """Name the stored file on its row; return the video and whether it took this very file."""
    found = known_or_new(project, video_id, "", tags)
    video = Video.objects.select_for_update().get(pk=found.pk)
    if video.posted_sha256 == stored.sha256:
        return video, False
    if video.file_key or video.source_url:
        raise Conflict(f"Video {video_id} is known with another file; use another video_id.")
    video.file_key, video.mime, video.n_bytes = stored.key, kind.mime, stored.bytes
    video.sha256 = video.posted_sha256 = stored.sha256
    video.save(update_fields=["file_key", "mime", "n_bytes", "sha256", "posted_sha256"])
    announce(signals.video_added, video_id=video.pk)
    return video, True


def _check_url(url: str) -> None:
    """Refuse an address that will never be called; a name that is unknown today may come."""
    if len(url) > 2000:
        raise InvalidInput.on("url", "A video's address has at most 2000 characters.", "too_long")
    target = addresses.parse(url)
    try:
        addresses.resolve(target)
    except PeerUnavailable:
        return


def check_names(video_id: str, tags: Sequence[str]) -> None:
    """Refuse an id or tags that cannot be shown."""
    if not _NAME.fullmatch(video_id) or video_id != video_id.strip():
        raise InvalidInput.on(
            "video_id", "video_id has 1 to 200 characters, none of them control characters."
        )
    if len(tags) > MAX_TAGS or not all(_NAME.fullmatch(tag) for tag in tags):
        raise InvalidInput.on("tags", f"tags are at most {MAX_TAGS} short texts.")


class _Joined:
    """What was read already, followed by the rest."""

    def __init__(self, head: bytes, rest: Readable) -> None:
        self._head, self._rest = BytesIO(head), rest

    def read(self, size: int, /) -> bytes:
        """Return the next bytes."""
        return self._head.read(size) or self._rest.read(size)
