"""Files of captions come in: as what they are said to be, each text answered for, twice as once."""

import json
from io import BytesIO

import pytest
from django.conf import settings as portal_settings

from portal import jobs
from portal.adapters import stores
from portal.errors import InvalidInput, MediaRefused
from portal.models import (
    Annotation,
    Annotator,
    Assignment,
    Consensus,
    Event,
    GoldReference,
    Import,
    Prediction,
    Task,
    Video,
)
from portal.services import exports, imports
from portal.services.imports import Options
from tests.factories import (
    AnnotationFactory,
    AnnotatorFactory,
    AssignmentFactory,
    ConsensusFactory,
    GuidelineFactory,
    ProjectFactory,
    TaskFactory,
    VideoFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path) -> None:
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()


@pytest.fixture
def project():
    return ProjectFactory(slug="clips", evaluation_share=0.0)


def taken(project, raw, kind="annotations", name="jsonl", *, dry_run=False, **options) -> Import:
    if isinstance(raw, list) and name == "jsonl":
        raw = b"\n".join(json.dumps(line).encode() for line in raw)
    elif not isinstance(raw, bytes):
        raw = json.dumps(raw).encode()
    row = imports.receive(
        project=project,
        stream=BytesIO(raw),
        name=f"file.{name}",
        format=name,
        kind=kind,
        options=Options(**options),
        dry_run=dry_run,
    )
    jobs.take_in(row.pk)
    row.refresh_from_db()
    return row


def counts(row: Import) -> tuple[int, int, int]:
    return row.n_added, row.n_unchanged, row.n_failed


def line(n: int = 1, author: str = "ana", **fields) -> dict:
    return {"video_id": f"v{n}", "caption": f"a dog number {n} runs", "annotator": author} | fields


def test_captions_become_annotations_as_if_they_had_been_submitted(project):
    GuidelineFactory(project=project, number=2)
    said = {"caption": "a dog", "annotator": "ana", "seconds": 3.5, "guideline": 2,
            "created_at": "2026-01-02T03:04:05+00:00"}  # fmt: skip
    row = taken(project, [{"video_id": "v1", "start": 1.5, "end": 4, "captions": [said]}])
    assert counts(row) == (1, 0, 0)
    annotation = Annotation.objects.get()
    task = annotation.task
    assert (task.start_ms, task.end_ms, task.video.video_id) == (1500, 4000, "v1")
    assert (annotation.author.annotator_id, annotation.seconds) == ("ana", 3.5)
    assert annotation.guideline.number == 2
    assert annotation.created_at.isoformat() == said["created_at"]
    assert annotation.revisions.get().text == "a dog"
    assert (task.n_taken, task.n_captions, task.revision) == (1, 1, 1)
    assert annotation.assignment.state == "submitted"
    assert list(Task.objects.unsettled()) == [task]


def test_the_sweep_settles_what_an_import_brought(project):
    project.min_captions = 3
    project.save()
    taken(project, [line(author=name, caption="a dog runs") for name in ("ana", "ben", "cy")])
    jobs.sweep()
    assert Consensus.objects.get().caption == "a dog runs"


def test_b174_the_same_file_twice_adds_nothing(project):
    rows = [line(n, author) for n in range(1, 6) for author in ("ana", "ben")]
    assert counts(taken(project, rows)) == (10, 0, 0)
    assert counts(taken(project, rows)) == (0, 10, 0)
    assert Annotation.objects.count() == 10
    assert all(task.revision == 2 for task in Task.objects.all())


def test_b171_line_7_is_bad_a_dry_run_says_so_and_the_rest_is_stored(project):
    rows = [json.dumps(line(n)).encode() for n in range(1, 1201)]
    rows[6] = b'{"video_id": "v7", '
    raw = b"\n".join(rows)
    tried = taken(project, raw, dry_run=True)
    assert counts(tried) == (1199, 0, 1)
    assert [problem["place"] for problem in tried.problems] == ["line 7"]
    assert not Annotation.objects.exists()
    assert not Video.objects.exists()
    assert not Annotator.objects.exists()
    assert counts(taken(project, raw)) == (1199, 0, 1)
    assert counts(taken(project, raw)) == (0, 1199, 1)


