"""What a project's labels are worth: the lift beside the control slice, and the gate's outlook."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.models import Project
from portal.services import evaluations
from tests.factories import (
    ConsensusFactory,
    EvaluationFactory,
    PredictionFactory,
    ProjectFactory,
    TaskFactory,
    VideoFactory,
)

pytestmark = pytest.mark.django_db

TRUTH = "a small red circle moves left"
WRONG = "two dogs sleep"


def settled(project: Project, n: int, *, n_wrong: int, **fields) -> None:
    """Settle n tasks, of which the model was wrong about the first n_wrong."""
    for at in range(n):
        prediction = PredictionFactory(project=project, caption=WRONG if at < n_wrong else TRUTH)
        task = TaskFactory(
            project=project, video=prediction.video, prediction=prediction, state="settled",
            n_captions=3, n_taken=3, uncertainty=(at + 0.5) / n, **fields,
        )  # fmt: skip
        ConsensusFactory(task=task, caption=TRUTH)


def test_prioritised_tasks_that_find_twice_the_errors_save_half():
    project = ProjectFactory()
    settled(project, 24, n_wrong=24)
    settled(project, 24, n_wrong=12, is_control=True)
    found = evaluations.measure_lift(project=project)
    assert found.ratio == pytest.approx(2.0, abs=0.01)
    assert found.low < 2.0 < found.high
    assert (found.n_prioritised, found.n_control, found.n_captions) == (24, 24, 72)


def test_held_out_gold_and_unpredicted_tasks_say_nothing_of_prioritising():
    project = ProjectFactory()
    settled(project, 24, n_wrong=24, is_evaluation=True)
    settled(project, 24, n_wrong=24, is_gold=True)
    settled(project, 24, n_wrong=12, is_control=True)
    assert evaluations.measure_lift(project=project) is None


def held_out(project: Project, n: int, **fields) -> None:
    for _ in range(n):
        video = VideoFactory(project=project, is_evaluation=True)
        ConsensusFactory(
            task__project=project, task__video=video, task__is_evaluation=True, **fields
        )


def test_an_empty_project_is_told_what_the_gate_will_need():
    found = evaluations.outlook(project=ProjectFactory())
    assert (found.n_labels, found.detectable, found.n_days) == (0, None, None)
    assert found.n_needed == 155  # 6.18 * .25^2 / .05^2
    assert found.n_videos_needed == 1550
    assert "Nothing can be decided yet." in found.sentences[0]
    assert "about 1550 videos" in found.sentences[-1]


def test_the_pace_of_held_out_labels_says_when():
    project = ProjectFactory(created_at=timezone.now() - timedelta(days=7))
    held_out(project, 14)
    found = evaluations.outlook(project=project)
    assert found.labels_per_day == pytest.approx(2.0, rel=0.01)
    assert found.n_days == pytest.approx(71, abs=1)
    assert found.detectable == pytest.approx(2.4865 * 0.25 / 14**0.5, abs=0.001)


def test_the_spread_of_the_last_comparison_is_used():
    project = ProjectFactory()
    held_out(project, 100)
    figures = {"error": 0.01, "n": 100}
    EvaluationFactory(
        project=project, n_tasks=100, frozen={"primary": "cosine"}, metrics={"cosine": figures}
    )
    found = evaluations.outlook(project=project)
    assert (found.spread, found.is_measured) == (pytest.approx(0.1), True)
    assert (found.n_missing, found.n_days) == (0, 0)
    assert "they are there" in found.sentences[1]


def test_a_project_that_holds_nothing_out_is_told_so():
    found = evaluations.outlook(project=ProjectFactory(evaluation_share=0.0))
    assert found.n_videos_needed is None
    assert "No videos are held out" in found.sentences[-1]
