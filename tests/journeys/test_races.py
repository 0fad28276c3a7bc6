"""What happens at once: on PostgreSQL no deadlock, on both databases counts that add up."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection, connections, transaction

from portal.errors import PortalError
from portal.models import (
    Annotator,
    Assignment,
    Consensus,
    Event,
    Prediction,
    Task,
    User,
    Video,
)
from portal.services import (
    annotations,
    annotators,
    assignments,
    consensus,
    predictions,
    refits,
    votes,
)
from portal.services.predictions import PredictionItem
from tests.factories import (
    AnnotationFactory,
    AnnotatorFactory,
    ProjectFactory,
    TaskFactory,
    UserFactory,
)
from tests.waiting import eventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("processes")]

ROUNDS = 8
WORDS = ("a red ball moves left", "the red ball is moving left", "two men cook fish")


@pytest.fixture(autouse=True)
def plain_words(settings) -> None:
    settings.ENCODER = "none"


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Do them all from one starting gun; a refusal is an answer, any other failure is raised."""
    gun = threading.Barrier(len(acts))

    def act(one: Callable[[], object]) -> object:
        gun.wait(timeout=30)
        return apart(one)

    with ThreadPoolExecutor(len(acts)) as pool:
        return [done.result(timeout=60) for done in [pool.submit(act, one) for one in acts]]


def apart(act: Callable[[], object]) -> object:
    """Do it on a connection of this thread's own; a refusal is an answer."""
    try:
        return act()
    except PortalError as refusal:
        return refusal
    finally:
        connections.close_all()


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        # A transaction sees the first picture it was shown until it throws that away.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT 1 FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone() is not None


def miscounted() -> list[int]:
    """Tasks whose counts of slots and captions are not those of their rows."""
    held = Counter(Assignment.objects.holding().values_list("task_id", flat=True))
    standing = Counter(
        Task.objects.filter(annotations__state="standing").values_list("pk", flat=True)
    )
    return [
        task.pk
        for task in Task.objects.all()
        if (task.n_taken, task.n_captions) != (held[task.pk], standing[task.pk])
    ]


def recomputed_otherwise() -> list[int]:
    """Consensus rows that their own snapshot does not give again."""
    return [
        row.pk
        for row in Consensus.objects.select_related("task__project")
        if (again := consensus.recompute(row)).winner != row.annotation_id
        or (again.confidence, again.agreement) != (row.confidence, row.agreement)
    ]


def test_a_submit_a_release_a_skip_and_a_revocation_at_once_end_one_lease_once():
    for _ in range(ROUNDS):
        task = TaskFactory()
        one, other = AnnotatorFactory.create_batch(2, project=task.project)
        lease, second = (assignments.claim(annotator=who) for who in (one, other))
        at_once(
            partial(annotations.submit, task=task, annotator=one, text=WORDS[0], token=lease.token),
            partial(assignments.release, token=lease.token, annotator=one),
            partial(assignments.skip, token=lease.token, annotator=one, reason="unsafe"),
            partial(assignments.heartbeat, token=lease.token, annotator=one),
            partial(assignments.revoke, assignment=lease, actor="user:m"),
            partial(assignments.skip, token=second.token, annotator=other, reason="unsafe"),
        )
    assert miscounted() == []


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.parametrize("names_it", [False, True])
def test_who_asks_while_somebody_is_at_the_only_task_waits_for_it(names_it):
    task = TaskFactory()
    annotator = AnnotatorFactory(project=task.project)
    named = task if names_it else None
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Task.objects.select_for_update().get(pk=task.pk)
            asked = pool.submit(apart, partial(assignments.claim, annotator=annotator, task=named))
            assert eventually(lambda: somebody_waits_for_a_lock() or asked.done())
        given = asked.result(timeout=60)
    assert isinstance(given, Assignment)
    assert given.task_id == task.pk


