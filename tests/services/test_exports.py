"""Exports: one snapshot, one file, said when it is ready."""

import hashlib
import json
from datetime import UTC, datetime
from io import BytesIO
from threading import Thread
from zipfile import ZipFile

import pytest
from django.conf import settings as portal_settings
from django.db import connection
from django.utils import timezone

from portal.adapters import signatures, stores
from portal.adapters.formats import FORMATS
from portal.adapters.snapshots import snapshot
from portal.errors import Conflict, InvalidInput
from portal.models import AuditEntry, Consensus, Event, Export
from portal.models.formats import FileFormat
from portal.services import exports
from portal.services.exports import Options, building
from portal.services.exports.options import chosen
from portal.services.exports.records import records_of
from tests.factories import (
    AnnotationFactory,
    ConsensusFactory,
    ExportFactory,
    GuidelineFactory,
    PredictionFactory,
    ProjectFactory,
    TaskFactory,
    VideoFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path) -> None:
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()


# Whether a clip goes to validation is drawn by the project's salt: one in ten would.
WITHOUT_VALIDATION = Options(validation_share=0.0)


def built(project, **asked) -> Export:
    export = exports.request(project=project, name="all", **asked)
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
    task = TaskFactory(project=project, video=prediction.video, prediction=prediction, end_ms=1500)
    for text in ("قطة تجري", "=HYPERLINK(1)"):
        AnnotationFactory(task=task, text=text)
    ConsensusFactory(
        task=task,
        caption="قطة تجري",
        inputs={"votes": [{"vote": 1}, {"vote": 2}]},
        judge="offline",
        judge_confidence=0.7,
    )
    (line,) = lines_of(built(project, options=WITHOUT_VALIDATION))
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
    assert lines_of(built(project))[0]["split"] == "test"


def test_building_twice_builds_once():
    project = ProjectFactory()
    ConsensusFactory(task__project=project)
    export = built(project)
    ConsensusFactory(task__project=project)
    exports.build(export_id=export.pk)
    assert Export.objects.get().sha256 == export.sha256
    assert n_files() == 2  # the file and its index
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
    assert not building._finish(first, state="ready", file_key="ab/other", n_rows=9)
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


@pytest.mark.django_db(transaction=True)
def test_b180_what_is_settled_while_an_export_is_made_is_not_in_it():
    project = ProjectFactory()
    task = ConsensusFactory(task__project=project).task
    AnnotationFactory(task=task, text="first")

    def settle_meanwhile():
        ConsensusFactory(task__project=project, caption="later")
        Consensus.objects.filter(project=project).update(caption="changed")
        AnnotationFactory(task=task, text="later")
        connection.close()

    with snapshot():
        assert chosen(project, Options()).count() == 1
        writer = Thread(target=settle_meanwhile)
        writer.start()
        writer.join()
        (record,) = records_of(project, Options())
    assert record.texts() == ["a blue square moves right", "first"]
    assert len(list(records_of(project, Options()))) == 2


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_made_and_read_again(name):
    project = ProjectFactory()
    prediction = PredictionFactory(project=project, uncertainty=0.25)
    for start_ms, end_ms in ((0, 1500), (1500, 0)):
        task = TaskFactory(
            project=project,
            video=prediction.video,
            prediction=prediction,
            start_ms=start_ms,
            end_ms=end_ms,
        )
        AnnotationFactory(task=task, text="a dog runs \u72d7", seconds=3.5)
        ConsensusFactory(task=task, caption="a dog runs \u72d7")
    export = built(project, format=name)
    with stores.configured().open(export.file_key) as file:
        found = list(FORMATS[name].read(file))
    assert [entry.problem for entry in found] == ["", ""]
    assert [(entry.record.start_ms, entry.record.end_ms) for entry in found] == [
        (0, 1500), (1500, 0),
    ]  # fmt: skip
    assert {text for entry in found for text in entry.record.texts()} == {"a dog runs \u72d7"}
    assert export.file_key.endswith(FORMATS[name].suffix)


def test_the_formats_of_rows_are_those_of_files():
    assert dict(FileFormat.choices) == {name: each.label for name, each in FORMATS.items()}


def test_withdrawn_rejected_and_erased_captions_stay_at_home():
    project = ProjectFactory()
    task = TaskFactory(project=project, n_wanted=4)
    standing = AnnotationFactory(task=task, text="standing")
    for state in ("withdrawn", "rejected", "erased"):
        AnnotationFactory(task=task, text=state, state=state)
        gone = AnnotationFactory(task__project=project, text="won and went", state=state)
        ConsensusFactory(task=gone.task, annotation=gone)
    ConsensusFactory(task=task, annotation=standing, caption="standing")
    (line,) = lines_of(built(project))
    assert line["references"] == ["standing"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"statuses": ["decided"]}, {"decided"}),
        ({"min_confidence": 0.95}, {"sure"}),
        ({"tags": ["night", "rain"]}, {"tagged"}),
        ({"since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"}, {"old"}),
        ({"model_version": "v7"}, {"by v7"}),
    ],
)
def test_a_filter_chooses(options, expected):
    project = ProjectFactory()
    one = {"task__project": project}
    ConsensusFactory(**one, caption="usual")
    ConsensusFactory(**one, caption="decided", status="decided")
    ConsensusFactory(**one, caption="sure", confidence=0.97)
    tagged = VideoFactory(project=project, tags=["night"])
    ConsensusFactory(**one, task__video=tagged, caption="tagged")
    old = ConsensusFactory(**one, caption="old")
    Consensus.objects.filter(pk=old.pk).update(created_at=datetime(2026, 1, 5, tzinfo=UTC))
    prediction = PredictionFactory(project=project, version__name="v7")
    ConsensusFactory(
        **one, task__video=prediction.video, task__prediction=prediction, caption="by v7"
    )
    export = built(project, options=Options.of(options))
    assert {line["caption"] for line in lines_of(export)} == expected
    assert Options.of(export.options) == Options.of(options)


