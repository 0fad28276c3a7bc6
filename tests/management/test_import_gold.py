import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from portal.models import Task
from tests.factories import ProjectFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "gold.jsonl"
    path.write_text(json.dumps({"video_id": "clip-1", "references": ["a dog runs"]}) + "\n")
    return path


def test_a_file_is_imported_into_the_named_project(file, capsys):
    project = ProjectFactory(slug="dogs")
    call_command("import_gold", str(file), "--project", "dogs", "--dry-run")
    assert "1 clips would be new" in capsys.readouterr().out
    assert not Task.objects.exists()
    call_command("import_gold", str(file), "--project", "dogs")
    assert "1 clips new as gold" in capsys.readouterr().out
    assert Task.objects.get().project == project


def test_a_bad_line_is_named_and_the_command_fails(file, capsys):
    ProjectFactory(slug="dogs")
    file.write_text(file.read_text() + "nonsense\n")
    with pytest.raises(CommandError, match="the others stand"):
        call_command("import_gold", str(file), "--project", "dogs")
    assert "line 2:" in capsys.readouterr().err
    assert Task.objects.count() == 1


def test_an_unknown_project_or_file_is_refused_with_what_there_is(file):
    ProjectFactory(slug="dogs")
    with pytest.raises(CommandError, match="there are: dogs"):
        call_command("import_gold", str(file), "--project", "cats")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_gold", str(file) + "x", "--project", "dogs")
