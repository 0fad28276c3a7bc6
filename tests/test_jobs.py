"""What a killed process never announced, the sweep finds: each debt is paid, and paid once."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from portal import hooks, jobs
from portal.models import Annotation, AuditEntry, Consensus, Prediction, Task
from portal.models.taskstates import TaskState
from portal.services import annotations, consensus, predictions, tasks
from portal.services.predictions import PredictionItem
from tests.factories import (
    AnnotatorFactory,
    ProjectFactory,
    TaskFactory,
    UserFactory,
)

# Without a commit no announcement leaves: exactly what a kill between commit and hook loses.
pytestmark = pytest.mark.django_db

APART = ("a red ball moves left", "two men cook fish")


def captioned(texts: tuple[str, ...], **rules: object) -> Task:
    task = TaskFactory(project=ProjectFactory(**rules), n_wanted=len(texts))
    for text in texts:
        author = AnnotatorFactory(project=task.project)
        annotations.submit(task=task, annotator=author, text=text, without_lease=True)
    task.refresh_from_db()
    return task


def test_tasks_open_for_predictions_that_nobody_announced():
    project = ProjectFactory(uncertain_share=1.0)
    items = [
        PredictionItem(video_id=f"v{n}", caption="a ball", model_version="m", uncertainty=0.9)
        for n in range(jobs.SWEEP_LIMIT + 1)
    ]
    predictions.ingest(project=project, items=items)
    jobs.sweep()
    assert Task.objects.count() == jobs.SWEEP_LIMIT + 1
    assert not Prediction.objects.unconsidered().exists()


def test_captions_that_nobody_weighed_settle_and_are_credited():
    task = captioned(("a red ball moves left",) * 3, threshold=0.0)
    jobs.sweep()
    task.refresh_from_db()
    assert task.state == TaskState.SETTLED
    assert Consensus.objects.get().is_credited
    assert {a.author.n_residuals for a in task.annotations.all()} == {1}
    assert jobs.sweep() == 0


def test_a_contested_task_that_was_not_escalated_reaches_the_experts_once():
    task = captioned(APART, min_captions=2, max_captions=2)
    consensus.settle(task_id=task.pk)
    hooks.credit_annotators(consensus_id=Consensus.objects.get().pk)
    for _ in range(2):
        jobs.sweep()
    task.refresh_from_db()
    assert task.state == TaskState.DISPUTED
    assert AuditEntry.objects.filter(action="task.escalated").count() == 1


def test_a_task_that_an_expert_sent_back_for_more_is_not_escalated_again():
    task = captioned(APART, min_captions=2, max_captions=2)
    consensus.settle(task_id=task.pk)
    jobs.sweep()
    consensus.review(task=task, reviewer=UserFactory(), decision="more", reason="Too few.")
    jobs.sweep()
    task.refresh_from_db()
    assert (task.state, task.n_wanted) == (TaskState.OPEN, 4)


def test_a_gold_answer_that_nobody_marked_is_marked_once():
    task = TaskFactory(is_gold=True, n_wanted=10)
    task.references.create(text="a red ball moves left")
    author = AnnotatorFactory(project=task.project)
    annotations.submit(
        task=task, annotator=author, text="the red ball moves left", without_lease=True
    )
    assert jobs.sweep() == 1
    author.refresh_from_db()
    assert (author.n_gold, author.sum_gold) == (1, 1.0)
    assert jobs.sweep() == 0


def test_captions_from_before_their_task_became_gold_are_no_gold_answers():
    task = captioned(("a red ball moves left",) * 3, threshold=0.0)
    jobs.sweep()
    tasks.make_gold(task_id=task.pk, references=["a red ball moves left"], actor="user:m")
    assert jobs.sweep() == 0
    assert not Annotation.objects.exclude(gold_score=None).exists()


def test_evidence_of_a_parked_task_waits_without_keeping_the_sweep_busy():
    task = captioned(("a red ball moves left",))
    tasks.park(task_id=task.pk, reason="unsafe", actor="user:m")
    assert jobs.sweep() == 0
    tasks.unpark(task_id=task.pk, actor="user:m")
    assert jobs.sweep() == 1
    assert Consensus.objects.get().status == "interim"


def test_what_an_expert_wrote_is_judged_once_beside_the_captions_it_replaced():
    task = captioned(APART, min_captions=2, max_captions=2)
    consensus.settle(task_id=task.pk)
    tasks.escalate(task_id=task.pk)
    consensus.review(
        task=task, reviewer=UserFactory(), decision="write", text="a dog barks", reason="Seen."
    )
    Consensus.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert jobs.ask_judge() == 1
    decided = Consensus.objects.standing().get()
    assert (decided.judge, 0 < decided.judge_confidence < 0.5) == ("offline", True)
    assert jobs.ask_judge() == 0


@pytest.mark.parametrize(("url", "judge", "n_jobs"), [("", "offline", 0), ("http://j/v1", "", 1)])
def test_only_a_judge_that_has_to_be_called_is_left_to_a_job(settings, url, judge, n_jobs):
    settings.JUDGE_URL = url
    task = captioned(("a red ball moves left",) * 3, threshold=0.0)
    stands = consensus.settle(task_id=task.pk)
    hooks.ask_judge(consensus_id=stands.pk)
    stands.refresh_from_db()
    queued = DBTaskResult.objects.filter(task_path="portal.jobs.judge_consensus")
    assert (stands.judge, queued.count()) == (judge, n_jobs)
