"""Predictions come in: each row answered, twice is harmless, bad rows stop nobody."""

import math
import struct

import pytest
from django.utils import timezone

from portal.errors import Conflict, InvalidInput, MediaNotReady, NotFound, PredictionExists
from portal.models import ModelVersion, Prediction, Task, Video
from portal.services import predictions
from portal.services.predictions import CandidateText, PredictionItem, Token
from tests.factories import ProjectFactory, VersionFactory, VideoFactory

pytestmark = pytest.mark.django_db


def item(video_id="v1", caption="a dog runs", **fields):
    return PredictionItem(
        video_id=video_id, caption=caption, **({"model_version": "m1", "uncertainty": 0.9} | fields)
    )


def ingest(*items, project=None, **options):
    return predictions.ingest(project=project or ProjectFactory(), items=items, **options)


def test_unknown_videos_and_versions_are_registered_on_first_sight():
    ingest(item(), item("v2", video_url="https://clips.example.com/2.mp4", tags=["night"]))
    assert list(Video.objects.values_list("video_id", "tags")) == [("v1", []), ("v2", ["night"])]
    assert ModelVersion.objects.get().name == "m1"


def test_the_same_rows_again_add_nothing():
    project = ProjectFactory()
    first = ingest(item(), item("v2"), project=project)
    again = ingest(item(), item("v2"), project=project)
    assert (first.count("created"), again.count("unchanged")) == (2, 2)
    assert [r.prediction.pk for r in first.rows] == [r.prediction.pk for r in again.rows]
    assert sum(ModelVersion.objects.get().uncertainty_bins["SCALAR"]) == 2


def test_another_caption_of_the_same_version_needs_to_be_told_to_replace():
    project = ProjectFactory()
    ingest(item(), project=project)
    refused = ingest(item(caption="a cat runs"), project=project)
    assert isinstance(refused.rows[0].error, PredictionExists)
    assert "supersede=true" in refused.rows[0].error.detail
    replaced = ingest(item(caption="a cat runs"), project=project, supersede=True)
    assert replaced.rows[0].status == "superseded"
    assert Prediction.objects.standing().get().caption == "a cat runs"
    assert Prediction.objects.count() == 2


def test_a_dry_run_says_the_same_and_leaves_nothing():
    report = ingest(item(), item(caption=" "), dry_run=True)
    assert [row.status for row in report.rows] == ["created", "error"]
    assert not Prediction.objects.exists()
    assert not Video.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"caption": "\u200b"}, "caption"),
        ({"start": 3.0, "end": 3.0}, "end"),
        ({"embedding": [1.0, math.nan]}, "embedding"),
        ({"tokens": [Token("a", 0.5)]}, "tokens"),
        ({"tokens": [Token("a", -math.inf)]}, "tokens"),
        ({"candidates": [CandidateText("a", -0.1), CandidateText("b", -0.1)]}, "candidates"),
        ({"tokens": [Token("a", -0.1), Token("b")]}, "tokens"),
        ({"tokens": [Token("a", entropy=1.0)]}, "vocabulary_size"),
        ({"tokens": [Token("a", entropy=1.0)], "vocabulary_size": 2}, "tokens"),
        ({"tokens": [Token("a", entropy=math.inf)], "vocabulary_size": 9}, "tokens"),
        ({"embedding": [1e300]}, "embedding"),
        ({"video_url": "file:///etc/passwd"}, "video_url"),
        ({"video_url": "http://user:pw@example.com/a.mp4"}, "video_url"),
    ],
)
def test_a_bad_row_is_named_by_field_and_the_others_are_stored(fields, field):
    report = ingest(item("v1", **fields), item("v2"))
    assert isinstance(report.rows[0].error, InvalidInput)
    assert report.rows[0].error.errors[0]["field"] == field
    assert report.rows[1].status == "created"


def test_rows_that_the_database_does_not_allow_are_refused_one_by_one():
    project = ProjectFactory()
    VersionFactory(project=project, name="old", state="retired")
    VideoFactory(project=project, video_id="short", clip_seconds=2.0)
    VideoFactory(
        project=project, video_id="later", clip_seconds=None, source_url="https://a.example"
    )
    report = ingest(
        item(model_version="old"),
        item("short", end=2.5),
        item("later", end=1.0),
        item("v9", project="elsewhere"),
        item("e1", embedding=[1.0, 2.0]),
        item("e2", embedding=[1.0, 2.0, 3.0]),
        item("short", end=2.05),
        project=project,
    )
    kinds = [type(row.error) for row in report.rows]
    assert kinds == [
        Conflict, InvalidInput, MediaNotReady, NotFound, type(None), InvalidInput, type(None)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "estimator", "uncertainty"),
    [
        ({"tokens": [Token("a", math.log(0.25)), Token("b", 0.0)]}, "LNP", 0.5),
        ({"candidates": [CandidateText("a dog", -0.7), CandidateText("a dog", -0.7)]}, "MBR", 0.0),
        ({}, "SCALAR", 0.9),
        ({"uncertainty": None}, "NONE", 0.5),
        (
            {
                "tokens": [Token("a", entropy=math.log(4)), Token("b", entropy=0.0)],
                "vocabulary_size": 16,
            },
            "TEN",
            0.25,
        ),
    ],
)
def test_uncertainty_comes_from_the_best_that_is_posted(fields, estimator, uncertainty):
    ingest(item(**fields))
    stored = Prediction.objects.get()
    assert stored.estimator == estimator
    assert stored.uncertainty == pytest.approx(uncertainty, abs=0.01)


