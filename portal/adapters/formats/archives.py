"""Zip files out, the same bytes for the same content; and in, never opening a path of theirs.

Members are read in memory under names that are data: a name that climbs out, a symbolic link, or
an archive that unpacks out of all proportion is refused whole.
"""

import zipfile
from collections.abc import Callable, Iterator
from typing import IO, cast
from urllib.parse import quote, unquote

from portal.adapters.formats.records import Malformed, Sink, Source

MOST_MEMBERS = 500_000
MEMBER_BYTES = 64 << 20
TOTAL_BYTES = 2 << 30
MOST_RATIO = 1000
MOST_NAME = 180
EPOCH = (1980, 1, 1, 0, 0, 0)
_LINK = 0o120000


class ZipOut:
    """A zip file being written to a sink that cannot seek."""

    def __init__(self, sink: Sink) -> None:
        self._zip = zipfile.ZipFile(cast(IO[bytes], _Stream(sink)), "w")

    def add(self, name: str, data: bytes) -> None:
        """Write one packed member."""
        info = zipfile.ZipInfo(name, EPOCH)
        info.external_attr = 0o600 << 16
        self._zip.writestr(info, data, zipfile.ZIP_DEFLATED, 1)

    def copy(self, name: str, source: IO[bytes], n_bytes: int) -> None:
        """Write one member as it is, piece by piece: clips do not pack."""
        info = zipfile.ZipInfo(name, EPOCH)
        info.external_attr = 0o600 << 16
        info.file_size = n_bytes
        with self._zip.open(info, "w", force_zip64=True) as member:
            while piece := source.read(256 * 1024):
                member.write(piece)

    def close(self) -> None:
        """Write the list of members."""
        self._zip.close()


class _Stream:
    """A sink as zipfile wants it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, data: bytes) -> int:
        self._sink.write(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Everything has been handed on."""


def members(
    source: Source, wanted: Callable[[str], bool] = lambda name: True
) -> Iterator[tuple[str, bytes]]:
    """Yield the wanted files' names and bytes.

    Raises Malformed on an archive that is not to be opened.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            _check_names(infos)
            infos = [info for info in infos if wanted(info.filename)]
            _check_sizes(infos)
            for info in infos:
                yield info.filename, _unpacked(archive, info)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as broken:
        raise Malformed.on("file", f"This zip file cannot be read: {broken}.") from broken


def _check_sizes(infos: list[zipfile.ZipInfo]) -> None:
    if sum(info.file_size for info in infos) > TOTAL_BYTES:
        raise Malformed.on("file", f"A zip file unpacks to at most {TOTAL_BYTES >> 30} GB.")


def _check_names(infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MOST_MEMBERS:
        raise Malformed.on("file", f"A zip file has at most {MOST_MEMBERS} members.")
    for info in infos:
        parts = info.filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or "\x00" in info.orig_filename:
            raise Malformed.on("file", "The zip file holds a name that climbs out of it.")
        if info.external_attr >> 16 & 0o170000 == _LINK:
            raise Malformed.on("file", "The zip file holds a symbolic link.")


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.file_size > MEMBER_BYTES or info.file_size > MOST_RATIO * info.compress_size + 1000:
        raise Malformed.on("file", "A member of the zip file unpacks out of all proportion.")
    with archive.open(info) as member:
        data = member.read(info.file_size + 1)
    if len(data) != info.file_size:
        raise Malformed.on("file", "A member of the zip file is not as long as it says.")
    return data


def member_name(video_id: str, number: int, suffix: str) -> str:
    """Return a name for a clip's member from which `video_id_of` gets its id back.

    A long id does not fit a file's name everywhere; then it is a number, and the archive's
    metadata says whose.
    """
    name = quote(video_id, safe="").replace("~", "%7E")
    if name.startswith("."):
        name = "%2E" + name[1:]
    return f"{name if len(name) <= MOST_NAME else f'clip-{number}'}{suffix}"


def video_id_of(name: str) -> str:
    """Return the id that a member is named for."""
    stem = name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0]
    return unquote(stem, errors="replace")
