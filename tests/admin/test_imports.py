"""Imports in the console."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from portal import jobs
from portal.models import Annotation, Import
from tests.factories import ImportFactory

pytestmark = pytest.mark.django_db
LINES = b'{"video_id":"v1","caption":"<b>","annotator":"ana"}\n{"video_id":"<i>\\u0007"}\n'


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path) -> None:
    settings.FILES_DIR = tmp_path


def sent(client, project, raw=LINES, **answers):
    answers = {"project": project.pk, "format": "jsonl", "kind": "annotations"} | answers
    file = SimpleUploadedFile("captions.jsonl", raw)
    return client.post(reverse("admin:portal_import_add"), answers | {"file": file})


def test_a_file_is_sent_and_its_report_read(client, project):
    assert sent(client, project).status_code == 302
    row = Import.objects.get()
    assert row.requested_by.username == "mona"
    jobs.take_in(row.pk)
    page = client.get(reverse("admin:portal_import_change", args=[row.pk])).text
    assert "line 2" in page
    assert "2 of 2" in page
    assert Annotation.objects.get().text == "<b>"


def test_what_is_left_open_is_asked_beside_its_field(client, project):
    for answers, said in (
        ({"kind": ""}, "required"),
        ({"raw": b'{"video_id":"v1","caption":"a"}'}, "without an author"),
        ({"raw": b"\x80\x04x"}, "a pickle"),
        ({"prefixes": "x"}, "FROM=TO"),
    ):
        page = sent(client, project, **answers)
        assert page.status_code == 400
        assert said in page.text
    assert not Import.objects.exists()


def test_the_form_takes_a_file_and_tries_first(client, project):
    page = client.get(reverse("admin:portal_import_add")).text
    assert 'enctype="multipart/form-data"' in page
    sent(client, project, is_dry_run="on")
    assert Import.objects.get().is_dry_run


def test_foreign_imports_are_not_there(client, project):
    foreign = ImportFactory(name="theirs.csv")
    assert client.get(reverse("admin:portal_import_change", args=[foreign.pk])).status_code == 404
    assert "theirs.csv" not in client.get(reverse("admin:portal_import_changelist")).text