def test_the_most_uncertain_open_tasks_and_the_rest_do_not(django_capture_on_commit_callbacks):
    project = ProjectFactory(control_share=0.0, evaluation_share=0.0)
    rows = [item(f"v{n}", uncertainty=n / 100) for n in range(100)]
    with django_capture_on_commit_callbacks(execute=True):
        ingest(*rows, project=project)
    opened = set(Task.objects.values_list("video__video_id", flat=True))
    assert opened == {f"v{n}" for n in range(100) if n >= 70}
    first = Task.objects.order_by("virtual_due").first()
    assert first.video.video_id == "v99"
    assert not Prediction.objects.unconsidered().exists()


def test_evaluation_videos_and_the_control_slice_open_whatever_their_uncertainty(
    django_capture_on_commit_callbacks,
):
    for rule in ({"evaluation_share": 1.0}, {"control_share": 1.0, "evaluation_share": 0.0}):
        project = ProjectFactory(uncertain_share=0.0, **rule)
        with django_capture_on_commit_callbacks(execute=True):
            ingest(item("a", uncertainty=0.0), item("b", uncertainty=1.0), project=project)
        assert project.tasks.count() == 2


def test_a_newer_prediction_takes_over_an_untouched_task(django_capture_on_commit_callbacks):
    project = ProjectFactory(uncertain_share=1.0)
    for version in ("m1", "m2"):
        with django_capture_on_commit_callbacks(execute=True):
            ingest(item(model_version=version), project=project)
    assert project.tasks.get().prediction.version.name == "m2"


def test_where_nothing_was_posted_other_versions_captions_say_how_unsure_to_be():
    project = ProjectFactory()
    silent = {"uncertainty": None, "project": ""}
    ingest(item("v1", **silent), item("v2", **silent), project=project)
    ingest(
        item("v1", model_version="m2", **silent),
        item("v2", "two cats sleep", model_version="m2", **silent),
        item("v3", model_version="m2", **silent),
        item("v1", model_version="m3", uncertainty=0.3),
        project=project,
    )
    found = Prediction.objects.exclude(version__name="m1").order_by("pk")
    assert [(p.estimator, p.uncertainty > 0.5) for p in found] == [
        ("ENS", False), ("ENS", True), ("NONE", False), ("SCALAR", False)
    ]  # fmt: skip
    assert found[0].uncertainty == 0.0


def test_a_retired_versions_captions_do_not_count():
    project = ProjectFactory()
    ingest(item("v1", uncertainty=None), project=project)
    ModelVersion.objects.update(state="retired")
    ingest(item("v1", "a cat", model_version="m2", uncertainty=None), project=project)
    assert Prediction.objects.get(version__name="m2").estimator == "NONE"


def test_estimators_of_one_version_are_ranked_each_among_its_own():
    project = ProjectFactory()
    ingest(item("v1"), item("v2", tokens=[Token("a", -1.0)]), project=project)
    bins = ModelVersion.objects.get().uncertainty_bins
    assert {name: sum(counts) for name, counts in bins.items()} == {"SCALAR": 1, "LNP": 1}
    ingest(item("v1", "a cat", tokens=[Token("a", -1.0)]), project=project, supersede=True)
    bins = ModelVersion.objects.get().uncertainty_bins
    assert {name: sum(counts) for name, counts in bins.items()} == {"SCALAR": 0, "LNP": 2}


def test_what_is_stored_is_what_was_posted():
    project = ProjectFactory()
    ingest(
        item(
            "v1", "50 % of it's “ünïcode” {%s}", tokens=[Token("a", -1.0)], tags=["x'y"],
            candidates=[CandidateText("a", -1.0)], embedding=[3.0, 4.0], start=1.0, end=2.5,
        ),
        project=project,
    )  # fmt: skip
    stored = Prediction.objects.select_related("video").get()
    assert stored.caption == "50 % of it's “ünïcode” {%s}"
    assert stored.tokens == [{"t": "a", "logprob": -1.0, "entropy": None}]
    assert stored.candidates == [{"text": "a", "logprob": -1.0}]
    assert (stored.start_ms, stored.end_ms, stored.video.tags) == (1000, 2500, ["x'y"])
    assert bytes(stored.embedding) == struct.pack("<2f", 3.0, 4.0)
    assert stored.video.state == "registered"
    assert stored.created_at <= timezone.now()