def test_a_task_gets_a_slot_for_every_caption_of_the_file(project):
    rows = [line(author=f"person{n}") for n in range(8)]
    assert counts(taken(project, rows)) == (8, 0, 0)
    task = Task.objects.get()
    assert (task.n_taken, task.n_wanted, task.n_captions) == (8, 8, 8)
    assert sorted(Assignment.objects.values_list("slot", flat=True)) == list(range(8))


def test_who_holds_a_lease_or_skipped_keeps_one_row(project):
    video = VideoFactory(project=project, video_id="v1")
    task = TaskFactory(project=project, video=video)
    for name, state in (("ana", "leased"), ("ben", "skipped"), ("cy", "expired")):
        person = AnnotatorFactory(project=project, annotator_id=name)
        AssignmentFactory(task=task, annotator=person, state=state)
        task.refresh_from_db()
    assert task.n_taken == 1
    assert counts(taken(project, [line(author=name) for name in ("ana", "ben", "cy")])) == (3, 0, 0)
    task.refresh_from_db()
    assert (task.n_taken, task.n_captions) == (3, 3)
    assert Assignment.objects.filter(state="submitted").count() == 3


def test_another_wording_a_settled_task_and_an_erased_clip_are_refused(project):
    taken(project, [line(1)])
    settled = TaskFactory(
        project=project, video__project=project, video__video_id="v2", state="settled"
    )
    VideoFactory(project=project, video_id="v3", state="erased")
    row = taken(project, [line(1, caption="other"), line(2), line(3), line(4)])
    assert counts(row) == (1, 0, 3)
    assert [problem["place"] for problem in row.problems] == ["line 3", "line 1", "line 2"]
    assert not Annotation.objects.filter(task=settled).exists()


def test_b173_a_foreign_project_is_refused_in_the_same_words_whether_it_exists_or_not(project):
    ProjectFactory(slug="theirs")
    row = taken(project, [line(1, project="theirs"), line(2, project="nobodys"), line(3)])
    first, second = (problem["reason"] for problem in row.problems)
    assert first.replace("theirs", "x") == second.replace("nobodys", "x")
    assert counts(row) == (1, 0, 2)
    assert Task.objects.get().project == project


@pytest.mark.parametrize(
    "bad",
    [
        {"caption": " \u200b"},
        {"caption": "a\x00b"},
        {"caption": "\u202egnp"},
        {"caption": "x" * 5001},
        {"video_id": "a\nb"},
        {"video_id": " v"},
        {"video_id": "v" * 201},
        {"annotator": "a\x07"},
        {"annotator": "a" * 101},
        {"seconds": -1},
        {"start": -1},
        {"start": 3e9},
        {"language": "de"},
    ],
)
def test_a_text_that_could_not_be_submitted_is_refused_and_the_next_is_taken(project, bad):
    row = taken(project, [line(1) | bad, line(2)])
    assert counts(row) == (1, 0, 1)
    assert row.problems[0]["place"] == "line 1"
    assert Video.objects.count() <= 2


def test_what_a_file_leaves_open_is_asked_and_never_guessed(project):
    said = [{"image_id": 1, "caption": text} for text in ("a", "b")]
    coco = {"images": [{"id": 1, "file_name": "v1"}], "annotations": said}
    for kind, field in (("annotations", "author"), ("predictions", "model_version"), ("", "as")):
        with pytest.raises(InvalidInput) as refused:
            taken(project, coco, kind, "coco")
        assert refused.value.errors[0]["field"] == field
    assert not Import.objects.exists()
    assert not [path for path in portal_settings.FILES_DIR.rglob("*") if path.is_file()]
    assert counts(taken(project, coco, "annotations", "coco", author="ana")) == (2, 0, 0)
    assert set(Annotator.objects.values_list("annotator_id", flat=True)) == {"ana", "ana-2"}


