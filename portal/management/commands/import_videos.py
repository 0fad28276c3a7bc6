"""Take clips in: `manage.py import_videos DIR` or `manage.py import_videos manifest.jsonl`.

A folder's clips are named by their path in it without the ending. A manifest has a line a clip:
`{"video_id", "path" or "url", "tags"?}`, its paths relative to its own folder, its addresses
http(s):// or s3://.
"""

import os
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError

from portal.adapters import objectstores
from portal.errors import InvalidInput, PortalError
from portal.management.captionfiles import printable
from portal.management.progressbars import ProgressBar
from portal.management.projects import project_named
from portal.models import Project, Video
from portal.models.videos import VideoState
from portal.services import videos

SUFFIXES = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".ts", ".ogv")


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """One clip of a manifest."""

    video_id: str
    path: str = ""
    url: str = ""
    tags: list[str] = []


class Clip(msgspec.Struct):
    """One clip to take in, or why it is none."""

    place: str
    video_id: str = ""
    path: Path | None = None
    url: str = ""
    tags: list[str] = []
    problem: str = ""


class Command(BaseCommand):
    """Register clips, look into each, and say which are broken."""

    help = "Take clips in from a folder or a manifest; a rerun adds nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the source and how its files are kept."""
        parser.add_argument("source", type=Path, help="A folder, or a manifest (JSON Lines).")
        parser.add_argument("--project", default="", help="The project's short name.")
        parser.add_argument(
            "--copy",
            action="store_true",
            help="Keep copies. Without it files are served from where they are, which has to be "
            "under a folder that VIDEO_ROOTS names.",
        )
        parser.add_argument("--tag", action="append", default=[], help="For every clip.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Take each clip in and look into it."""
        self.copies, self.tags = options["copy"], options["tag"]
        project, source = (
            project_named(options["project"]),
            Path(os.path.abspath(options["source"])),
        )
        clips = list(_clips(source))
        bar, tally = ProgressBar(self.stderr, "Looking into clips", len(clips)), Counter[str]()
        for clip in clips:
            tally[self._taken(project, clip)] += 1
            bar.advance(1)
        bar.finish()
        self.stdout.write(
            f"{tally['added']} added, {tally['there']} there already, {tally['broken']} broken, "
            f"{tally['refused']} refused."
        )
        if tally["broken"] + tally["refused"]:
            raise CommandError("Some clips could not be taken; they are named above.", returncode=1)

    def _taken(self, project: Project, clip: Clip) -> str:
        """Take one clip in; return what became of it."""
        try:
            if clip.problem:
                raise InvalidInput(clip.problem)
            known = Video.objects.filter(project=project, video_id=clip.video_id)
            was_there = known.exclude(source_url="", file_key="").exists()
            video = self._stored(project, clip)
            videos.probe(video_id=video.pk)
            video.refresh_from_db()
        except (PortalError, OSError) as refused:
            self._say(clip, refused.detail if isinstance(refused, PortalError) else str(refused))
            return "refused"
        if video.state == VideoState.FAILED:
            self._say(clip, video.failure)
            return "broken"
        return "there" if was_there else "added"

    def _stored(self, project: Project, clip: Clip) -> Video:
        given: dict[str, Any] = {
            "project": project,
            "video_id": clip.video_id,
            "tags": [*clip.tags, *self.tags],
        }
        if clip.path is None:
            if objectstores.is_object(clip.url):
                return videos.register_object(address=clip.url, **given)
            return videos.register(source_url=clip.url, **given)
        if not self.copies:
            return videos.adopt(path=clip.path, **given)
        with clip.path.open("rb") as stream:
            return videos.upload(stream=stream, **given)

    def _say(self, clip: Clip, reason: str) -> None:
        self.stderr.write(f"{printable(clip.place)}: {printable(reason)}")


def _clips(source: Path) -> Iterator[Clip]:
    if source.is_dir():
        yield from _in_folder(source)
    elif source.is_file():
        yield from _in_manifest(source)
    else:
        raise CommandError(f"There is neither a folder nor a manifest {source}.")


def _in_folder(folder: Path) -> Iterator[Clip]:
    """Yield a folder's clips by name; links are named and not followed."""
    taken: dict[str, str] = {}
    for parent, folders, names in os.walk(folder):
        folders.sort()
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in [*links, *sorted(names)]:
            path = Path(parent, name)
            place = path.relative_to(folder).as_posix()
            if path.is_symlink():
                yield Clip(place, problem="This is a symbolic link, which is not followed.")
            elif path.suffix.lower() in SUFFIXES:
                video_id = place.removesuffix(path.suffix)
                twin = taken.setdefault(video_id, place)
                problem = "" if twin == place else f"{twin} has the same name."
                yield Clip(place, video_id, path, problem=problem)


def _in_manifest(manifest: Path) -> Iterator[Clip]:
    with manifest.open("rb") as lines:
        for number, raw in enumerate(lines, 1):
            content = (raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw).strip()
            if content:
                yield _read(content, f"line {number}", manifest.parent)


def _read(content: bytes, place: str, folder: Path) -> Clip:
    try:
        line = msgspec.json.decode(content, type=Line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as broken:
        return Clip(place, problem=f"{broken}.")
    if bool(line.path) == bool(line.url):
        return Clip(place, problem="Give either path or url.")
    if not line.path:
        return Clip(place, line.video_id, None, line.url, line.tags)
    path = folder / line.path  # an absolute path stays what it is
    if "\x00" in line.path or ".." in path.parts or _has_link(path, folder):
        return Clip(place, problem="A path holds neither `..` nor a symbolic link.")
    if not path.is_relative_to(folder):
        return Clip(place, problem="A path lies in the manifest's folder.")
    return Clip(place, line.video_id, path, "", line.tags)


def _has_link(path: Path, folder: Path) -> bool:
    steps = [path, *path.parents]
    return any(step.is_symlink() for step in steps if step != folder and folder in step.parents)
