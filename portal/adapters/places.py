"""Files that stay where they are: under a folder that the operator names, never outside of it.

Their keys are `in-place:/absolute/path`. Each use checks again: the folder may have been taken off
the list, and a file may have become a symbolic link since.
"""

import os
import stat
from pathlib import Path

from django.conf import settings

from portal.errors import InvalidInput

IN_PLACE = "in-place:"
KEY_CHARACTERS = 1000


def key_of(path: Path) -> str:
    """Return the key of a file that is served from where it is.

    Raises InvalidInput for a path outside of the folders in VIDEO_ROOTS, one with `..` or a
    symbolic link in it, and whatever is no plain file.
    """
    key = f"{IN_PLACE}{_checked(path)}"
    if len(key) > KEY_CHARACTERS:
        raise InvalidInput.on("path", f"A path has at most {KEY_CHARACTERS} characters.")
    return key


def is_in_place(key: str) -> bool:
    """Whether a key is one of these."""
    return key.startswith(IN_PLACE)


def path_of(key: str) -> Path:
    """Return where a key's file is; raise InvalidInput as `key_of` does."""
    return _checked(Path(key.removeprefix(IN_PLACE)))


def _checked(path: Path) -> Path:
    if not path.is_absolute() or ".." in path.parts:
        raise InvalidInput.on("path", "A file in place is named by a path without `..`.")
    root = _root_of(path)
    step = root
    for part in path.relative_to(root).parts:
        step /= part
        if step.is_symlink():
            raise InvalidInput.on("path", f"{step.name} is a symbolic link, which is not followed.")
    try:
        mode = os.lstat(path).st_mode
    except OSError as missing:
        raise InvalidInput.on("path", f"There is no file {path.name} there.") from missing
    if not stat.S_ISREG(mode):
        raise InvalidInput.on("path", f"{path.name} is no plain file.")
    return path


def _root_of(path: Path) -> Path:
    for root in map(Path, settings.VIDEO_ROOTS):
        if root.is_absolute() and path != root and path.is_relative_to(root):
            return root
    known = ", ".join(settings.VIDEO_ROOTS) or "none"
    raise InvalidInput.on(
        "path",
        f"Files are served in place only from the folders in VIDEO_ROOTS (now: {known}). Add the "
        "folder there, or copy the files.",
        "outside",
    )