def test_splits_stay_with_their_video_whatever_is_added():
    project = ProjectFactory(evaluation_salt="salt")
    for n in range(60):
        ConsensusFactory(task__project=project, task__video__video_id=f"clip-{n}")
    before = {line["video_id"]: line["split"] for line in lines_of(built(project))}
    for n in range(60, 90):
        ConsensusFactory(task__project=project, task__video__video_id=f"clip-{n}")
    after = {line["video_id"]: line["split"] for line in lines_of(built(project))}
    assert after == after | before
    assert set(after.values()) == {"train", "validation"}
    assert 2 <= list(after.values()).count("validation") <= 18


def test_counts_and_guideline_versions_are_kept_with_the_export():
    project = ProjectFactory()
    task = TaskFactory(project=project)
    AnnotationFactory(task=task, guideline=GuidelineFactory(project=project, number=3))
    AnnotationFactory(task=task)
    ConsensusFactory(task=task)
    export = built(project, options=WITHOUT_VALIDATION)
    assert export.guidelines == [3]
    assert export.counts == {"segments": 1, "videos": 1, "captions": 2, "train": 1}


def test_people_go_out_under_pseudonyms_that_stay_unless_ids_are_asked_for():
    project = ProjectFactory()
    annotation = AnnotationFactory(
        task__project=project, author__annotator_id="ana@example.org", author__project=project
    )
    ConsensusFactory(task=annotation.task)
    first, second = lines_of(built(project)), lines_of(built(project))
    assert first == second
    assert "ana" not in json.dumps(first)
    (line,) = lines_of(built(project, options=Options(authors="ids")))
    assert line["captions"][0]["annotator"] == "ana@example.org"


def test_clips_go_along_in_a_videofolder_each_once():
    project = ProjectFactory()
    stored = stores.configured().put(BytesIO(b"clip"), suffix=".mp4", max_bytes=9)
    video = VideoFactory(project=project, video_id="../a b", file_key=stored.key)
    for start_ms in (0, 2000):
        ConsensusFactory(task__project=project, task__video=video, task__start_ms=start_ms)
    ConsensusFactory(task__project=project)  # its clip has no bytes here
    export = built(
        project, format="videofolder", options=Options(with_files=True, validation_share=0.0)
    )
    with ZipFile(BytesIO(content_of(export))) as archive:
        clip, listed = archive.namelist()
        assert archive.read(clip) == b"clip"
        assert [json.loads(line)["file_name"] for line in archive.read(listed).splitlines()] == [
            "%2E.%2Fa%20b.mp4"
        ] * 2
    assert clip == "train/%2E.%2Fa%20b.mp4"


def test_only_a_videofolder_takes_files_along_and_only_known_formats_are_made():
    project = ProjectFactory()
    for wrong in ({"options": Options(with_files=True)}, {"format": "yaml"}):
        with pytest.raises(InvalidInput):
            exports.request(project=project, name="x", **wrong)


def test_a_diff_says_what_was_added_removed_and_changed():
    project = ProjectFactory()
    rows = [ConsensusFactory(task__project=project, caption=f"caption {n}") for n in range(4)]
    before = built(project)
    Consensus.objects.filter(pk=rows[0].pk).update(status="rejected")
    Consensus.objects.filter(pk=rows[1].pk).update(caption="better")
    added = ConsensusFactory(task__project=project, caption="new")
    found = exports.diff(before=before, after=built(project))
    assert (found.added, found.removed, found.changed, found.unchanged) == (1, 1, 1, 2)
    assert [(each.kind, each.task_id, each.before, each.after) for each in found.changes] == [
        ("removed", rows[0].task_id, "caption 0", None),
        ("changed", rows[1].task_id, "caption 1", "better"),
        ("added", added.task_id, None, "new"),
    ]


def test_finished_exports_that_hold_a_video_are_named():
    project = ProjectFactory()
    held = ConsensusFactory(task__project=project).task.video
    first = built(project)
    other = ConsensusFactory(task__project=project).task.video
    second = built(project)
    ConsensusFactory(task__project=ProjectFactory(), task__video__video_id=held.video_id)
    exports.request(project=project, name="unbuilt")

    def holding(video) -> list[Export]:
        return exports.holding(project_id=project.pk, video_id=video.video_id)

    assert holding(held) == [first, second]
    assert holding(other) == [second]
    assert holding(VideoFactory(project=project)) == []


def test_a_diff_does_not_tell_the_words_of_an_erased_clip():
    project = ProjectFactory()
    gone = ConsensusFactory(task__project=project, caption="secret")
    ConsensusFactory(task__project=project)
    before = built(project)
    video = gone.task.video
    video.state = "erased"
    video.save()
    found = exports.diff(before=before, after=built(project))
    assert [(each.kind, each.before) for each in found.changes] == [("removed", "(erased)")]


def test_unfinished_and_foreign_exports_are_not_compared():
    project = ProjectFactory()
    ConsensusFactory(task__project=project)
    ready = built(project)
    other = ProjectFactory()
    ConsensusFactory(task__project=other)
    for wrong in (ExportFactory(project=project), built(other)):
        with pytest.raises(Conflict):
            exports.diff(before=ready, after=wrong)


def test_progress_goes_from_nothing_to_one():
    project = ProjectFactory()
    ConsensusFactory(task__project=project)
    export = ExportFactory(project=project)
    assert exports.progress(export=export) == 0.0
    exports.build(export_id=export.pk)
    export.refresh_from_db()
    assert exports.progress(export=export) == 1.0