def test_batches_about_the_same_clips_at_once_store_each_prediction_and_open_each_task_once():
    project = ProjectFactory(uncertain_share=1.0, evaluation_share=0.0)

    def post(version: str, order: int) -> object:
        items = [
            PredictionItem(
                video_id=f"v{n}",
                caption="a ball",
                model_version=version,
                uncertainty=random.random(),
                video_url=f"https://clips.example.org/{n}",
            )
            for n in range(60)
        ]
        return predictions.ingest(project=project, items=items[::order])

    for n in range(3):
        at_once(
            partial(post, f"a{n}", 1),
            partial(post, f"a{n}", -1),
            partial(post, f"b{n}", 1),
            partial(post, f"c{n}", -1),
        )
    assert (Video.objects.count(), Task.objects.count()) == (60, 60)
    assert Prediction.objects.standing().count() == 3 * 3 * 60
    assert not Prediction.objects.unconsidered().exists()


def test_sixteen_who_finalise_at_once_get_the_same_consensus():
    task = TaskFactory(project=ProjectFactory(threshold=1.0), n_wanted=3)
    for text in WORDS[:2]:
        AnnotationFactory(task=task, text=text)
    answers = at_once(*[lambda: consensus.finalise(task=task, actor="token:t").pk] * 16)
    assert len(set(answers)) == 1
    assert Consensus.objects.filter(status="finalised").count() == 1
    assert recomputed_otherwise() == []


def test_sixteen_who_settle_one_task_at_once_write_one_result():
    """F16: a consensus job that is started many times does what one does."""
    for _ in range(3):
        task = TaskFactory(project=ProjectFactory(threshold=0.0), n_wanted=3)
        for text in (WORDS[0], WORDS[1], WORDS[0]):
            AnnotationFactory(task=task, text=text)
        at_once(*[partial(consensus.settle, task_id=task.pk)] * 16)
        stands = Consensus.objects.get(task=task)
        assert (stands.status, stands.number, stands.is_standing) == ("accepted", 1, True)
        assert Event.objects.filter(type="consensus.reached", project=task.project).count() == 1
        again = [lambda pk=stands.pk: annotators.credit(consensus_id=pk)] * 4
        at_once(*again)
        assert {a.author.n_residuals for a in task.annotations.all()} == {1}
    assert recomputed_otherwise() == []
    assert summed_otherwise() == []


def test_refits_at_once_write_one_version_each_and_re_open_a_task_once():
    for _ in range(3):
        project = ProjectFactory(threshold=0.0, audit_share=0.0)
        people = AnnotatorFactory.create_batch(3, project=project)
        task = TaskFactory(project=project, n_wanted=3)
        for author, text in zip(people, (WORDS[0], WORDS[0], WORDS[2]), strict=True):
            AnnotationFactory(task=task, author=author, text=text)
        consensus.settle(task_id=task.pk)
        at_once(*[lambda project=project: refits.refit(project=project)] * 4)
        newest, *older = project.refits.order_by("-number")
        assert [row.number for row in (newest, *older)] == list(range(newest.number, 0, -1))
        Consensus.objects.filter(task=task).update(status="accepted", confidence=0.99, refit=None)
        Task.objects.filter(pk=task.pk).update(state="settled")
        Annotator.objects.filter(project=project).update(skill=-0.4)
        Annotator.objects.filter(pk=people[2].pk).update(skill=0.4)
        at_once(*[lambda pk=newest.pk: consensus.reconsider(refit_id=pk)] * 4)
        newest.refresh_from_db()
        assert newest.n_reopened == 1
        assert task.consensuses.count() == 2
    assert summed_otherwise() == []


