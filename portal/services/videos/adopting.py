"""Clips that are somewhere already: a file in a folder of the operator's, an object in a bucket."""

from collections.abc import Sequence
from pathlib import Path

from django.db import transaction

from portal import signals
from portal.adapters import media, objectstores, places
from portal.errors import Conflict
from portal.models import Project, Video
from portal.models.videos import VideoState
from portal.services.videos.files import check_names, known_or_new
from portal.signals import announce


def adopt(*, project: Project, video_id: str, path: Path, tags: Sequence[str] = ()) -> Video:
    """Serve a file from where it is; the same again changes nothing.

    Raises InvalidInput for a path that may not be served, MediaRefused for what is no video by its
    content, Conflict where the video has another file.
    """
    check_names(video_id, tags)
    key = places.key_of(path)
    with places.path_of(key).open("rb") as file:
        kind = media.sniff(file.read(media.HEAD_BYTES))
        n_bytes = file.seek(0, 2)
    with transaction.atomic():
        found = known_or_new(project, video_id, "", tags)
        video = Video.objects.select_for_update().get(pk=found.pk)
        if video.file_key != key:
            if video.file_key or video.source_url:
                raise _other_file(video_id)
            video.file_key, video.mime, video.n_bytes = key, kind.mime, n_bytes
            video.save(update_fields=["file_key", "mime", "n_bytes"])
        _look_at(video)
    return video


def register_object(
    *, project: Project, video_id: str, address: str, tags: Sequence[str] = ()
) -> Video:
    """Make an object known by its s3:// address; the same again changes nothing.

    It is fetched once to be looked into; its bytes stay where they are.
    """
    check_names(video_id, tags)
    objectstores.check(address)
    with transaction.atomic():
        video = known_or_new(project, video_id, address, tags)
        if video.source_url != address:
            raise _other_file(video_id)
        _look_at(video)
    return video


def _look_at(video: Video) -> None:
    if video.state == VideoState.REGISTERED:
        announce(signals.video_added, video_id=video.pk)


def _other_file(video_id: str) -> Conflict:
    return Conflict(f"Video {video_id} is known with another file; use another video_id.")
