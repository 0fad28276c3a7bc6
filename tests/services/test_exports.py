"""Exports: one snapshot, one file, said when it is ready."""

import hashlib
import json

import pytest
from django.conf import settings as portal_settings
from django.utils import timezone

from portal.adapters import signatures, stores
from portal.errors import InvalidInput
from portal.models import AuditEntry, Consensus, Event, Export
from portal.services import exports
from tests.factories import (
    ConsensusFactory,
    ExportFactory,
    PredictionFactory,
    ProjectFactory,
    VideoFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path) -> None:
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()


def built(project) -> Export:
    export = exports.request(project=project, name="all")
    exports.build(export_id=export.pk)
    export.refresh_from_db()
    return export


def content_of(export: Export) -> bytes:
    return stores.configured().path(export.file_key).read_bytes()


def lines_of(export: Export) -> list[dict]:
    return [json.loads(line) for line in content_of(export).splitlines()]


def n_files() -> int:
    return sum(path.is_file() for path in portal_settings.FILES_DIR.rglob("*"))


def test_an_export_holds_every_final_consensus_of_its_project_and_nothing_else():
    project = ProjectFactory()
    wanted = [ConsensusFactory(task__project=project).task_id for _ in range(3)]
    ConsensusFactory(task__project=project, status="disputed")
    ConsensusFactory(task__project=project, is_standing=False)
    ConsensusFactory(
        task__project=project, task__video=VideoFactory(project=project, state="erased")
    )
    ConsensusFactory()
    export = built(project)
    assert [line["task_id"] for line in lines_of(export)] == wanted
    assert (export.state, export.n_rows) == ("ready", 3)
    assert export.sha256 == hashlib.sha256(content_of(export)).hexdigest()
    assert export.n_bytes == len(content_of(export))


def test_a_line_says_what_stands_how_surely_and_what_the_model_said():
    project = ProjectFactory(language="ar")
    prediction = PredictionFactory(project=project, caption="كلب", uncertainty=0.4)
    ConsensusFactory(
        task__project=project,
        task__video=prediction.video,
        task__prediction=prediction,
        task__end_ms=1500,
        caption="قطة تجري",
        candidates=[{"caption": "قطة تجري"}, {"caption": "=HYPERLINK(1)"}],
        inputs={"votes": [{"vote": 1}, {"vote": 2}]},
        judge="offline",
        judge_confidence=0.7,
    )
    (line,) = lines_of(built(project))
    assert (line["caption"], line["language"]) == ("قطة تجري", "ar")
    assert line["references"] == ["قطة تجري", "=HYPERLINK(1)"]
    assert (line["start"], line["end"], line["split"]) == (0.0, 1.5, "train")
    assert (line["n_captions"], line["n_votes"]) == (2, 2)
    assert (line["model_caption"], line["uncertainty"]) == ("كلب", 0.4)
    assert (line["judge"], line["llm_confidence"]) == ("offline", 0.7)


def test_held_out_clips_are_marked_so_that_nobody_trains_on_them():
    project = ProjectFactory()
    held_out = VideoFactory(project=project, is_evaluation=True)
    ConsensusFactory(task__project=project, task__video=held_out)
    assert lines_of(built(project))[0]["split"] == "evaluation"


def test_building_twice_builds_once():
    project = ProjectFactory()
    ConsensusFactory(task__project=project)
    export = built(project)
    ConsensusFactory(task__project=project)
    exports.build(export_id=export.pk)
    assert Export.objects.get().sha256 == export.sha256
    assert n_files() == 1
    assert Event.objects.filter(type="export.ready").count() == 1


def test_a_build_that_died_is_done_again():
    project = ProjectFactory()
    ConsensusFactory(task__project=project)
    export = ExportFactory(project=project, state="building")
    exports.build(export_id=export.pk)
    export.refresh_from_db()
    assert export.state == "ready"


def test_of_two_builders_one_file_stays():
    project = ProjectFactory()
    ConsensusFactory(task__project=project)
    export = ExportFactory(project=project)
    first = Export.objects.get(pk=export.pk)
    exports.build(export_id=export.pk)
    assert not exports._finish(first, state="ready", file_key="ab/other", n_rows=9)
    assert Export.objects.get().n_rows == 1


def test_an_export_of_nothing_fails_and_says_so():
    export = built(ProjectFactory())
    assert (export.state, n_files()) == ("failed", 0)
    assert "settled" in export.failure
    assert not Export.objects.unbuilt().exists()


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x00", "x" * 121])
def test_a_name_that_cannot_be_shown_is_refused(name):
    with pytest.raises(InvalidInput) as refused:
        exports.request(project=ProjectFactory(), name=name)
    assert refused.value.errors[0]["field"] == "name"


def test_an_order_is_remembered():
    exports.request(project=ProjectFactory(), name="all")
    assert AuditEntry.objects.get().action == "export.requested"


def test_a_link_is_signed_for_its_own_file():
    export = ExportFactory()
    path, _, query = exports.link(export=export, base_url="").partition("?")
    given = dict(pair.split("=") for pair in query.split("&"))
    key = portal_settings.FIELD_KEY
    signatures.check_link(path, **given, key=key, now=timezone.now().timestamp())
    assert path == f"/api/v1/exports/{export.uid}/download"


def test_what_is_settled_while_an_export_streams_is_not_in_it(monkeypatch):
    project = ProjectFactory()
    ConsensusFactory.create_batch(3, task__project=project)
    monkeypatch.setattr(exports, "CHUNK", 1)
    line = exports._line

    def settle_meanwhile(*arguments):
        ConsensusFactory(task__project=project, caption="later")
        Consensus.objects.filter(project=project).update(caption="changed")
        return line(*arguments)

    monkeypatch.setattr(exports, "_line", settle_meanwhile)
    lines = lines_of(built(project))
    assert len(lines) == 3
    assert {line["caption"] for line in lines} == {"a blue square moves right"}
