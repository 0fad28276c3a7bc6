"""A retraining carried out by another backend: manifest → export → train → predict → post."""

import hashlib
import io
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from examples.captioner.callbacks import Reporter, Unwanted
from examples.captioner.runs import Run, Runs
from examples.captioner.settings import Project
from examples.label_studio_bridge import exports
from examples.label_studio_bridge.backends import Backend, BackendFailed
from examples.label_studio_bridge.configs import Config
from examples.portals import Json, Portal, Refused

LARGEST_MANIFEST = 256 * 2**20
TASKS_PER_CALL = 20
SECONDS_BETWEEN_SIGNS = 15.0  # of life, while the backend works; a heartbeat is 60 s
UNEXPECTED = (KeyError, TypeError, ValueError, AttributeError, OSError)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Way:
    """Where the backend is and how it is trained: auto, train, start or each."""

    url: str
    config: Config
    train_by: str = "auto"
    train_seconds: float = 3600.0


class Bridge:
    """Carries out runs, one at a time, as `examples.captioner.trainers.Trainer` does."""

    def __init__(self, projects: Sequence[Project], runs: Runs, way: Way) -> None:
        self._projects = {project.project: project for project in projects}
        self._runs, self._way = runs, way

    def carry_out(self, run: Run) -> None:
        """Bring a run to its end; Unreachable (the portal) is raised, and the run stays."""
        project = self._projects[run.project]
        portal, way = Portal(project.portal, project.token), self._way
        name = str(run.request.get("project", run.project))
        backend = Backend(way.url, name, way.config, train_seconds=way.train_seconds)
        reporter = Reporter(self._runs, run, project.secret)
        try:
            reporter.deliver()
            if not reporter.last_word:
                self._hand_on(run, portal, backend, reporter)
            self._close(run, reporter.last_word)
        except Unwanted as reason:
            log.warning("Run %s is no longer wanted: %s", run.run_id, reason)
            self._close(run, "abandoned")
        except (BackendFailed, Refused, *UNEXPECTED) as failure:
            log.error("Run %s failed: %r", run.run_id, failure)
            self._give_up(run, reporter, failure)
        finally:
            portal.close()
            backend.close()

    def _hand_on(self, run: Run, portal: Portal, backend: Backend, reporter: Reporter) -> None:
        reporter.say("accepted")
        tasks = [exports.annotated(line, self._way.config) for line in _manifest(run, portal)]
        self._keep(run, tasks)
        reporter.say("running", progress=0.1)
        made = self._waited(reporter, 0.1, lambda: backend.train(tasks, self._way.train_by))
        run.version = run.version or f"label-studio-{made[:60] or 'model'}-{run.run_id[:8]}"
        self._runs.save(run)
        counts = self._predict(run, portal, backend, reporter, made)
        model = {"name": "label-studio", "version": run.version}
        reporter.say("succeeded", progress=1.0, metrics=counts, model=model)

    def _predict(
        self, run: Run, portal: Portal, backend: Backend, reporter: Reporter, made: str
    ) -> Json:
        """Have every clip of the project predicted, and post what comes."""
        n_posted = n_silent = n_refused = 0
        reporter.say("running", progress=0.5)
        wanted = (t for t in portal.pages("/tasks", {"page_size": "200"}) if _has_clip(t))
        for tasks in _batched(wanted, TASKS_PER_CALL):
            asked = [exports.asked(task, self._way.config) for task in tasks]
            said = self._waited(reporter, 0.5, lambda asked=asked: backend.predict(asked, made))
            rows = [
                exports.row(task, one, self._way.config, run.version)
                for task, one in zip(tasks, said, strict=True)
            ]
            posted = [row for row in rows if row is not None]
            errors = portal.post_lines("/predictions/bulk", posted)["errors"] if posted else []
            n_silent += len(rows) - len(posted)
            n_refused += len(errors)
            n_posted += len(posted) - len(errors)
        if not n_posted:
            raise BackendFailed("The backend predicted no caption for any clip.")
        return {"n_predictions": n_posted, "n_without_caption": n_silent, "n_refused": n_refused}

    def _waited(self, reporter: Reporter, progress: float, work: Callable[[], Any]) -> Any:
        """Do slow work on another thread, with signs of life to the portal meanwhile."""
        began = time.monotonic()
        with ThreadPoolExecutor(1) as hand:
            outcome: Future[Any] = hand.submit(work)
            while True:
                try:
                    return outcome.result(SECONDS_BETWEEN_SIGNS)
                except TimeoutError:
                    if outcome.done():
                        raise
                    seconds = round(time.monotonic() - began)
                    reporter.say("running", progress=progress, metrics={"seconds": seconds})

    def _keep(self, run: Run, tasks: Sequence[Json]) -> None:
        """Leave the export beside the run: a backend that reads files finds it there."""
        path = self._export(run)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(tasks, ensure_ascii=False), encoding="utf-8")
        partial.replace(path)

    def _export(self, run: Run) -> Path:
        return self._runs.folder(run.run_id) / "label-studio.json"

    def _give_up(self, run: Run, reporter: Reporter, failure: Exception) -> None:
        code = "backend_failed" if isinstance(failure, BackendFailed) else "bridge_failed"
        try:
            reporter.say("failed", error={"code": code, "message": str(failure)[:400] or code})
        except Unwanted:
            log.warning("Run %s is no longer wanted.", run.run_id)
        self._close(run, "failed")

    def _close(self, run: Run, status: str) -> None:
        run.status = status or "failed"
        self._runs.save(run)


def _manifest(run: Run, portal: Portal) -> list[Json]:
    """Fetch the batch, checked against the hash that the webhook named."""
    named, content = run.request["manifest"], io.BytesIO()
    portal.download(named["url"], content, LARGEST_MANIFEST)
    if hashlib.sha256(content.getvalue()).hexdigest() != named["sha256"]:
        raise ValueError("The manifest is not the one that the webhook named.")
    return [json.loads(line) for line in content.getvalue().splitlines()]


def _has_clip(task: Json) -> bool:
    return bool(task["video"].get("media_url"))


def _batched(rows: Iterator[Json], n: int) -> Iterator[list[Json]]:
    while batch := list(islice(rows, n)):
        yield batch
