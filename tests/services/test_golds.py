"""Gold by promotion and by file: several right answers, nothing half done, twice the same."""

import json

import pytest

from portal.errors import InvalidInput
from portal.models import AuditEntry, GoldReference, PlantedPrediction, Task, Video
from portal.services import tasks
from tests.factories import (
    AnnotationFactory,
    ConsensusFactory,
    ProjectFactory,
    TaskFactory,
    VideoFactory,
)

pytestmark = pytest.mark.django_db
DOG = {"video_id": "clip-1", "references": ["a dog runs", "a hound is running"]}


def lines(*entries) -> list[bytes]:
    return [e if isinstance(e, bytes) else json.dumps(e).encode() for e in entries]


def take(project, *entries, **options):
    return tasks.import_gold(project=project, lines=lines(*entries), actor="test", **options)


def counts(report) -> tuple[int, int, int, int]:
    return report.n_new, report.n_changed, report.n_same, len(report.problems)


def test_a_file_makes_clips_gold_with_all_their_answers():
    project = ProjectFactory(evaluation_share=1.0)
    cut = DOG | {"start": 1, "end": 2.5, "shown_prediction": "a cat sleeps"}
    assert counts(take(project, DOG, cut)) == (2, 0, 0, 0)
    whole, part = Task.objects.order_by("id")
    assert whole.is_gold
    assert [r.text for r in whole.references.all()] == DOG["references"]
    assert (part.start_ms, part.end_ms, part.planted.text) == (1000, 2500, "a cat sleeps")
    assert not Video.objects.get().is_evaluation  # whatever the project keeps for evaluation
    assert AuditEntry.objects.get(action="gold.imported").details["n_new"] == 2


def test_the_same_file_again_changes_nothing_and_a_corrected_one_what_it_corrects():
    project = ProjectFactory()
    cat = {"video_id": "clip-2", "references": ["a cat"], "shown_prediction": "a dog"}
    take(project, DOG, cat)
    n_entries = AuditEntry.objects.count()
    assert counts(take(project, DOG, cat)) == (0, 0, 2, 0)
    assert AuditEntry.objects.count() == n_entries
    assert counts(take(project, DOG, cat | {"references": ["a tomcat"]})) == (0, 1, 1, 0)
    assert GoldReference.objects.filter(text="a tomcat").count() == 1
    assert not GoldReference.objects.filter(text="a cat").exists()
    assert PlantedPrediction.objects.count() == 1


def test_a_dry_run_says_the_same_and_leaves_nothing():
    project = ProjectFactory()
    report = take(project, DOG, {"video_id": "x"}, is_dry=True)
    assert counts(report) == (1, 0, 0, 1)
    assert not Task.objects.exists()
    assert not Video.objects.exists()
    assert not AuditEntry.objects.exists()


def test_each_bad_line_is_named_by_its_number_and_the_others_are_taken():
    project = ProjectFactory()
    held_out = VideoFactory(project=project, is_evaluation=True)
    begun = AnnotationFactory(task__project=project).task
    report = take(
        project,
        b"{",
        b"",
        {"video_id": "a", "references": []},
        {"video_id": "a", "references": ["  "]},
        {"video_id": "a", "references": ["x"], "caption": "y"},
        {"video_id": "a", "references": ["a dog"], "shown_prediction": "a dog"},
        {"video_id": "a", "references": ["a dog"], "start": 3, "end": 2},
        {"video_id": held_out.video_id, "references": ["a dog"]},
        {"video_id": begun.video.video_id, "references": ["a dog"]},
        b'{"video_id": "a", "references": ["\xff"]}',
        DOG,
        DOG,
    )
    assert [number for number, _ in report.problems] == [1, 3, 4, 5, 6, 7, 8, 9, 10, 12]
    assert report.problems[-1][1] == "Line 11 names the same clip and segment."
    assert Task.objects.filter(is_gold=True).count() == 1
    assert not Video.objects.filter(video_id="a").exists()


def test_a_promotion_accepts_what_was_decided_and_what_says_the_same():
    task = TaskFactory(state="settled", n_wanted=4)
    for text in ("a red dot moves left", "a red dot is moving left", "a red dot moves right", "hm"):
        AnnotationFactory(task=task, text=text)
    ConsensusFactory(task=task, caption="a red dot moves left", status="decided")
    accepted = tasks.accepted_answers(task=task)
    assert accepted == ["a red dot moves left", "a red dot is moving left"]
    assert tasks.accepted_answers(task=TaskFactory()) == []


def test_a_planted_caption_is_never_an_accepted_one():
    with pytest.raises(InvalidInput):
        tasks.make_gold(
            task_id=TaskFactory().pk, references=["a dog"], actor="m", planted=" a dog "
        )
    assert not Task.objects.filter(is_gold=True).exists()
