"""Consensus in the portal: settle, finalise, experts, snapshots, credit."""

import pytest

from portal.errors import InvalidInput, NotAllowed, NothingToSettle, TaskClosed
from portal.models import Annotator, Consensus, Event, Residual, Task
from portal.services import annotations, annotators, consensus, tasks, votes
from tests.factories import (
    AnnotationFactory,
    AnnotatorFactory,
    ConsensusFactory,
    ProjectFactory,
    TaskFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db

SAME = ["a red ball moves left", "the red ball is moving left", "a red ball goes to the left"]
APART = ["a red ball moves left", "two men cook fish", "snow falls on a roof"]


def captioned(texts, **task_fields):
    task = TaskFactory(n_wanted=len(texts), **task_fields)
    for text in texts:
        AnnotationFactory(task=task, text=text)
    return task


def test_captions_that_agree_settle_the_task_once():
    task = captioned(SAME)
    settled = consensus.settle(task_id=task.pk)
    task.refresh_from_db()
    assert (settled.status, task.state) == ("accepted", "settled")
    assert settled.caption in SAME
    assert Event.objects.get().type == "consensus.reached"
    assert consensus.settle(task_id=task.pk) is None
    assert Consensus.objects.count() == 1


def test_captions_that_differ_ask_for_one_more_and_at_last_for_an_expert():
    project = ProjectFactory(min_captions=2, max_captions=3)
    task = captioned(["a red ball moves left", "snow falls on a roof"], project=project)
    interim = consensus.settle(task_id=task.pk)
    task.refresh_from_db()
    assert (interim.status, task.state, task.n_wanted) == ("interim", "open", 3)
    AnnotationFactory(task=task, text="two men cook fish")
    contested = consensus.settle(task_id=task.pk)
    assert contested.status == "disputed"
    tasks.escalate(task_id=task.pk)
    tasks.escalate(task_id=task.pk)
    task.refresh_from_db()
    assert task.state == "disputed"
    assert Event.objects.filter(type="task.disputed").count() == 1


def test_agreement_is_higher_for_the_same_in_other_words_than_for_other_things():
    same = consensus.settle(task_id=captioned(SAME).pk)
    apart = consensus.settle(task_id=captioned(APART).pk)
    assert same.agreement > apart.agreement + 0.2
    assert same.confidence > apart.confidence + 0.2


def test_three_lefts_beat_two_rights_with_visibly_less_confidence_than_five():
    left, right = "the small red ball moves left", "the small red ball moves right"
    project = ProjectFactory(threshold=1.0)
    split = consensus.settle(task_id=captioned([left] * 3 + [right] * 2, project=project).pk)
    united = consensus.settle(task_id=captioned([left] * 5, project=project).pk)
    assert split.caption == left
    assert split.confidence < united.confidence - 0.15


def test_recomputing_from_the_snapshot_gives_the_stored_answer_after_a_correction():
    project = ProjectFactory(threshold=1.0)
    task = captioned(SAME[:2], project=project)
    voter = AnnotatorFactory(project=project, skill=0.05)
    votes.cast(task=task, voter=voter, score=0.9)
    before = consensus.settle(task_id=task.pk)
    changed = task.annotations.first()
    annotations.revise(annotation=changed, author=changed.author, text="something else entirely")
    Annotator.objects.update(skill=0.4)
    again = consensus.recompute(Consensus.objects.get(pk=before.pk))
    assert (again.caption, again.confidence, again.agreement) == (
        before.caption,
        before.confidence,
        before.agreement,
    )
    assert [c.score for c in again.candidates] == [c["score"] for c in before.candidates]


def test_each_new_piece_of_evidence_makes_a_new_version_and_keeps_the_old():
    task = captioned(SAME[:1])
    first = consensus.settle(task_id=task.pk)
    AnnotationFactory(task=task, assignment__slot=1, assignment__cap=3, text=SAME[1])
    second = consensus.settle(task_id=task.pk)
    first.refresh_from_db()
    assert (first.number, second.number) == (1, 2)
    assert (first.is_standing, second.is_standing) == (False, True)


def test_every_caption_vote_and_correction_is_weighed_at_once(django_capture_on_commit_callbacks):
    project = ProjectFactory(threshold=1.0)
    task = TaskFactory(project=project, n_wanted=3)
    ada, bob = AnnotatorFactory.create_batch(2, project=project)
    acts = (
        lambda: annotations.submit(task=task, annotator=ada, text=SAME[0], without_lease=True),
        lambda: annotations.submit(task=task, annotator=bob, text=SAME[1], without_lease=True),
        lambda: votes.cast(task=task, voter=bob, score=0.9),
        lambda: annotations.revise(annotation=task.annotations.first(), author=ada, text=SAME[2]),
    )
    for number, act in enumerate(acts, start=1):
        with django_capture_on_commit_callbacks(execute=True):
            act()
        stands = Consensus.objects.standing().get(task=task)
        assert (stands.number, stands.of_revision) == (number, number)
    assert not Task.objects.unsettled().exists()


def test_a_withdrawal_of_the_only_caption_leaves_no_consensus_standing():
    task = captioned(SAME[:1])
    consensus.settle(task_id=task.pk)
    annotation = task.annotations.get()
    annotations.withdraw(annotation=annotation, author=annotation.author)
    assert consensus.settle(task_id=task.pk) is None
    assert not Consensus.objects.standing().exists()


def test_finalising_takes_what_is_there_and_twice_gives_the_same():
    task = captioned(SAME[:1])
    first = consensus.finalise(task=task, actor="token:t")
    assert (first.status, first.caption) == ("finalised", SAME[0])
    assert consensus.finalise(task=task, actor="token:t") == first


def test_finalising_without_captions_is_refused():
    with pytest.raises(NothingToSettle):
        consensus.finalise(task=TaskFactory(), actor="token:t")


def test_the_offline_judge_speaks_once_and_is_named():
    stands = consensus.finalise(task=captioned(SAME), actor="token:t")
    judged = consensus.judge(consensus_id=stands.pk)
    assert judged.judge == "offline"
    assert 0 < judged.judge_confidence < 1
    answer = consensus.describe(judged)
    assert answer["llm_confidence"] == judged.judge_confidence
    assert [c["is_winner"] for c in answer["candidates"]].count(True) == 1


def test_reliability_moves_with_a_consensus_and_crediting_twice_is_harmless():
    task = captioned([*SAME, "a cat sleeps"], project=ProjectFactory(threshold=0.0))
    settled = consensus.settle(task_id=task.pk)
    for _ in range(2):
        annotators.credit(consensus_id=settled.pk)
    good, odd = task.annotations.first().author, task.annotations.last().author
    good.refresh_from_db()
    odd.refresh_from_db()
    assert (good.n_residuals, odd.n_residuals) == (1, 1)
    assert good.reliability > 0.5 > odd.reliability
    assert odd.reliability_low < odd.reliability < odd.reliability_high
    assert Residual.objects.get(annotator=odd).disagreed
    assert annotators.metrics(annotator=odd)["disagreement_rate"] == 1.0


def test_a_newer_consensus_corrects_the_credit_of_the_older():
    task = captioned(SAME)
    first = consensus.settle(task_id=task.pk)
    annotators.credit(consensus_id=first.pk)
    Residual.objects.update(value=0.25)
    annotators.credit(consensus_id=first.pk)
    author = task.annotations.first().author
    author.refresh_from_db()
    assert (author.n_residuals, author.sum_residuals) == (1, pytest.approx(0.25))
    assert author.sum_squares == pytest.approx(0.0625)


def disputed(texts=("a dog runs", "a cat sleeps", "a man cooks")):
    task = captioned(texts, state="disputed")
    ConsensusFactory(task=task, status="disputed", candidates=[])
    return task


@pytest.mark.parametrize(
    ("decision", "state", "status"),
    [
        ("choose", "settled", "decided"),
        ("write", "settled", "decided"),
        ("reject", "rejected", "rejected"),
    ],
)
def test_an_experts_decision_closes_a_disputed_task(decision, state, status):
    task = disputed()
    consensus.review(
        task=task,
        reviewer=UserFactory(),
        decision=decision,
        annotation_id=task.annotations.last().pk if decision == "choose" else None,
        text="a man cooks a fish",
        reason="The clip shows a stove.",
    )
    task.refresh_from_db()
    stands = Consensus.objects.standing().get(task=task)
    assert (task.state, stands.status) == (state, status)
    expected = {"choose": "a man cooks", "write": "a man cooks a fish", "reject": ""}
    assert stands.caption == expected[decision]


def test_an_expert_may_ask_for_two_more():
    task = disputed()
    consensus.review(task=task, reviewer=UserFactory(), decision="more", reason="Too blurred.")
    task.refresh_from_db()
    assert (task.state, task.n_wanted) == ("open", 5)


def test_nobody_decides_a_task_they_captioned_or_one_without_dispute_or_without_a_reason():
    task, expert = disputed(), UserFactory()
    author = task.annotations.first().author
    author.user = expert
    author.save()
    with pytest.raises(NotAllowed):
        consensus.review(task=task, reviewer=expert, decision="reject", reason="no")
    with pytest.raises(TaskClosed):
        consensus.review(task=TaskFactory(), reviewer=UserFactory(), decision="reject", reason="no")
    with pytest.raises(InvalidInput):
        consensus.review(task=task, reviewer=UserFactory(), decision="reject", reason=" ")


def test_a_gold_answer_is_marked_once_and_settles_nothing():
    task = TaskFactory(is_gold=True, n_wanted=10)
    task.references.create(text="a red ball moves left")
    right = AnnotationFactory(task=task, text="the red ball moves to the left")
    wrong = AnnotationFactory(task=task, text="a man plays guitar")
    for annotation in (right, wrong, right):
        annotators.grade_gold(annotation_id=annotation.pk)
    scores = {a.pk: (a.author.n_gold, a.author.sum_gold) for a in task.annotations.all()}
    assert scores == {right.pk: (1, 1.0), wrong.pk: (1, 0.0)}
    assert consensus.settle(task_id=task.pk) is None