def test_of_experts_who_decide_at_once_one_does():
    for _ in range(ROUNDS):
        task = TaskFactory(project=ProjectFactory(max_captions=2, min_captions=2), n_wanted=2)
        for text in (WORDS[0], WORDS[2]):
            author = AnnotatorFactory(project=task.project)
            annotations.submit(task=task, annotator=author, text=text, without_lease=True)
        chosen = task.annotations.first()
        experts: list[User] = UserFactory.create_batch(3)
        at_once(
            *[
                partial(
                    consensus.review,
                    task=task,
                    reviewer=expert,
                    decision=what,
                    annotation_id=chosen.pk,
                    text="a ball",
                    reason="I looked twice.",
                )
                for expert, what in zip(experts, ("choose", "write", "more"), strict=True)
            ],
            partial(
                votes.cast,
                task=task,
                voter=task.annotations.last().author,
                score=0.5,
                annotation_id=chosen.pk,
            ),
        )
        assert task.reviews.count() == 1
    assert summed_otherwise() == []


def test_of_auditors_who_come_at_once_one_is_given_the_clip_and_one_finding_is_kept():
    for _ in range(3):
        project = ProjectFactory(threshold=0.0, audit_share=1.0)
        task = TaskFactory(project=project, n_wanted=3)
        for text in (WORDS[0], WORDS[1], WORDS[0]):
            AnnotationFactory(task=task, text=text)
        consensus.settle(task_id=task.pk)
        experts: list[User] = UserFactory.create_batch(4)
        leases = at_once(
            *[partial(consensus.next_audit, project=project, user=expert) for expert in experts]
        )
        given = [lease for lease in leases if lease is not None]
        assert len(given) == 1
        auditor = given[0].reviewer
        consensus.write_blind(task=task, user=auditor, words="a ball rolls")
        find = partial(
            consensus.audit, task=task, reviewer=auditor, finding="refute", reason="A box."
        )
        at_once(*[find] * 4)
        assert task.reviews.count() == 1
        assert task.consensuses.count() == 2
        task.refresh_from_db()
        assert task.state == "disputed"


def summed_otherwise() -> list[int]:
    """Annotators whose sums are not those of what they were credited with."""
    return [
        person.pk
        for person in Annotator.objects.all()
        for owned in [list(person.residuals.values_list("n_credited", "credited"))]
        if person.n_residuals != sum(n for n, _ in owned)
        or abs(person.sum_residuals - sum(value for _, value in owned)) > 1e-9
    ]


def test_credits_of_the_same_people_and_a_refit_at_once_lose_nothing():
    project = ProjectFactory(threshold=0.0)
    people = AnnotatorFactory.create_batch(4, project=project)
    settled = []
    for n in range(6):
        task = TaskFactory(project=project, n_wanted=4)
        # Each task's captions come in another order, so that locks would be taken crosswise.
        for author, text in zip(people[n % 4 :] + people[: n % 4], [*WORDS, "snow"], strict=True):
            AnnotationFactory(task=task, author=author, text=text)
        settled.append(task.pk)

    def settle(task_pk: int) -> None:
        written = consensus.settle(task_id=task_pk)
        annotators.credit(consensus_id=written.pk)

    at_once(*[lambda pk=pk: settle(pk) for pk in settled], lambda: refits.refit(project=project))
    assert set(Annotator.objects.values_list("n_residuals", flat=True)) == {6}
    assert summed_otherwise() == []
    assert recomputed_otherwise() == []


def test_corrections_withdrawals_and_new_captions_while_settling_leave_nothing_unweighed():
    for _ in range(ROUNDS):
        task = TaskFactory(project=ProjectFactory(threshold=1.0), n_wanted=4)
        one, other, third = (AnnotationFactory(task=task, text=text) for text in WORDS)
        late = AnnotatorFactory(project=task.project)
        at_once(
            partial(annotations.withdraw, annotation=one, author=one.author),
            partial(annotations.revise, annotation=other, author=other.author, text="snow falls"),
            partial(
                annotations.submit,
                task=task,
                annotator=late,
                text=WORDS[1],
                without_lease=True,
            ),
            partial(votes.cast, task=task, voter=one.author, score=0.9, annotation_id=third.pk),
            partial(consensus.settle, task_id=task.pk),
        )
    assert not Task.objects.unsettled().exists()
    assert miscounted() == []
    assert recomputed_otherwise() == []
