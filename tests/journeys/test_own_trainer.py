"""docs/how-to/your-own-trainer.md, step by step as it is written, against an empty installation."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PAGE = ROOT / "docs" / "how-to" / "your-own-trainer.md"
END = """
for _ in $(seq 120); do
  STATE=$(call $API/retraining/$RUN | pick "['state']")
  case $STATE in succeeded|inconclusive|evaluating|"") break;; esac
  sleep 0.5
done
echo "STATE=$STATE"; call $API/retraining/$RUN; kill $!
"""


@pytest.fixture
def steps(free_port, tmp_path):
    """The page's own commands, on ports and in a folder of this test's."""
    text = PAGE.read_text()
    for port in ("8000", "8765"):
        text = text.replace(port, str(free_port()))
    text = text.replace("$PWD/my-portal", str(tmp_path / "my-portal"))
    text = text.replace(".venv/bin/python", sys.executable)
    return re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def environment():
    kept = {name: value for name, value in os.environ.items() if name not in ("DATA_DIR", "PORT")}
    kept.pop("DATABASE_URL", None)
    return kept | {"DJANGO_SETTINGS_MODULE": "labelportal.settings", "PYTHONWARNINGS": ""}


def test_the_page_leads_from_an_empty_portal_to_a_retrained_model(steps, environment, tmp_path):
    start, *rest = steps
    assert len(rest) == 4
    log = (tmp_path / "portal.log").open("wb")
    portal = subprocess.Popen(
        ["sh", "-ec", start.replace(sys.executable, f"exec {sys.executable}")],
        cwd=ROOT, env=environment, stdout=log, stderr=log,
    )  # fmt: skip
    try:
        url = re.search(r"http://127\.0\.0\.1:\d+", rest[0])[0]
        with httpx.Client(transport=httpx.HTTPTransport(retries=12)) as http:
            assert http.get(f"{url}/healthz", timeout=60).status_code == 200
        done = subprocess.run(
            ["bash", "-c", "\n".join(rest) + END],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
    finally:
        portal.terminate()
        portal.wait(40)
        log.close()
    said = done.stdout + done.stderr + (tmp_path / "portal.log").read_text()
    assert '"state":"delivered"' in done.stdout, said  # the ping
    assert re.search("STATE=(succeeded|inconclusive|evaluating)", done.stdout), said
    assert '"new_version":"minimal-' in done.stdout, said
