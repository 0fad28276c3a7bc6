"""The blind audit: drawn by chance, written before seen, kept with its chance, answered for."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from portal import jobs
from portal.errors import Conflict, InvalidInput, NotAllowed, TaskClosed
from portal.models import Consensus, Event, Review, ReviewLease, Task
from portal.services import consensus
from tests.factories import (
    AnnotationFactory,
    AnnotatorFactory,
    ConsensusFactory,
    ProjectFactory,
    TaskFactory,
    UserFactory,
    VoteFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def plain_words(settings) -> None:
    settings.ENCODER = "none"


def settled(n: int = 1, **rules: object) -> list[Task]:
    """Tasks of one project that three people agreed on."""
    project = ProjectFactory(**{"threshold": 0.0} | rules)
    people = AnnotatorFactory.create_batch(3, project=project)
    tasks = TaskFactory.create_batch(n, project=project, n_wanted=3)
    for task in tasks:
        for author in people:
            AnnotationFactory(task=task, author=author, text="a red ball moves left")
        consensus.settle(task_id=task.pk)
        task.refresh_from_db()
    return tasks


@pytest.fixture
def drawn() -> Task:
    return settled(audit_share=1.0)[0]


@pytest.fixture
def expert():
    return UserFactory()


def test_about_the_stated_share_is_drawn_and_with_its_chance():
    tasks = settled(40, audit_share=0.3)
    drawn = [task for task in tasks if task.is_audited]
    assert 4 <= len(drawn) <= 20
    assert {task.audit_probability for task in drawn} == {0.3}
    assert {task.audit_probability for task in tasks if not task.is_audited} == {0.0}


def test_the_draw_is_the_same_each_time_and_only_what_captions_closed_is_drawn(drawn):
    assert drawn.is_audited
    finalised = TaskFactory(project=drawn.project)
    AnnotationFactory(task=finalised, text="snow")
    consensus.finalise(task=finalised, actor="token:t")
    finalised.refresh_from_db()
    assert not finalised.is_audited
    assert settled(audit_share=0.0)[0].is_audited is False


def test_an_auditor_writes_first_and_then_finds_it_right(drawn, expert):
    lease = consensus.next_audit(project=drawn.project, user=expert)
    assert (lease.task, lease.words) == (drawn, "")
    consensus.write_blind(task=drawn, user=expert, words="a ball rolls to the left")
    review = consensus.audit(task=drawn, reviewer=expert, finding="uphold")
    assert (review.is_audit, review.probability, review.text) == (
        True, 1.0, "a ball rolls to the left",
    )  # fmt: skip
    assert review.consensus == Consensus.objects.standing().get(task=drawn)
    drawn.refresh_from_db()
    assert (drawn.state, drawn.audited_at is not None) == ("settled", True)
    assert not ReviewLease.objects.exists()
    assert consensus.next_audit(project=drawn.project, user=UserFactory()) is None


def test_who_has_not_written_first_finds_nothing(drawn, expert):
    with pytest.raises(Conflict, match="Write what happens"):
        consensus.audit(task=drawn, reviewer=expert, finding="uphold")
    with pytest.raises(InvalidInput):
        consensus.write_blind(task=drawn, user=expert, words="  ")


def test_words_that_were_written_blind_are_not_changed_after_the_unveiling(drawn, expert):
    consensus.write_blind(task=drawn, user=expert, words="a ball rolls left")
    lease = consensus.write_blind(task=drawn, user=expert, words="a red ball moves left")
    assert lease.words == "a ball rolls left"


def test_a_caption_found_wrong_goes_to_the_experts_with_the_auditors_words(
    drawn, expert, django_capture_on_commit_callbacks
):
    stood = Consensus.objects.standing().get(task=drawn)
    consensus.write_blind(task=drawn, user=expert, words="a red box moves left")
    with pytest.raises(InvalidInput):
        consensus.audit(task=drawn, reviewer=expert, finding="refute", reason=" ")
    with django_capture_on_commit_callbacks(execute=True):
        consensus.audit(task=drawn, reviewer=expert, finding="refute", reason="It is a box.")
    drawn.refresh_from_db()
    contested = Consensus.objects.standing().get(task=drawn)
    assert (drawn.state, contested.status, contested.number) == ("disputed", "disputed", 2)
    assert contested.reason == "An audit found it wrong: It is a box."
    assert not Consensus.objects.trainable().filter(task=drawn).exists()
    assert Event.objects.filter(type="task.disputed").count() == 1
    assert Review.objects.get().consensus == stood
    again = consensus.recompute(contested)
    assert (again.confidence, again.winner) == (stood.confidence, stood.annotation_id)
    consensus.review(task=drawn, reviewer=expert, decision="write", text="a box", reason="Look.")
    drawn.refresh_from_db()
    assert drawn.state == "settled"
    assert not Task.objects.awaiting_audit_by(UserFactory().pk, drawn.project_id).exists()


def test_a_lost_announcement_of_a_wrong_caption_is_swept_up(drawn, expert):
    consensus.write_blind(task=drawn, user=expert, words="a red box moves left")
    consensus.audit(task=drawn, reviewer=expert, finding="refute", reason="It is a box.")
    jobs.sweep()
    drawn.refresh_from_db()
    assert drawn.state == "disputed"


def test_nobody_audits_what_they_captioned_scored_or_decided(drawn):
    author, voter, decider = UserFactory.create_batch(3)
    row = drawn.annotations.first()
    row.author.user = author
    row.author.save()
    VoteFactory(annotation=row, voter=AnnotatorFactory(project=drawn.project, user=voter))
    Review.objects.create(task=drawn, reviewer=decider, decision="more", reason="Blurred.")
    for user in (author, voter, decider):
        assert consensus.next_audit(project=drawn.project, user=user) is None
        with pytest.raises(NotAllowed):
            consensus.write_blind(task=drawn, user=user, words="a ball")


def test_an_audit_is_one_experts_until_they_give_it_back_or_leave_it_too_long(drawn, expert):
    other = UserFactory()
    assert consensus.next_audit(project=drawn.project, user=expert).reviewer == expert
    assert consensus.next_audit(project=drawn.project, user=other) is None
    with pytest.raises(Conflict, match="take another one"):
        consensus.write_blind(task=drawn, user=other, words="a ball")
    assert consensus.give_back(task=drawn, user=expert)
    assert not consensus.give_back(task=drawn, user=expert)
    assert consensus.next_audit(project=drawn.project, user=other).reviewer == other
    consensus.write_blind(task=drawn, user=other, words="a ball")
    ReviewLease.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    assert consensus.next_audit(project=drawn.project, user=other).words == "a ball"
    ReviewLease.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    lease = consensus.next_audit(project=drawn.project, user=expert)
    assert (lease.reviewer, lease.words) == (expert, "")


def test_what_was_put_off_comes_last(expert):
    first, second = settled(2, audit_share=1.0)
    got = consensus.next_audit(project=first.project, user=expert)
    assert got.task == first
    consensus.give_back(task=first, user=expert)
    assert consensus.next_audit(project=first.project, user=expert, after=first.pk).task == second


@pytest.mark.parametrize("change", [{"state": "open"}, {"audited_at": timezone.now()}])
def test_what_was_re_opened_or_audited_meanwhile_is_not_audited(drawn, expert, change):
    consensus.write_blind(task=drawn, user=expert, words="a ball")
    Task.objects.filter(pk=drawn.pk).update(**change)
    with pytest.raises(TaskClosed):
        consensus.audit(task=drawn, reviewer=expert, finding="uphold")
    assert not Review.objects.exists()


def test_a_dispute_is_one_experts_for_a_while():
    task = TaskFactory(state="disputed")
    ConsensusFactory(task=task, status="disputed")
    one, other = UserFactory.create_batch(2)
    assert consensus.take(task=task, user=one).reviewer == one
    assert consensus.take(task=task, user=other).reviewer == one
    with pytest.raises(Conflict, match=f"{one.name_shown} is at"):
        consensus.review(task=task, reviewer=other, decision="reject", reason="Black.")
    assert list(Task.objects.disputed_for(other.pk, task.project_id)) == []
    assert list(Task.objects.disputed_for(one.pk, task.project_id)) == [task]
    ReviewLease.objects.update(expires_at=F("expires_at") - timedelta(hours=1))
    assert list(Task.objects.disputed_for(other.pk, task.project_id)) == [task]
    consensus.review(task=task, reviewer=other, decision="reject", reason="Black.")
    assert not ReviewLease.objects.exists()
