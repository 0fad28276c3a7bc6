"""Where files live: a local folder behind the seam that an object store can fill later.

A key is ours and random, never a name from data, and not the content's hash either: erasing one
video must not take the bytes of another project's twin with it. A file is visible under its key
whole and on disk, or not at all.
"""

import errno
import hashlib
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, Self

from django.conf import settings

from portal.adapters import objectstores, places
from portal.errors import DiskFull, InvalidInput, NotFound, TooLarge

CHUNK = 256 * 1024
INCOMING = ".incoming"

_SUFFIX = re.compile(r"(\.[a-z0-9]{1,10}){0,2}")
_KEY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{32}(\.[a-z0-9]{1,10}){0,2}")
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Stored:
    """A file that is on disk under its key."""

    key: str
    sha256: str
    bytes: int


class Readable(Protocol):
    """Anything that gives its next bytes."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""


class LocalStore:
    """A folder, readable by its owner alone."""

    def __init__(self, root: Path) -> None:
        self._root = Path(root)
        self._incoming = self._root / INCOMING

    def put(
        self,
        stream: Readable,
        *,
        suffix: str,
        max_bytes: int,
        expected_bytes: int | None = None,
        expected_sha256: str | None = None,
    ) -> Stored:
        """Keep a stream under a new key.

        Raises TooLarge, DiskFull, or InvalidInput on an empty file and on one that is not what
        was declared; nothing stays in any of these.
        """
        with self.incoming(suffix=suffix, max_bytes=max_bytes) as sink:
            while piece := stream.read(CHUNK):
                sink.write(piece)
            return sink.keep(expected_bytes=expected_bytes, expected_sha256=expected_sha256)

    @contextmanager
    def incoming(self, *, suffix: str, max_bytes: int) -> Iterator["Incoming"]:
        """Open a file to be written; what was not kept when the block ends is gone."""
        if not _SUFFIX.fullmatch(suffix):
            raise ValueError(f"A suffix is .letters, chosen by the portal, not {suffix!r}.")
        with full_disk_is_said():
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._incoming.mkdir(mode=0o700, exist_ok=True)
            sink = Incoming(self._root, self._incoming, suffix, max_bytes)
        with sink:
            yield sink

    def path(self, key: str) -> Path:
        """Return where a key's file is (or would be); raise ValueError on no key of ours.

        A file in place is checked each time: InvalidInput where it may not be served any more.
        """
        if places.is_in_place(key):
            return places.path_of(key)
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is not a key of this store.")
        return self._root / key

    def open(self, key: str) -> BinaryIO:
        """Open a stored file for reading; a symbolic link in its place is not followed.

        Raises NotFound, for an object in a bucket too: its bytes are not here.
        """
        if objectstores.is_object(key):
            raise NotFound("The file is in an object store.")
        try:
            return os.fdopen(os.open(self.path(key), os.O_RDONLY | os.O_NOFOLLOW), "rb")
        except (OSError, InvalidInput) as missing:
            raise NotFound("The file is not in the store.") from missing

    def delete(self, key: str) -> None:
        """Remove a file of ours; one that is gone already is fine, others' files stay."""
        if not (places.is_in_place(key) or objectstores.is_object(key)):
            self.path(key).unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """Return the room left for new files."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return shutil.disk_usage(self._root).free

    def sweep_orphans(self, known_keys: Container[str], older_than_seconds: float) -> int:
        """Remove files that no row knows and half-written ones; return how many.

        Younger files stay: their row may be about to be committed.
        """
        limit, n_removed = time.time() - older_than_seconds, 0
        for path in self._files():
            key = path.relative_to(self._root).as_posix()
            if key not in known_keys and path.lstat().st_mtime < limit:
                path.unlink(missing_ok=True)
                n_removed += 1
        return n_removed

    def _files(self) -> Iterable[Path]:
        for folder in (path for path in self._root.glob("*") if _is_ours(path)):
            yield from (path for path in folder.iterdir() if not path.is_dir())


class Incoming:
    """A file on its way in: written, measured, hashed; kept once or forgotten."""

    def __init__(self, root: Path, folder: Path, suffix: str, max_bytes: int) -> None:
        self._root, self._suffix, self._max_bytes = root, suffix, max_bytes
        self._digest, self._n_bytes = hashlib.sha256(), 0
        descriptor, name = tempfile.mkstemp(suffix=suffix, dir=folder)  # 0600
        self._file, self.path = os.fdopen(descriptor, "wb"), Path(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # the flush of a file that is thrown away; its error is on its way
            self._file.close()
        self.path.unlink(missing_ok=True)

    def write(self, data: bytes, /) -> None:
        """Take the next bytes; raise TooLarge or DiskFull."""
        self._n_bytes += len(data)
        if self._n_bytes > self._max_bytes:
            raise TooLarge(f"The file has more than the {self._max_bytes} bytes allowed.")
        self._digest.update(data)
        with full_disk_is_said():
            self._file.write(data)

    def flush(self) -> None:
        """Let other processes see, under `path`, what was written so far."""
        with full_disk_is_said():
            self._file.flush()

    def keep(
        self, *, expected_bytes: int | None = None, expected_sha256: str | None = None
    ) -> Stored:
        """Check, put on disk and name the file; only now is it in the store."""
        sha256 = self._digest.hexdigest()
        self._check(sha256, expected_bytes, expected_sha256)
        name = secrets.token_hex(16)
        key = f"{name[:2]}/{name}{self._suffix}"
        target = self._root / key
        with full_disk_is_said():
            self._file.flush()
            os.fsync(self._file.fileno())
            target.parent.mkdir(mode=0o700, exist_ok=True)
            self.path.rename(target)
            _sync_folder(target.parent)
            _sync_folder(self._root)
        return Stored(key, sha256, self._n_bytes)

    def _check(self, sha256: str, expected_bytes: int | None, expected_sha256: str | None) -> None:
        if self._n_bytes == 0:
            raise InvalidInput.on("file", "The file is empty.", "empty")
        if expected_bytes is not None and expected_bytes != self._n_bytes:
            raise InvalidInput.on(
                "file",
                f"{expected_bytes} bytes were declared and {self._n_bytes} arrived; send it again.",
                "incomplete",
            )
        if expected_sha256 is not None and expected_sha256.lower() != sha256:
            raise InvalidInput.on(
                "sha256", "The file that arrived has another SHA-256; send it again.", "mismatch"
            )


def tag_of(key: str, file: BinaryIO) -> str:
    """Return what tells one content of a key from another; ours never get another."""
    if not places.is_in_place(key):
        return key.rpartition("/")[2][:32]
    state = os.fstat(file.fileno())
    said = f"{key}/{state.st_size}/{state.st_mtime_ns}"
    return hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def configured() -> LocalStore:
    """Return the store of this installation."""
    return LocalStore(settings.FILES_DIR)


@contextmanager
def full_disk_is_said() -> Iterator[None]:
    """Turn the system's 'no space left' into DiskFull; other failures pass."""
    try:
        yield
    except OSError as failure:
        if failure.errno in _FULL:
            raise DiskFull("There is no room left for the file; free some and repeat.") from failure
        raise


def _is_ours(path: Path) -> bool:
    is_named_by_us = path.name == INCOMING or re.fullmatch("[0-9a-f]{2}", path.name) is not None
    return is_named_by_us and path.is_dir() and not path.is_symlink()


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
