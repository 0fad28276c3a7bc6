"""The nightly refit: when it is due, what it swaps, what it re-opens, and what calibrates it."""

from datetime import timedelta

import numpy as np
import pytest
from django.db.models import F
from django.utils import timezone

from portal import jobs
from portal.algorithms import reliability
from portal.models import (
    Annotator,
    AuditEntry,
    Consensus,
    Project,
    Refit,
    Residual,
    Review,
    Task,
    User,
)
from portal.services import annotators, consensus, refits
from portal.services.consensus import reconsidering
from portal.services.consensus.evidence import gather
from portal.services.refits import evidence
from portal.services.refits.swapping import swap
from tests.factories import (
    AnnotationFactory,
    AnnotatorFactory,
    BatchItemFactory,
    JobFactory,
    ProjectFactory,
    ReviewFactory,
    TaskFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db

SAME = ["a red ball moves left", "the red ball is moving left", "a red ball goes to the left"]
COLOURS = ("red", "blue", "green", "grey", "pink", "black")
SHAPES = ("ball", "box", "star", "ring", "cone")
WAYS = ("left", "right", "up", "down", "in a circle")
PHRASES = (
    "a {} {} moves {}", "the {} {} is moving {}", "a {} {} goes {}", "one {} {} drifts {}",
    "there is a {} {} moving {}",
)  # fmt: skip


@pytest.fixture(autouse=True)
def plain_words(settings) -> None:
    """Wordings alone: a sentence encoder adds nothing to what is tested here."""
    settings.ENCODER = "none"


def settled(project: Project, people: list[Annotator], texts: list[str]) -> Task:
    """Caption a task, settle it and credit its people, as the hooks do."""
    task = TaskFactory(project=project, n_wanted=len(texts))
    for author, text in zip(people, texts, strict=True):
        AnnotationFactory(task=task, author=author, text=text)
    weighed = consensus.settle(task_id=task.pk)
    annotators.credit(consensus_id=weighed.pk)
    task.refresh_from_db()
    return task


def crowd(
    n_tasks: int = 24,
    wrong: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.9),
    project: Project | None = None,
) -> tuple[Project, list[Annotator]]:
    """A project in which people are wrong with these chances, each task settled by all of them."""
    rng = np.random.default_rng(7)
    project = project or ProjectFactory(threshold=0.0, audit_share=0.0)
    people = AnnotatorFactory.create_batch(len(wrong), project=project)
    for _ in range(n_tasks):
        what = [rng.choice(words) for words in (COLOURS, SHAPES, WAYS)]
        texts = []
        for chance in wrong:
            said = [rng.choice(w) for w in (COLOURS, SHAPES, WAYS)]
            phrase = rng.choice(PHRASES)
            texts.append(phrase.format(*(said if rng.random() < chance else what)))
        settled(project, people, texts)
    return project, people


def later() -> object:
    return timezone.now() + timedelta(hours=25)


def made(days: float, **fields: object) -> Project:
    return ProjectFactory(created_at=timezone.now() - timedelta(days=days), **fields)


def test_a_project_is_due_a_day_after_its_last_refit_where_something_was_settled_since():
    young, quiet, busy = made(0.5, threshold=0.0), made(3), made(3, threshold=0.0)
    for project in (young, busy):
        settled(project, AnnotatorFactory.create_batch(3, project=project), SAME)
    assert refits.due() == [busy.pk]
    assert jobs.refit_due() == 1
    assert refits.due() == []
    assert refits.due(now=later()) == [young.pk]  # nothing new in the busy one
    settled(busy, AnnotatorFactory.create_batch(3, project=busy), SAME)
    assert set(refits.due(now=later())) == {young.pk, busy.pk}
    assert quiet.refits.count() == 0


def test_a_review_is_news_too():
    project = made(3, threshold=0.0)
    task = settled(project, AnnotatorFactory.create_batch(3, project=project), SAME)
    refits.refit(project=project)
    assert refits.due(now=later()) == []
    ReviewFactory(task=task, created_at=timezone.now() + timedelta(hours=1))
    assert refits.due(now=later()) == [project.pk]


def test_a_project_without_captions_is_not_fitted():
    assert refits.refit(project=ProjectFactory()) is None


