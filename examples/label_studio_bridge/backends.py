"""The protocol of Label Studio's ML backends, from the side of Label Studio.

GET /health, POST /setup, POST /predict. Training: today's backends (label-studio-ml 2) take
`POST /webhook {"action": "START_TRAINING", …}` and train within the request; those of 1.0 take
`POST /train` and answer a job, and `GET /is_training` says how far it is. Which one it is shows in
/health: the old ones name their `model_dir`.
"""

import time
from collections.abc import Sequence
from typing import Any

import httpx

from examples.label_studio_bridge.configs import Config
from examples.portals import Json

TIMEOUT = httpx.Timeout(120.0, connect=5.0)
POLL_SECONDS = 1.0


class BackendFailed(Exception):
    """The backend refused, broke off, or answered what the protocol does not know."""


class Backend:
    """One ML backend, asked about one project; its address may carry user:password (Basic)."""

    def __init__(self, url: str, project: str, config: Config, *, train_seconds: float) -> None:
        self._http = httpx.Client(base_url=url.rstrip("/"), timeout=TIMEOUT, trust_env=False)
        self._config, self._train_seconds = config, train_seconds
        # Label Studio names a project by number and time of creation; backends cut at the dot.
        self._id, self._project = project, f"{project}.0"

    def close(self) -> None:
        self._http.close()

    def train(self, tasks: Sequence[Json], by: str = "auto") -> str:
        """Hand over annotated tasks and wait until the backend has learnt; return its version."""
        is_old = "model_dir" in self._healthy()
        self._setup()
        if by == "train" or (by == "auto" and is_old):
            self._train_by_job(tasks)
        else:
            self._train_by_webhook(tasks, one_by_one=by == "each")
        return self._setup()

    def predict(self, tasks: Sequence[Json], version: str) -> list[Any]:
        """Return one prediction a task, in their order."""
        body = {
            "tasks": list(tasks),
            "model_version": version,
            "project": self._project,
            "label_config": self._config.xml,
            "params": {"login": None, "password": None, "context": None},
        }
        results = self._call("POST", "/predict", body).get("results")
        if not isinstance(results, list) or len(results) != len(tasks):
            raise BackendFailed(f"/predict answered no {len(tasks)} results.")
        # Some backends answer a list of alternatives for each task: the first is the best.
        return [one[0] if isinstance(one, list) and one else one for one in results]

    def _healthy(self) -> Json:
        health = self._call("GET", "/health")
        if health.get("status") != "UP":
            raise BackendFailed(f"/health says {str(health.get('status'))[:40]}, not UP.")
        return health

    def _setup(self) -> str:
        body = {
            "project": self._project,
            "schema": self._config.xml,
            "hostname": "",
            "access_token": "",
        }
        return str(self._call("POST", "/setup", body).get("model_version") or "")

    def _train_by_webhook(self, tasks: Sequence[Json], *, one_by_one: bool) -> None:
        project = {"id": self._id, "label_config": self._config.xml, "title": self._id}
        for task in tasks if one_by_one else ():
            self._tell({"action": "ANNOTATION_CREATED", "project": project, "task": task,
                        "annotation": task["annotations"][0]})  # fmt: skip
        self._tell({"action": "START_TRAINING", "project": project, "annotations": list(tasks),
                    "label_config": self._config.xml})  # fmt: skip

    def _tell(self, event: Json) -> None:
        answer = self._call("POST", "/webhook", event, seconds=self._train_seconds)
        if answer.get("status") == "error":
            raise BackendFailed(f"Training failed: {str(answer.get('error'))[:300]}")

    def _train_by_job(self, tasks: Sequence[Json]) -> None:
        body = {
            "annotations": list(tasks),
            "project": self._project,
            "label_config": self._config.xml,
            "params": {"login": None, "password": None},
        }
        self._call("POST", "/train", body, seconds=self._train_seconds)
        until = time.monotonic() + self._train_seconds
        while self._is_training():
            if time.monotonic() > until:
                raise BackendFailed(f"Training did not end in {self._train_seconds:g} s.")
            time.sleep(POLL_SECONDS)

    def _is_training(self) -> bool:
        answer = self._call("GET", f"/is_training?project={self._project}")
        return bool(answer.get("is_training"))

    def _call(self, method: str, path: str, body: Json | None = None, seconds: float = 0) -> Json:
        timeout = httpx.Timeout(seconds, connect=5.0) if seconds else TIMEOUT
        try:
            answer = self._http.request(method, path, json=body, timeout=timeout)
        except httpx.TransportError as error:
            raise BackendFailed(f"{path.partition('?')[0]}: {type(error).__name__}.") from error
        if not answer.is_success:
            raise BackendFailed(f"{path.partition('?')[0]} answered {answer.status_code}.")
        try:
            found = answer.json()
        except ValueError as error:
            raise BackendFailed(f"{path.partition('?')[0]} answered no JSON.") from error
        return found if isinstance(found, dict) else {}
