"""Secrets that the portal makes for itself at its first run and keeps in the data folder."""

import base64
import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

SHORTEST_KEY = 40


def private_folder(path: Path) -> Path:
    """Make `path` readable by its owner alone and return it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def secret_key(path: Path, given: str = "") -> str:
    """Return the operator's key, or the one kept at `path`, made at the first run."""
    key = given or _kept(path, secrets.token_urlsafe(64))
    if len(key) < SHORTEST_KEY or len(set(key)) < 5 or "insecure" in key.lower():
        raise ImproperlyConfigured(
            f"The secret key (SECRET_KEY, or the file {path.name}) is a placeholder: give at least "
            f"{SHORTEST_KEY} random characters, or remove it and let the portal make one."
        )
    return key


def field_key(path: Path, given: str = "") -> bytes:
    """Return the key that webhook secrets are encrypted with: 32 bytes in URL-safe base64."""
    fresh = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    key = (given or _kept(path, fresh)).encode()
    try:
        n_bytes = len(base64.urlsafe_b64decode(key))
    except ValueError:
        n_bytes = 0
    if n_bytes != 32:
        raise ImproperlyConfigured(
            f"FIELD_KEY (or the file {path.name}) must be 32 bytes in URL-safe base64."
        )
    return key


def _kept(path: Path, fresh: str) -> str:
    """Return what `path` holds, writing `fresh` there first if nobody has.

    The text is complete before the name exists (link, not open): of two processes that start at
    once, the second reads the key of the first and never half of it.
    """
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(fresh)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was first: its key counts
        finally:
            draft.unlink()
    return path.read_text().strip()