def test_a_refit_restates_everybody_from_what_it_found():
    project, people = crowd()
    first = refits.refit(project=project)
    fitted = Annotator.objects.in_bulk([person.pk for person in people])
    ranked = sorted(people, key=lambda person: fitted[person.pk].reliability)
    assert ranked[0] == people[-1]
    for person in fitted.values():
        own = person.residuals.all()
        assert person.n_residuals == own.count() == 24
        assert person.sum_residuals == pytest.approx(sum(row.credited for row in own))
    assert not Residual.objects.exclude(value=F("credited")).exists()
    assert (first.number, first.n_captions) == (1, 120)


def test_a_second_refit_of_the_same_evidence_changes_next_to_nothing():
    project, people = crowd(12)
    refits.refit(project=project)
    before = dict(Annotator.objects.values_list("pk", "skill"))
    second = refits.refit(project=project)
    after = dict(Annotator.objects.values_list("pk", "skill"))
    assert second.number == 2
    assert all(abs(after[person.pk] - before[person.pk]) < 0.01 for person in people)


def test_online_skills_and_winners_agree_with_those_of_a_refit():
    """The reference's row 15, through the services: the same winner on 85 % at the very least."""
    project, people = crowd(40)
    online = dict(Annotator.objects.values_list("pk", "skill"))
    won = dict(Consensus.objects.standing().values_list("task_id", "caption"))
    refits.refit(project=project)
    fitted = dict(Annotator.objects.values_list("pk", "skill"))
    pairs = [(online[person.pk], fitted[person.pk]) for person in people]
    assert np.corrcoef(np.array(pairs).T)[0, 1] > 0.95
    again = {task.pk: gathered_now(task) for task in Task.objects.filter(project=project)}
    assert np.mean([again[pk] == won[pk] for pk in won]) >= 0.85


def gathered_now(task: Task) -> str:
    return gather(task).decision.caption


def test_crediting_after_a_refit_changes_nothing():
    project, _ = crowd(6)
    refits.refit(project=project)
    before = list(Annotator.objects.values_list("pk", "n_residuals", "sum_residuals"))
    for row in Consensus.objects.standing():
        annotators.credit(consensus_id=row.pk)
    assert list(Annotator.objects.values_list("pk", "n_residuals", "sum_residuals")) == before


def test_a_refit_that_comes_second_is_dropped():
    project, people = crowd(6)
    seen = evidence.gather(project, None)
    slow = reliability.refit(seen.captions)
    assert refits.refit(project=project).number == 1
    before = list(Annotator.objects.values_list("pk", "skill"))
    assert swap(project, after=0, evidence=seen, fitted=slow, n_labels=0) is None
    assert Refit.objects.get().number == 1
    assert list(Annotator.objects.values_list("pk", "skill")) == before
    assert len(people) == len(before)


def test_what_was_weighed_while_a_refit_ran_keeps_its_own_residuals():
    project, people = crowd(6)
    seen = evidence.gather(project, None)
    slow = reliability.refit(seen.captions)
    moved = Task.objects.filter(project=project).first()
    Task.objects.filter(pk=moved.pk).update(state="disputed")
    moved.annotations.filter(author=people[0]).update(text="snow falls on a roof")
    Task.objects.raise_revision(moved.pk)
    row = consensus.settle(task_id=moved.pk)
    annotators.credit(consensus_id=row.pk)
    own = dict(moved.residuals.values_list("annotator_id", "credited"))
    assert swap(project, after=0, evidence=seen, fitted=slow, n_labels=0).number == 1
    assert dict(moved.residuals.values_list("annotator_id", "credited")) == own
    assert not Residual.objects.exclude(value=F("credited")).exists()


def test_what_an_expert_decided_still_speaks_for_people_after_a_refit():
    project = ProjectFactory(min_captions=2, max_captions=2, threshold=0.9)
    ada, bob = AnnotatorFactory.create_batch(2, project=project)
    disputed = settled(project, [ada, bob], ["a red ball moves left", "two men cook fish"])
    Task.objects.filter(pk=disputed.pk).update(state="disputed")
    consensus.review(
        task=disputed,
        reviewer=UserFactory(),
        decision="choose",
        annotation_id=disputed.annotations.get(author=ada).pk,
        reason="It is a ball.",
    )
    for row in Consensus.objects.standing():
        annotators.credit(consensus_id=row.pk)
    settled(project, [ada, bob], ["a box moves up", "the box moves up"])
    refits.refit(project=project)
    ada.refresh_from_db()
    bob.refresh_from_db()
    assert (ada.n_residuals, bob.n_residuals) == (2, 2)
    assert ada.skill > 0 > bob.skill