def test_b175_other_kinds_of_file_are_refused(project):
    for raw in (b"\x80\x04\x95abc", b"<?xml version='1.0'?><a/>", b"---\na: 1\n"):
        with pytest.raises(MediaRefused):
            taken(project, raw)


def test_references_make_gold_tasks_and_a_rerun_adds_none(project):
    rows = [{"video_id": "v1", "references": ["a dog", "a brown dog"]}]
    assert counts(taken(project, rows, "references")) == (2, 0, 0)
    assert counts(taken(project, rows, "references")) == (0, 2, 0)
    task = Task.objects.get()
    assert (task.is_gold, task.is_open) == (True, True)
    assert set(task.references.values_list("text", flat=True)) == {"a dog", "a brown dog"}


def test_a_clip_for_evaluation_and_a_task_with_captions_do_not_become_gold(project):
    VideoFactory(project=project, video_id="v1", is_evaluation=True)
    AnnotationFactory(
        task=TaskFactory(project=project, video=VideoFactory(project=project, video_id="v2"))
    )
    rows = [{"video_id": "v1", "references": ["a"]}, {"video_id": "v2", "references": ["a"]}]
    assert counts(taken(project, rows, "references")) == (0, 0, 2)
    assert not GoldReference.objects.exists()


def test_predictions_come_in_by_their_one_way(project):
    rows = [
        {"video_id": "v1", "model_caption": "a dog", "model_version": "v7", "uncertainty": 0.25},
        {"video_id": "v2", "caption": "a cat"},
        {"video_id": "v3", "references": ["a", "b"]},
    ]
    row = taken(project, rows, "predictions", model_version="v8")
    assert counts(row) == (2, 0, 1)
    found = Prediction.objects.order_by("pk").values_list(
        "version__name", "caption", "uncertainty", "estimator"
    )
    assert list(found) == [("v7", "a dog", 0.25, "SCALAR"), ("v8", "a cat", 0.5, "NONE")]
    assert counts(taken(project, rows, "predictions", model_version="v8")) == (0, 2, 1)


def studio(*scores: float) -> list[dict]:
    return [
        {
            "data": {"video": f"clip{n}"},
            "predictions": [
                {"model_version": "v1", "score": score,
                 "result": [{"type": "textarea", "value": {"text": [f"a dog {n}"]}}]}
            ],
        }
        for n, score in enumerate(scores)
    ]  # fmt: skip


def test_the_direction_of_a_score_is_asked(project):
    with pytest.raises(InvalidInput) as refused:
        taken(project, studio(0.9), "predictions", "labelstudio")
    assert refused.value.errors[0]["field"] == "score"
    taken(project, studio(0.9), "predictions", "labelstudio", score="confidence")
    assert Prediction.objects.get().uncertainty == pytest.approx(0.1)
    other = ProjectFactory(evaluation_share=0.0)
    taken(other, studio(0.9), "predictions", "labelstudio", score="uncertainty")
    assert Prediction.objects.get(project=other).uncertainty == 0.9


def test_constant_and_outside_scores_are_warned_of_and_not_clipped(project):
    row = taken(project, studio(0.5, 0.5, 0.5), "predictions", "labelstudio", score="confidence")
    assert "All 3 scores are 0.5" in row.warnings[0]
    other = ProjectFactory(evaluation_share=0.0)
    row = taken(other, studio(0.2, 1.7, -3), "predictions", "labelstudio", score="uncertainty")
    assert "2 of 3 scores are outside" in row.warnings[0]
    assert sorted(
        Prediction.objects.filter(project=other).values_list("uncertainty", "estimator")
    ) == [(0.2, "SCALAR"), (0.5, "NONE"), (0.5, "NONE")]


