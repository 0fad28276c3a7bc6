"""What the captioner is told from outside."""

import json

import pytest

from examples.captioner import settings
from examples.captioner.settings import Misconfigured


def test_one_project_comes_from_the_environment(tmp_path):
    told = settings.load(
        {
            "PORTAL_URL": "http://portal.test",
            "PORTAL_TOKEN": "t",
            "WEBHOOK_SECRET": "s",
            "DATA": str(tmp_path),
            "PORT": "99",
        }
    )

    assert told.projects == (settings.Project("default", "http://portal.test", "t", "s"),)
    assert (told.folder, told.port) == (tmp_path, 99)


def test_several_projects_come_from_a_file(tmp_path):
    path = tmp_path / "projects.json"
    rows = [
        {"project": "one", "token": "a", "secret": "b", "endpoint": "e"},
        {"project": "two", "token": "c", "secret": "d", "portal": "http://other.test"},
    ]
    path.write_text(json.dumps(rows))
    told = settings.load({"CONFIG": str(path), "PORTAL_URL": "http://portal.test"})

    assert [one.portal for one in told.projects] == ["http://portal.test", "http://other.test"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "{}",
        "[]",
        "[1]",
        '[{"project": "a"}]',
        '[{"project": "a", "token": "t", "secret": "s", "surprise": 1}]',
        json.dumps([{"project": "a", "token": "t", "secret": "s"}] * 2),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, content):
    path = tmp_path / "projects.json"
    path.write_text(content)

    with pytest.raises(Misconfigured, match=r"projects\.json"):
        settings.load({"CONFIG": str(path)})


@pytest.mark.parametrize("port", ["x", "-1", "65536", "8.5"])
def test_a_port_must_be_a_port(port):
    with pytest.raises(Misconfigured, match="PORT"):
        settings.load({"PORTAL_TOKEN": "t", "PORT": port})


def test_without_a_token_nothing_begins():
    with pytest.raises(Misconfigured, match="PORTAL_TOKEN"):
        settings.load({})