def turned(texts=("a red ball moves left", "a red ball moves left", "snow falls"), **stood):
    """A task that captions closed, and a refit with which its last author convinces more."""
    project = ProjectFactory(min_captions=2, max_captions=3, threshold=0.6, audit_share=0.0)
    people = AnnotatorFactory.create_batch(3, project=project)
    task = settled(project, people, list(texts))
    refits.refit(project=project)
    Annotator.objects.filter(project=project).update(skill=-0.4)
    Annotator.objects.filter(pk=people[2].pk).update(skill=0.4)
    stood = {"status": "accepted", "confidence": 0.95, "refit": None} | stood
    Consensus.objects.filter(task=task).update(**stood)
    Task.objects.filter(pk=task.pk).update(state="settled", closed_at=timezone.now())
    return task, Refit.objects.get()


def test_a_changed_winner_and_confidence_re_open_a_task_and_say_why():
    task, refit = turned()
    before = Consensus.objects.standing().get(task=task)
    for _ in range(3):
        jobs.reconsider()
    task.refresh_from_db()
    refit.refresh_from_db()
    after = Consensus.objects.standing().get(task=task)
    assert (before.caption, after.caption) == ("a red ball moves left", "snow falls")
    assert (after.number, after.status, task.state) == (2, "disputed", "open")
    assert after.reason.startswith("Refit 1 prefers another caption: confidence 0.95 became 0.39.")
    assert after.refit == refit
    assert (refit.n_reopened, refit.reconsidered_at is not None) == (1, True)
    assert AuditEntry.objects.get(action="task.reopened").actor == "refit:1"
    assert Consensus.objects.count() == 2
    hooks_of(after)
    task.refresh_from_db()
    assert task.state == "disputed"


def hooks_of(contested: Consensus) -> None:
    """What follows from a contested consensus once its transaction has committed."""
    jobs.sweep()
    assert Consensus.objects.get(pk=contested.pk).is_credited


def test_every_version_of_a_re_opened_task_recomputes_to_what_is_stored():
    task, _ = turned()
    jobs.reconsider()
    assert Consensus.objects.filter(task=task).count() == 2
    newest = Consensus.objects.standing().select_related("task__project").get(task=task)
    again = consensus.recompute(newest)
    stored = (newest.annotation_id, newest.caption, newest.confidence, newest.agreement)
    assert (again.winner, again.caption, again.confidence, again.agreement) == stored
    assert [c.score for c in again.candidates] == [c["score"] for c in newest.candidates]


@pytest.mark.parametrize(
    "stood",
    [
        {"status": "decided"},
        {"status": "finalised"},
        {"caption": "Snow falls."},  # the same words win again
        {"confidence": 0.5},  # other words, about as sure
    ],
)
def test_nothing_else_re_opens_a_task(stood):
    task, _ = turned(**stood)
    for _ in range(2):
        jobs.reconsider()
    task.refresh_from_db()
    assert task.state == "settled"
    assert Consensus.objects.count() == 1
    assert not Refit.objects.unreconsidered().exists()


def test_what_an_audit_upheld_is_not_re_opened():
    task, _ = turned()
    ReviewFactory(
        task=task,
        consensus=Consensus.objects.standing().get(task=task),
        decision="uphold",
        is_audit=True,
        probability=0.05,
    )
    jobs.reconsider()
    assert Consensus.objects.count() == 1


def test_a_re_opened_task_names_the_batch_that_its_earlier_version_was_trained_on():
    task, _ = turned()
    stands = Consensus.objects.standing().get(task=task)
    item = BatchItemFactory(
        consensus=stands, task=task, batch__project=task.project, batch__mini_batch_id="june-1"
    )
    JobFactory(batch=item.batch, project=task.project, state="promoted")
    jobs.reconsider()
    newest = Consensus.objects.standing().get(task=task)
    assert newest.reason.endswith("Version 1 was trained on in june-1, which keeps it.")
    item.refresh_from_db()
    assert item.consensus == stands
    assert not Consensus.objects.trainable().unbatched().filter(task=task).exists()


