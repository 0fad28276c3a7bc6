"""The examples as programs: what they import, and what their commands do."""

import ast
import sys

import pytest

from examples.captioner import __main__ as captioner
from examples.captioner.pictures import Pictures
from tests.examples.portals import TOKEN
from tests.examples.test_trainers import ROOT

FILES = sorted((ROOT / "examples").rglob("*.py"))
ALLOWED = {"examples", "numpy", "av", "httpx", "standardwebhooks"} | set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_example_imports_nothing_of_the_portal_and_little_else(path):
    tree = ast.parse(path.read_text())
    names = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
        )
    }

    assert names <= ALLOWED


def test_the_captioner_itself_knows_nothing_of_the_truth():
    for path in (ROOT / "examples" / "captioner").glob("*.py"):
        text = path.read_text()
        assert "truth.jsonl" not in text or path.name == "__main__.py", path
        assert "examples.shapes" not in text or path.name == "__main__.py", path


def test_render_then_seed_from_the_shell(portal, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "captioner"
    arguments = ["render", str(folder), "--clips", "3", "--seed-labels", "4", "--seed", "2"]
    monkeypatch.setenv("PORTAL_URL", portal.url)
    monkeypatch.setenv("PORTAL_TOKEN", TOKEN)

    assert captioner.main(arguments) == 0
    assert captioner.main(["seed", "--data", str(folder)]) == 0
    assert len(portal.predictions) == 3
    assert "posted 3 predictions of captioner-v1" in capsys.readouterr().out
    assert len(Pictures(folder).catalogue) == 7


def test_a_portal_that_refuses_the_token_ends_the_command_with_its_words(
    portal, folder, monkeypatch, capsys
):
    monkeypatch.setenv("PORTAL_URL", portal.url)
    monkeypatch.setenv("PORTAL_TOKEN", "another")

    assert captioner.main(["seed", "--data", str(folder)]) == 1
    assert "401" in capsys.readouterr().err


def test_serving_without_a_secret_is_refused(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PORTAL_TOKEN", TOKEN)
    monkeypatch.delenv("WEBHOOK_SECRET", raising=False)

    assert captioner.main(["serve", "--data", str(tmp_path)]) == 1
    assert "secret" in capsys.readouterr().err


def test_a_project_that_is_not_in_the_settings_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PORTAL_TOKEN", TOKEN)

    assert captioner.main(["seed", "--project", "nowhere", "--data", str(tmp_path)]) == 1
    assert "nowhere" in capsys.readouterr().err