def test_label_studios_skips_drafts_and_ground_truth_become_ours(project):
    text = [{"type": "textarea", "value": {"text": ["a cat sleeps"]}}]
    task = {
        "data": {"video": "/data/upload/1/cat.mp4"},
        "annotations": [
            {"completed_by": 7, "lead_time": 3.5, "result": text},
            {"completed_by": {"email": "ben@x.example"}, "was_cancelled": True, "result": []},
        ],
        "drafts": [{"user": "cy", "result": text}],
    }
    gold = {
        "data": {"video": "dog.mp4"},
        "annotations": [{"completed_by": 7, "ground_truth": True, "result": text}],
    }
    prefixes = {"/data/upload/": "https://ls.example/"}
    row = taken(project, [task, gold], "annotations", "labelstudio", prefixes=prefixes)
    assert (*counts(row), row.n_skipped) == (2, 0, 0, 2)
    assert Annotation.objects.get().seconds == 3.5
    assert Video.objects.get(video_id="cat").source_url == "https://ls.example/1/cat.mp4"
    assert GoldReference.objects.get().task.video.video_id == "dog"
    assert Assignment.objects.get(annotator__annotator_id="ben@x.example").state == "skipped"
    draft = Assignment.objects.get(annotator__annotator_id="cy")
    assert (draft.state, draft.draft) == ("released", "a cat sleeps")
    assert counts(taken(project, [task, gold], "annotations", "labelstudio")) == (0, 2, 0)


def test_b092_what_was_exported_comes_back_to_the_same_people(project):
    for text in (
        "\u0643\u0644\u0628 \u064a\u062c\u0631\u064a",
        "\u0915\u0941\u0924\u094d\u0924\u093e",
        "\u4e00\u53ea\u72d7",
    ):
        task = TaskFactory(project=project)
        AnnotationFactory(task=task, text=text, author__project=project)
        ConsensusFactory(task=task, caption=text)
    export = exports.request(project=project, name="all")
    exports.build(export_id=export.pk)
    export.refresh_from_db()
    raw = stores.configured().path(export.file_key).read_bytes()
    n_people = Annotator.objects.count()
    assert counts(taken(project, raw)) == (0, 3, 0)
    assert Annotator.objects.count() == n_people
    other = ProjectFactory(evaluation_share=0.0)
    assert counts(taken(other, raw)) == (3, 0, 0)
    assert set(Annotation.objects.filter(task__project=other).values_list("text", flat=True)) == {
        json.loads(each)["caption"] for each in raw.splitlines()
    }


def test_an_import_is_told_of_and_its_file_goes(project):
    row = taken(project, [line(1), line(2, caption="")])
    assert (row.state, row.file_key, row.n_done, row.n_records) == ("finished", "", 2, 2)
    assert Event.objects.get(type="import.finished").data["added"] == 1
    assert not [path for path in portal_settings.FILES_DIR.rglob("*") if path.is_file()]


def test_an_import_that_died_is_run_again_and_a_living_one_is_left_alone(project):
    row = taken(project, [line(1)])
    store = stores.configured()
    stored = store.put(BytesIO(json.dumps(line(1)).encode()), suffix=".import", max_bytes=999)
    Import.objects.filter(pk=row.pk).update(state="running", file_key=stored.key)
    assert jobs.take_in(row.pk) is None
    Import.objects.filter(pk=row.pk).update(touched_at="2026-01-01T00:00Z")
    jobs.catch_up()
    row.refresh_from_db()
    assert (row.state, *counts(row)) == ("finished", 0, 1, 0)


def test_a_name_is_shown_without_its_path(project):
    raw = json.dumps(line(1)).encode()
    row = imports.receive(
        project=project,
        stream=BytesIO(raw),
        name="../..\\x\u202e\x00.jsonl",
        format="jsonl",
        kind="annotations",
    )
    assert row.name == "x.jsonl"


def test_a_segment_without_a_caption_is_said_to_have_none(project):
    row = taken(project, [{"video_id": "v1"}, line(2), line(3, caption="")])
    assert counts(row) == (1, 0, 2)
    assert [problem["place"] for problem in row.problems] == ["line 1", "line 3"]
    assert counts(taken(project, [{"video_id": "v4"}], "references")) == (0, 0, 1)
