"""Retraining runs on disk: what was asked, how far it is, what was said about it.

A folder a run. Whatever has been accepted is written before it is acknowledged, so a trainer that
is killed goes on where it was: rows here are the truth, threads hold no state.
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from examples.portals import Json

FINISHED = frozenset({"succeeded", "failed", "abandoned"})
NEEDED = (
    ("manifest", "url"),
    ("manifest", "sha256"),
    ("callback", "url"),
    ("base_model", "version"),
)


@dataclass
class Run:
    """One retraining of one project. callbacks are those sent or still to be sent, in order."""

    run_id: str
    project: str
    number: int  # the run's place among all runs of this trainer
    request: Json
    version: str = ""
    status: str = "accepted"
    callbacks: list[Json] = field(default_factory=list)
    n_delivered: int = 0

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED


class Runs:
    """The folder of runs."""

    def __init__(self, folder: Path) -> None:
        self._runs = folder / "runs"
        self._lock = threading.Lock()
        self._runs.mkdir(parents=True, exist_ok=True)

    def accept(self, project: str, event: Json) -> Run | None:
        """Store what a webhook asks for; None where it asks for nothing, or asked before.

        A webhook that comes again names the same run, so the run is what it is known by: a mark
        beside it, that a crash could leave unwritten, is not needed. Raises KeyError or TypeError
        where something is missing that a run cannot do without.
        """
        if event.get("type") != "retraining.requested":
            return None
        request = event["data"]
        for part, name in NEEDED:
            request[part][name]
        run_id = str(request["run_id"])
        with self._lock:
            if (self.folder(run_id) / "run.json").exists():
                return None
            run = Run(run_id, project, number=1 + sum(1 for _ in self.all()), request=request)
            self.save(run)
            return run

    def folder(self, run_id: str) -> Path:
        """Return a run's folder; its name is ours, for the run's id comes from outside."""
        return self._runs / hashlib.sha256(run_id.encode()).hexdigest()[:32]

    def all(self) -> Iterator[Run]:
        """Go through all runs, in no order."""
        for path in self._runs.glob("*/run.json"):
            yield Run(**json.loads(path.read_text(encoding="utf-8")))

    def of(self, project: str) -> list[Run]:
        """Return a project's runs, the oldest first."""
        return sorted((run for run in self.all() if run.project == project), key=_age)

    def unfinished(self) -> list[Run]:
        """Return what is still owed, the oldest first."""
        return sorted((run for run in self.all() if not run.is_finished), key=_age)

    def save(self, run: Run) -> None:
        """Write a run down, all or nothing."""
        folder = self.folder(run.run_id)
        folder.mkdir(exist_ok=True)
        _write(folder / "run.json", json.dumps(asdict(run), ensure_ascii=False))


def _age(run: Run) -> int:
    return run.number


def _write(path: Path, text: str) -> None:
    """Write a file so that it survives the power being cut: temporary, fsync, rename."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