def test_looking_again_goes_on_where_it_was_killed(monkeypatch):
    monkeypatch.setattr(reconsidering, "AT_ONCE", 1)
    project, _ = crowd(3)
    Consensus.objects.update(status="accepted", confidence=0.5)
    Task.objects.update(state="settled")
    refit = refits.refit(project=project)
    steps = []
    while Refit.objects.unreconsidered().exists():
        steps.append(consensus.reconsider(refit_id=refit.pk))
    assert steps == [1, 1, 1, 0]
    assert consensus.reconsider(refit_id=refit.pk) == 0


def reviewed(project: Project, n: int, *, right: bool, reviewer: User, **audit: object) -> None:
    """Tasks of which an expert said whether the caption that led was right."""
    for _ in range(n):
        people = AnnotatorFactory.create_batch(3, project=project)
        task = settled(project, people, SAME)
        stands = Consensus.objects.standing().get(task=task)
        ReviewFactory(
            task=task,
            consensus=stands,
            reviewer=reviewer,
            decision="choose" if right else "write",
            annotation=stands.annotation if right else None,
            **audit,
        )


def test_confidence_is_calibrated_from_25_reviewed_tasks_on():
    project, expert = ProjectFactory(threshold=0.0), UserFactory()
    reviewed(project, 6, right=True, reviewer=expert)
    reviewed(project, 18, right=False, reviewer=expert)
    early = refits.refit(project=project)
    assert (early.n_labels, early.parameters["calibration"]) == (24, [1.0, 0.0])
    reviewed(project, 1, right=False, reviewer=expert)
    fitted = refits.refit(project=project)
    a, b = fitted.parameters["calibration"]
    assert fitted.n_labels == 25
    assert b < -0.2
    task = settled(project, AnnotatorFactory.create_batch(3, project=project), SAME)
    stands = Consensus.objects.standing().select_related("task__project").get(task=task)
    assert stands.inputs["parameters"]["calibration"] == [a, b]
    assert stands.confidence < Consensus.objects.order_by("id").first().confidence - 0.1
    assert consensus.recompute(stands).confidence == stands.confidence


def test_an_audit_drawn_by_chance_stands_for_those_that_were_not_drawn():
    """Thirty disputes were wrong, two audits of a twentieth right: most of the project is right."""
    project, expert = ProjectFactory(threshold=0.0), UserFactory()
    reviewed(project, 25, right=False, reviewer=expert)
    biased = refits.refit(project=project).parameters["calibration"]
    people = AnnotatorFactory.create_batch(3, project=project)
    for _ in range(3):
        task = settled(project, people, SAME)
        ReviewFactory(
            task=task,
            consensus=Consensus.objects.standing().get(task=task),
            reviewer=expert,
            decision="uphold",
            is_audit=True,
            probability=0.05,
        )
    fitted = refits.refit(project=project)
    assert fitted.n_labels == 28
    assert fitted.parameters["calibration"][1] > biased[1] + 0.5


def test_an_audited_task_counts_once_however_often_it_was_reviewed():
    project, expert = ProjectFactory(threshold=0.0), UserFactory()
    reviewed(project, 1, right=False, reviewer=expert)
    review = Review.objects.get()
    ReviewFactory(
        task=review.task, consensus=review.consensus, decision="refute", is_audit=True,
        probability=0.05,
    )  # fmt: skip
    assert refits.refit(project=project).n_labels == 1


def test_gold_answers_calibrate_as_the_consensus_they_would_have_made():
    project = ProjectFactory(threshold=0.0)
    people = AnnotatorFactory.create_batch(3, project=project)
    settled(project, people, SAME)
    gold = TaskFactory(project=project, is_gold=True, n_wanted=9)
    gold.references.create(text="a red ball moves left")
    for author, text in zip(people, SAME, strict=True):
        AnnotationFactory(task=gold, author=author, text=text)
    TaskFactory(project=project, is_gold=True).references.create(text="unanswered")
    assert refits.refit(project=project).n_labels == 1
