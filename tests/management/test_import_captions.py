"""manage.py import_captions."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from portal.models import Annotation, GoldReference
from tests.factories import ProjectFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path) -> None:
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "captions.csv"
    path.write_text("video_id,caption,author\nv1,a dog,ana\nv1,a cat,ben\nv2,,ana\nv3,a cow,\x1b\n")
    return path


def ran(*arguments: object) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("import_captions", *map(str, arguments), stdout=out, stderr=err, no_color=True)
    return out.getvalue().strip(), err.getvalue()


def test_a_table_is_tried_and_then_taken_in_once(table):
    ProjectFactory(slug="clips", evaluation_share=0.0)
    asked = [table, "--format", "csv", "--as", "annotations", "--project", "clips"]
    out, err = ran(*asked, "--dry-run")
    assert out == "2 would be added, 0 there already, 0 skips and drafts, 2 refused."
    assert "line 4: The caption is empty." in err
    assert "\x1b" not in err
    assert not Annotation.objects.exists()
    assert ran(*asked)[0].startswith("2 added")
    assert ran(*asked)[0].startswith("0 added, 2 there already")


def test_references_go_to_the_default_project(table):
    ProjectFactory(slug="default", evaluation_share=0.0)
    assert ran(table, "--format", "csv", "--as", "references")[0].startswith("3 added")
    assert GoldReference.objects.filter(task__project__slug="default").count() == 3


def test_what_cannot_be_taken_is_said_in_a_sentence(table, tmp_path):
    for arguments, said in (
        ([table, "--format", "csv"], "--as"),
        ([table, "--format", "coco", "--as", "references"], "JSON"),
        ([table, "--format", "csv", "--as", "predictions"], "model_version"),
        ([table, "--format", "csv", "--as", "references", "--project", "x"], "no project 'x'"),
        ([table, "--format", "csv", "--as", "references", "--prefix", "x"], "FROM=TO"),
        ([tmp_path / "none.csv", "--format", "csv", "--as", "references"], "cannot be read"),
    ):
        with pytest.raises(CommandError, match=said):
            ran(*arguments)
