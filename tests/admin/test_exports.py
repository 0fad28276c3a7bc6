"""Exports in the console."""

import pytest
from django.urls import reverse

from portal.models import Consensus, Export
from portal.services import exports
from tests.factories import ConsensusFactory, ExportFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path) -> None:
    settings.FILES_DIR = tmp_path


def ordered(client, project, **answers) -> Export:
    answers = {"project": project.pk, "name": "all"} | answers
    page = client.post(reverse("admin:portal_export_add"), answers)
    assert page.status_code == 302
    export = Export.objects.first()
    exports.build(export_id=export.pk)
    export.refresh_from_db()
    return export


def test_an_export_keeps_what_was_asked_for(client, project):
    ConsensusFactory(task__project=project, confidence=0.9)
    export = ordered(
        client,
        project,
        format="msrvtt",
        min_confidence="0.5",
        statuses=["accepted"],
        shows_ids="on",
    )
    assert (export.format, export.state) == ("msrvtt", "ready")
    assert export.options == {"min_confidence": 0.5, "statuses": ["accepted"], "authors": "ids"}
    page = client.get(reverse("admin:portal_export_change", args=[export.pk])).text
    for said in ("min confidence: 0.5", "statuses: accepted", "segments: 1", "Download"):
        assert said in page


def test_what_cannot_be_asked_for_is_said_beside_its_field(client, project):
    answers = {"project": project.pk, "name": "x", "with_files": "on"}
    page = client.post(reverse("admin:portal_export_add"), answers)
    assert page.status_code == 400
    assert "Only a VideoFolder" in page.text


def test_two_exports_are_compared_and_captions_stay_text(client, project):
    consensus = ConsensusFactory(task__project=project, caption="a <b>dog</b>")
    before = ordered(client, project)
    Consensus.objects.filter(pk=consensus.pk).update(caption="a cat")
    after = ordered(client, project)
    url = reverse("admin:portal_export_compare", args=[after.pk])
    assert "Compare" in client.get(url).text
    page = client.get(url, {"since": before.pk}).text
    assert "1 changed" in " ".join(page.split())
    assert "a &lt;b&gt;dog&lt;/b&gt;" in page


def test_foreign_exports_are_neither_compared_nor_compared_with(client, project):
    foreign = ExportFactory(state="ready", file_key="x", sha256="0" * 64)
    ConsensusFactory(task__project=project)
    mine = ordered(client, project)
    assert client.get(reverse("admin:portal_export_compare", args=[foreign.pk])).status_code == 404
    url = reverse("admin:portal_export_compare", args=[mine.pk])
    assert foreign.name not in client.get(url, {"since": foreign.pk}).text
