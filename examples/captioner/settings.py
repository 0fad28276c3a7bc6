"""What the captioner is told from outside: its projects, its folder, its port.

One project by environment (PORTAL_URL, PORTAL_TOKEN, WEBHOOK_SECRET), or several by a JSON file
(CONFIG): `[{"project", "token", "secret", "endpoint", "portal"?}]`. The file holds secrets: 0600.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_PORTAL = "http://127.0.0.1:8000"
DEFAULT_FOLDER = "captioner-data"
DEFAULT_PORT = 8765
KNOWN = frozenset({"project", "token", "secret", "endpoint", "portal"})


class Misconfigured(Exception):
    """A setting is missing or cannot be read; the message says which and where."""


@dataclass(frozen=True)
class Project:
    """One project that this trainer serves; endpoint is the webhook's id, for the reader only."""

    project: str
    portal: str
    token: str
    secret: str
    endpoint: str = ""


@dataclass(frozen=True)
class Settings:
    """All of it."""

    projects: tuple[Project, ...]
    folder: Path
    port: int


def load(environment: Mapping[str, str]) -> Settings:
    """Read the settings from an environment, and from the file that it names.

    Raises Misconfigured.
    """
    portal = environment.get("PORTAL_URL", DEFAULT_PORTAL)
    folder = Path(environment.get("DATA", DEFAULT_FOLDER))
    port = environment.get("PORT", str(DEFAULT_PORT))
    if not port.isdecimal() or int(port) > 65535:
        raise Misconfigured(f"PORT must be a number up to 65535, not {port!r}.")
    if "CONFIG" in environment:
        projects = _from_file(Path(environment["CONFIG"]), portal)
    else:
        projects = (_from_environment(environment, portal),)
    return Settings(projects=projects, folder=folder, port=int(port))


def _from_environment(environment: Mapping[str, str], portal: str) -> Project:
    if not environment.get("PORTAL_TOKEN"):
        raise Misconfigured("Set PORTAL_TOKEN (and WEBHOOK_SECRET), or CONFIG=file.json.")
    return Project(
        project=environment.get("PROJECT", "default"),
        portal=portal,
        token=environment["PORTAL_TOKEN"],
        secret=environment.get("WEBHOOK_SECRET", ""),
    )


def _from_file(path: Path, portal: str) -> tuple[Project, ...]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(rows, list) or not rows:
        raise Misconfigured(f"{path} must hold a list of projects.")
    projects = tuple(_project(row, portal, f"{path}, entry {n}") for n, row in enumerate(rows))
    if len({project.project for project in projects}) < len(projects):
        raise Misconfigured(f"{path} names a project twice.")
    return projects


def _project(row: object, portal: str, where: str) -> Project:
    if not isinstance(row, dict) or not {"project", "token", "secret"} <= row.keys() <= KNOWN:
        raise Misconfigured(f"{where}: needs project, token, secret; may have endpoint, portal.")
    return Project(**{"portal": portal, **row})
