"""A retraining, step by step: manifest → labels → model → predictions → succeeded.

Every step can be taken twice: after a crash a run is simply carried out again, and what has been
fetched, trained or said already is found on disk.
"""

import hashlib
import io
import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from examples.captioner import captioners, predictions, targets
from examples.captioner.callbacks import Reporter, Unwanted
from examples.captioner.captioners import Captioner, Label
from examples.captioner.features import N_FEATURES
from examples.captioner.pictures import Pictures, Place, read_lines
from examples.captioner.runs import Run, Runs
from examples.captioner.settings import Project
from examples.portals import Json, Portal, Refused

MODEL_NAME = "captioner"
LARGEST_MANIFEST = 256 * 2**20
LONGEST_REASON = 500
SECONDS_BETWEEN_SIGNS = 15.0  # of life, while clips are looked at; a heartbeat is 60 s
BROKEN = (
    AttributeError,
    KeyError,
    TypeError,
    ValueError,
    OSError,
)  # data not as agreed, or the disk
RENEWABLE = frozenset({401, 403, 404, 410})  # answers to a link that has expired

log = logging.getLogger(__name__)


class Failed(Exception):
    """The run cannot succeed; code and message go to the portal."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Trainer:
    """Carries out the runs of all projects, one at a time."""

    def __init__(self, folder: Path, projects: Sequence[Project], runs: Runs) -> None:
        self._projects = {project.project: project for project in projects}
        self._pictures, self._runs = Pictures(folder), runs

    def carry_out(self, run: Run) -> None:
        """Bring a run to its end; Unreachable is raised, and the run stays as it is."""
        project = self._projects[run.project]
        portal = Portal(project.portal, project.token)
        reporter = Reporter(self._runs, run, project.secret)
        try:
            reporter.deliver()
            if reporter.last_word:
                self._close(run, reporter.last_word)
            else:
                self._train(run, portal, reporter)
        except Unwanted as reason:
            log.warning("Run %s is no longer wanted: %s", run.run_id, reason)
            self._close(run, "abandoned")
        except (Failed, Refused, *BROKEN) as failure:
            log.error("Run %s failed: %r", run.run_id, failure)
            self._give_up(run, reporter, failure)
        finally:
            portal.close()

    def _train(self, run: Run, portal: Portal, reporter: Reporter) -> None:
        reporter.say("accepted")
        run.version = run.version or self._next_version(run, portal)
        self._runs.save(run)
        self._fetch_manifest(run, portal)
        reporter.say("running", progress=0.2)
        found = targets.find(portal, self._pictures)
        seen = self._look(found, portal, reporter)
        reporter.say("running", progress=0.5)
        model, sha256, metrics = self._fit(run, portal, found)
        reporter.say("running", progress=0.8)
        report = _post(portal, model, run.version, found, seen)
        metrics |= {"n_predictions": report["n_posted"], "n_refused": report["n_refused"]}
        made = {"name": MODEL_NAME, "version": run.version, "sha256": sha256}
        reporter.say("succeeded", progress=1.0, metrics=metrics, model=made)
        self._close(run, "succeeded")
        log.info("Run %s made %s from %d labels.", run.run_id, run.version, metrics["n_labels"])

    def _look(
        self, found: Sequence[targets.Target], portal: Portal, reporter: Reporter
    ) -> list[np.ndarray | None]:
        """Return the features of clips, with a sign of life where that takes long."""
        seen, spoken = [], time.monotonic()
        for number, target in enumerate(found):
            seen.append(target.features(self._pictures, portal))
            if time.monotonic() - spoken > SECONDS_BETWEEN_SIGNS:
                reporter.say("running", progress=round(0.2 + 0.3 * number / len(found), 3))
                spoken = time.monotonic()
        return seen

    def _next_version(self, run: Run, portal: Portal) -> str:
        """Name the new version: one higher than any that the portal or an earlier run knows."""
        known = {earlier.version for earlier in self._runs.of(run.project)}
        known |= {_version_name(row) for row in portal.pages("/versions")}
        known |= {str(run.request["base_model"]["version"])}
        numbers = [name.removeprefix(f"{MODEL_NAME}-v") for name in known]
        highest = max((int(number) for number in numbers if number.isdecimal()), default=1)
        return f"{MODEL_NAME}-v{highest + 1}"

    def _fetch_manifest(self, run: Run, portal: Portal) -> None:
        """Put the run's manifest on disk, checked against the hash that the webhook named."""
        path = self._manifest(run)
        if path.exists():
            return
        named = run.request["manifest"]
        content = io.BytesIO()
        try:
            portal.download(named["url"], content, LARGEST_MANIFEST)
            manifest = content.getvalue()
        except Refused as refusal:
            if refusal.status not in RENEWABLE:
                raise
            manifest = portal.download_resource(f"/retraining/{run.run_id}/manifest")
        found = hashlib.sha256(manifest).hexdigest()
        if found != named["sha256"]:
            raise Failed("manifest_mismatch", f"The manifest's SHA-256 is {found}, not as named.")
        partial = path.with_suffix(".partial")
        partial.write_bytes(manifest)
        partial.replace(path)

    def _manifest(self, run: Run) -> Path:
        return self._runs.folder(run.run_id) / "manifest.jsonl"

    def _fit(
        self, run: Run, portal: Portal, found: Sequence[targets.Target]
    ) -> tuple[Captioner, str, Json]:
        """Train on all labels so far, or find the model that an earlier attempt has trained."""
        path = self._runs.folder(run.run_id) / "model.npz"
        began = time.perf_counter()
        labels = self._labels(run, portal, found)
        if not path.exists():
            if not labels:
                raise Failed("nothing_to_learn", "The manifest holds no caption.")
            captioners.train(labels, N_FEATURES, seed=run.number).save(path)
        metrics = {
            "n_labels": len(labels),
            "n_words": sum(len(label.caption.split()) for label in labels),
            "training_seconds": round(time.perf_counter() - began, 2),
        }
        return captioners.load(path), hashlib.sha256(path.read_bytes()).hexdigest(), metrics

    def _labels(self, run: Run, portal: Portal, found: Sequence[targets.Target]) -> list[Label]:
        """Collect the seed labels and every manifest up to this run's; the newest word counts.

        The seed labels are of rendered clips and teach nothing about other videos. A video that
        was erased since then teaches nothing any more.
        """
        shows_own = any(self._pictures.is_own(target.sha256) for target in found)
        labels = seed_labels(self._pictures) if shows_own else []
        held = {target.place.video_id for target in found}
        lines: dict[str, Json] = {}
        for earlier in self._runs.of(run.project):
            if earlier.number <= run.number:
                rows = read_lines(self._manifest(earlier))
                lines |= {str(row["task_id"]): row for row in rows}
        return labels + [
            self._label(line, portal)
            for line in lines.values()
            if line["video"].get("video_id", "") in held | {""}
        ]

    def _label(self, line: Json, portal: Portal) -> Label:
        video = line["video"]
        place = Place.of(line | {"video_id": ""})
        sha256, link = str(video.get("sha256") or ""), str(video.get("url") or "")
        seen = self._pictures.features(sha256, place, portal, link)
        return Label(seen, str(line["caption"]), float(line.get("weight") or 1.0))

    def _give_up(self, run: Run, reporter: Reporter, failure: Exception) -> None:
        code = getattr(failure, "code", "") or "trainer_error"
        try:
            reason = " ".join(str(failure).split())[:LONGEST_REASON]
            reporter.say("failed", error={"code": code, "message": reason})
            self._close(run, "failed")
        except (Unwanted, Refused):
            self._close(run, "abandoned")

    def _close(self, run: Run, status: str) -> None:
        run.status = status
        self._runs.save(run)


def seed_labels(pictures: Pictures) -> list[Label]:
    """Return the labels that the first model starts from."""
    files = {Place.of(row): str(row["sha256"]) for row in pictures.catalogue}
    return [
        Label(pictures.features(files[place], place), str(row["caption"]))
        for row in read_lines(pictures.folder / "seed.jsonl")
        for place in (Place.of(row),)
    ]


def _post(
    portal: Portal,
    model: Captioner,
    version: str,
    found: Sequence[targets.Target],
    seen: Sequence[np.ndarray | None],
) -> dict[str, Any]:
    """Post predictions for all clips; what the portal refuses is counted, unless it is all."""
    places = [target.place for target in found]
    rows = predictions.predict(model, version, places, seen, [target.tags for target in found])
    errors = portal.post_lines("/predictions/bulk", rows)["errors"]
    if rows and len(errors) == len(rows):
        raise Failed("predictions_refused", json.dumps(errors[0], ensure_ascii=False)[:500])
    return {"n_posted": len(rows) - len(errors), "n_refused": len(errors)}


def _version_name(row: Json) -> str:
    return str(row.get("name") or row.get("model_version") or row.get("version") or "")
