"""The laws of the house: floors, types, style, templates and migrations, checked like any rule."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
BIN = Path(sys.executable).parent

pytestmark = pytest.mark.lint


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def assert_clean(result: subprocess.CompletedProcess[str]) -> None:
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]


def test_every_floor_sees_only_the_floors_below() -> None:
    assert_clean(run(str(BIN / "lint-imports"), "--no-cache"))


def test_the_code_is_clean() -> None:
    assert_clean(run(str(BIN / "ruff"), "check", "--no-cache", "."))


# Whatever opens a connection; urllib.parse and the names in urllib.error open none.
NETWORKING = re.compile(
    r"(socket|ssl|asyncio|http\.client|urllib\.request|urllib3|httpx|requests|aiohttp|ftplib|smtplib"
    r"|telnetlib|xmlrpc|paramiko|websockets?|pycurl)(\.|$)"
)
# They ask for this machine's name or for a port of its own.
NO_CALLS = {
    "portal/management/commands/worker.py",
    "portal/management/installations.py",
    "portal/management/processes.py",
}
OUTBOUND = {"portal/adapters/fetch.py", "portal/adapters/addresses.py", "portal/adapters/wires.py"}


def test_c28_one_module_calls_the_outside() -> None:
    found = {}
    for path in sorted((ROOT / "portal").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in filter(NETWORKING.match, names):
                found.setdefault(str(path.relative_to(ROOT)), set()).add(name)
    assert {place for place in found if place not in OUTBOUND} <= NO_CALLS, found


def test_the_types_hold() -> None:
    assert_clean(run(str(BIN / "mypy"), DJANGO_SETTINGS_MODULE="tests.settings"))


def test_templates_are_well_formed() -> None:
    assert_clean(run(str(BIN / "djlint"), "templates", "--lint", "--quiet"))


def test_models_and_migrations_agree() -> None:
    result = run(
        sys.executable,
        "manage.py",
        "makemigrations",
        "--check",
        "--dry-run",
        DJANGO_SETTINGS_MODULE="tests.settings",
    )
    assert_clean(result)


def test_a_public_installation_passes_djangos_own_security_check(tmp_path) -> None:
    result = run(
        sys.executable,
        "manage.py",
        "check",
        "--deploy",
        "--fail-level",
        "WARNING",
        DJANGO_SETTINGS_MODULE="labelportal.settings",
        PUBLIC_URL="https://captions.example.org",
        DATA_DIR=str(tmp_path),
        DJANGO_ALLOW_ASYNC_UNSAFE="",  # the tests' own; not a setting of installations
    )
    assert_clean(result)


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    """Absolute paths of home and work folders have no place in what others clone."""
    names = "|".join(("root", "home", "Users"))
    found = run("git", "grep", "-nE", f"(^|[\"' ])/({names})/[A-Za-z0-9._-]+", "--", ".")
    assert found.returncode == 1, found.stdout
