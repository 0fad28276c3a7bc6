"""A portal of one's own to measure: `manage.py portal` in a folder that is thrown away."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from examples.portals import Portal

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 120.0

# One caption settles a task, everything is worth a task, nothing is held out or drawn at random.
MAKE_PROJECT = """
from portal.services import members, projects
project = projects.create(
    slug={slug!r}, name={slug!r}, min_captions=1, max_captions=1, threshold=0.0, gold_first=0,
    uncertain_share=1.0, control_share=0.0, evaluation_share=0.0, audit_share=0.0,
    batch_size=1_000_000, registers_annotators=True,
)
scopes = ["read", "ingest", "annotate", "finalise"]
print("token:", members.issue_token(project=project, name="benchmark", scopes=scopes)[1])
"""


@dataclass(frozen=True)
class Installation:
    """A running portal: its address and the environment of its commands."""

    url: str
    environment: dict[str, str]

    def portal_of(self, slug: str) -> Portal:
        """Make a project in which one caption is enough, and a client for it."""
        told = self.manage("shell", "-v", "0", "-c", MAKE_PROJECT.format(slug=slug))
        token = next(line for line in told.splitlines() if line.startswith("token: "))
        return Portal(self.url, token.removeprefix("token: "))

    def manage(self, *words: str) -> str:
        """Run a command of the installation and return what it printed."""
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *words],
            env=self.environment, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip


@contextmanager
def running_portal(**settings: str) -> Iterator[Installation]:
    """Start a portal with these settings in its environment; stop it and remove its folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        environment = os.environ | {
            "DATA_DIR": folder, "PORT": str(port), "ENCODER": "none", "OMP_NUM_THREADS": "1",
        } | settings  # fmt: skip
        with (Path(folder) / "portal.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "portal"],
                env=environment, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            _wait(process, url, Path(folder) / "portal.log")
            yield Installation(url, environment)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def _wait(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{url}/healthz", trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise RuntimeError(f"The portal did not start: {log.read_text()[-2000:]}")
