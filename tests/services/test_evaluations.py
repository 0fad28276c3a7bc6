"""A retrained model beside its original: per task, overall, and what the gate makes of it."""

import hashlib
from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from portal.errors import Conflict, InvalidInput, NotComparable, NotFound
from portal.models import (
    AuditEntry,
    Evaluation,
    EvaluationItem,
    Event,
    ModelVersion,
    Prediction,
    Project,
    RetrainJob,
    Task,
)
from portal.services import evaluations
from tests.factories import (
    BatchItemFactory,
    ConsensusFactory,
    EvaluationFactory,
    JobFactory,
    PredictionFactory,
    ProjectFactory,
    TaskFactory,
    VersionFactory,
    VideoFactory,
)

pytestmark = pytest.mark.django_db

TRUTHS = [
    f"a {size} {colour} {shape} moves {way}"
    for size, colour, shape, way in zip(
        ["small", "large"] * 6,
        ["red", "blue", "green"] * 4,
        ["circle", "square", "triangle", "star"] * 3,
        ["left", "right", "up", "down", "away", "back"] * 2,
        strict=True,
    )
]
WRONG = "two dogs are sleeping on a sofa"


@pytest.fixture(autouse=True)
def lexical(settings) -> None:
    settings.ENCODER = "none"


def said(project: Project, version: ModelVersion, task: Task, caption: str) -> Prediction:
    return PredictionFactory(
        project=project,
        version=version,
        video=task.video,
        start_ms=task.start_ms,
        end_ms=task.end_ms,
        caption=caption,
    )


def held_out_tasks(project: Project, truths=TRUTHS) -> list[Task]:
    tasks = []
    for truth in truths:
        video = VideoFactory(project=project, is_evaluation=True)
        consensus = ConsensusFactory(
            task__project=project,
            task__video=video,
            caption=truth,
            candidates=[{"caption": truth}],
        )
        tasks.append(consensus.task)
    return tasks


def finished_job(before: list[str], after: list[str], **fields) -> RetrainJob:
    """A job whose two models have said these captions of as many held-out clips."""
    project = ProjectFactory(**fields)
    tasks = held_out_tasks(project, TRUTHS[: len(before)])
    old, new = VersionFactory(project=project), VersionFactory(project=project)
    for task, first, second in zip(tasks, before, after, strict=True):
        said(project, old, task, first)
        if second:
            said(project, new, task, second)
    return JobFactory(
        project=project,
        version=old,
        new_version=new,
        state="succeeded",
        heard_at=timezone.now(),
    )


def better() -> RetrainJob:
    return finished_job([WRONG] * 12, TRUTHS)


# --- overall ------------------------------------------------------------------------------------


def test_a_model_that_is_surely_better_is_to_be_promoted():
    job = better()
    found = evaluations.compare(job_id=job.pk)
    job.refresh_from_db()
    assert found.verdict == "promote"
    assert (found.n_tasks, found.n_wins, found.n_losses) == (12, 12, 0)
    assert job.state == "succeeded"  # a manager promotes
    for name in ("agreement", "cider_d", "chrf", "bleu_4", "rouge_l"):
        figures = found.metrics[name]
        assert figures["retrained"] > figures["original"]
        assert figures["delta"] == pytest.approx(figures["retrained"] - figures["original"])
    assert found.metrics["agreement"]["low"] > 0


def test_a_model_that_is_surely_worse_is_rejected():
    job = finished_job(TRUTHS, [WRONG] * 12)
    found = evaluations.compare(job_id=job.pk)
    job.refresh_from_db()
    assert (found.verdict, job.state) == ("reject", "rejected")
    with pytest.raises(Conflict):
        evaluations.promote(evaluation=found, actor="user:m")
    assert job.new_version.state == "candidate"


def test_two_models_that_say_the_same_are_inconclusive():
    job = finished_job(TRUTHS, TRUTHS)
    found = evaluations.compare(job_id=job.pk)
    job.refresh_from_db()
    assert (found.verdict, job.state, found.n_ties) == ("inconclusive", "inconclusive", 12)


def test_without_held_out_clips_nothing_is_decided_and_the_labels_needed_are_said():
    project = ProjectFactory()
    job = JobFactory(
        project=project,
        state="succeeded",
        new_version=VersionFactory(project=project),
        heard_at=timezone.now(),
    )
    PredictionFactory(project=project, version=job.new_version)
    found = evaluations.compare(job_id=job.pk)
    assert (found.verdict, found.n_tasks) == ("inconclusive", 0)
    assert found.n_more_labels > 0


def test_comparing_twice_compares_once():
    job = better()
    first = evaluations.compare(job_id=job.pk)
    assert evaluations.compare(job_id=job.pk) == first
    assert Evaluation.objects.count() == 1
    assert Event.objects.filter(type="evaluation.finished").count() == 1


def test_the_same_captions_give_the_same_figures():
    job = better()
    first = evaluations.compare(job_id=job.pk)
    again = evaluations.compare(original_id=job.version_id, retrained_id=job.new_version_id)
    assert (again.metrics, again.verdict, again.job) == (first.metrics, first.verdict, None)


def test_while_predictions_are_still_coming_nothing_is_compared():
    job = finished_job([WRONG] * 12, [*TRUTHS[:11], ""])
    assert evaluations.compare(job_id=job.pk) is None
    RetrainJob.objects.update(heard_at=timezone.now() - timedelta(minutes=11))
    found = evaluations.compare(job_id=job.pk)
    assert found.n_tasks == 11
    assert "1 held-out" in found.reasons[-1]


@pytest.mark.parametrize("state", ["running", "failed", "cancelled"])
def test_a_job_that_has_not_succeeded_is_not_compared(state):
    assert evaluations.compare(job_id=JobFactory(state=state).pk) is None
    assert not Evaluation.objects.exists()


def test_clips_that_may_train_or_are_gold_never_feed_the_verdict():
    job = better()
    gold = Task.objects.all()[0]
    Task.objects.filter(pk=gold.pk).update(is_gold=True)
    ordinary = ConsensusFactory(task__project=job.project).task
    for version in (job.version, job.new_version):
        said(job.project, version, ordinary, WRONG)
    found = evaluations.compare(job_id=job.pk)
    compared = set(found.items.values_list("task_id", flat=True))
    assert len(compared) == 11
    assert compared.isdisjoint({gold.pk, ordinary.pk})


def test_the_database_refuses_to_train_on_a_held_out_clip():
    task = held_out_tasks(ProjectFactory(), TRUTHS[:1])[0]
    with pytest.raises(IntegrityError, match="never_trained_on"):
        BatchItemFactory(consensus=task.consensuses.get(), batch__project=task.project)


def test_each_clip_is_kept_with_both_captions_and_its_outcome():
    job = finished_job([*TRUTHS[:11], WRONG], [WRONG, *TRUTHS[1:]])
    found = evaluations.compare(job_id=job.pk)
    worst, *_, best = found.items.order_by("delta")
    assert (worst.outcome, best.outcome) == ("loss", "win")
    assert (worst.retrained.caption, best.original.caption) == (WRONG, WRONG)
    assert worst.metrics["rouge_l"]["original"] == 1.0
    assert EvaluationItem.objects.filter(outcome="tie").count() == 10


def test_versions_of_two_projects_are_not_compared():
    with pytest.raises(NotFound):
        evaluations.compare(original_id=VersionFactory().pk, retrained_id=VersionFactory().pk)


# --- promoting ----------------------------------------------------------------------------------


def test_a_promotion_makes_one_version_current_and_retires_the_one_before():
    job = better()
    ModelVersion.objects.filter(pk=job.version_id).update(state="current")
    found = evaluations.compare(job_id=job.pk)
    promoted = evaluations.promote(evaluation=found, actor="user:m")
    assert evaluations.promote(evaluation=found, actor="user:m").promoted_at == promoted.promoted_at
    job.refresh_from_db()
    states = dict(ModelVersion.objects.values_list("pk", "state"))
    assert states[job.version_id] == "retired"
    assert states[job.new_version_id] == "current"
    assert job.state == "promoted"


def test_a_project_may_promote_by_itself():
    job = finished_job([WRONG] * 12, TRUTHS, promotes_automatically=True)
    evaluations.compare(job_id=job.pk)
    job.refresh_from_db()
    assert job.state == "promoted"
    assert ModelVersion.objects.current_of(job.project_id) == job.new_version


def test_a_manager_may_promote_what_the_gate_left_open():
    found = evaluations.compare(job_id=finished_job(TRUTHS, TRUTHS).pk)
    evaluations.promote(evaluation=found, actor="user:m")
    assert ModelVersion.objects.current_of(found.project_id) == found.retrained


def test_by_itself_a_project_promotes_only_over_the_model_it_was_compared_with():
    job = finished_job([WRONG] * 12, TRUTHS, promotes_automatically=True)
    VersionFactory(project=job.project, state="current")  # promoted meanwhile
    assert evaluations.compare(job_id=job.pk).promoted_at is None


def test_a_person_rejects_with_a_reason_and_then_nobody_promotes():
    job = better()
    found = evaluations.compare(job_id=job.pk)
    rejected = evaluations.reject(evaluation=found, actor="user:m", reason="It names no colours.")
    assert evaluations.reject(evaluation=found, actor="user:n").decided_by == "user:m"
    job.refresh_from_db()
    assert (job.state, rejected.verdict) == ("rejected", "promote")
    entry = AuditEntry.objects.get(action="version.rejected")
    assert (entry.actor, entry.details["reason"]) == ("user:m", "It names no colours.")
    with pytest.raises(Conflict, match="rejected by user:m"):
        evaluations.promote(evaluation=found, actor="user:n")
    assert ModelVersion.objects.current_of(job.project_id) is None


def test_what_was_promoted_is_not_rejected_any_more():
    found = evaluations.compare(job_id=better().pk)
    evaluations.promote(evaluation=found, actor="user:m", reason="Good.")
    with pytest.raises(Conflict, match="promoted by user:m"):
        evaluations.reject(evaluation=found, actor="user:n")


def test_a_version_is_not_compared_with_itself():
    version = VersionFactory()
    with pytest.raises(InvalidInput):
        evaluations.compare(original_id=version.pk, retrained_id=version.pk)


# --- frozen -------------------------------------------------------------------------------------


def test_each_comparison_names_what_its_figures_hang_on():
    found = evaluations.compare(job_id=better().pk)
    assert found.frozen["primary"] == "agreement"
    assert found.frozen["engine"] >= 2
    assert found.basis.n_documents == len(TRUTHS) + 24  # few captions: the models' count too
    ids = ",".join(str(pk) for pk in sorted(found.items.values_list("consensus_id", flat=True)))
    assert found.frozen["consensus_sha256"] == hashlib.sha256(ids.encode()).hexdigest()


def test_words_weigh_the_same_in_the_next_comparison():
    job = better()
    first = evaluations.compare(job_id=job.pk)
    for _ in range(5):
        ConsensusFactory(task__project=job.project, caption="a whole new vocabulary")
    again = evaluations.compare(original_id=job.version_id, retrained_id=job.new_version_id)
    assert again.basis == first.basis
    assert again.metrics["cider_d"] == first.metrics["cider_d"]


def test_corpus_metrics_are_of_the_whole_corpus_and_not_the_mean_of_clips():
    found = evaluations.compare(job_id=finished_job(TRUTHS, [*TRUTHS[:11], "a dog"]).pk)
    mean = sum(item.metrics["bleu_4"]["retrained"] for item in found.items.all()) / 12
    assert found.metrics["bleu_4"]["retrained"] > mean + 0.01


def test_slices_bound_each_tag_and_quintile():
    project = ProjectFactory()
    truths = TRUTHS * 3
    tasks = held_out_tasks(project, truths)
    for place, task in enumerate(tasks):
        task.video.tags = ["night", "lang:de"] if place % 2 else ["day"]
        task.video.save()
    old, new = VersionFactory(project=project), VersionFactory(project=project)
    for place, (task, truth) in enumerate(zip(tasks, truths, strict=True)):
        said(project, old, task, truth)
        said(project, new, task, WRONG if place % 2 else truth)
    found = evaluations.compare(original_id=old.pk, retrained_id=new.pk)
    rows = {(row["group"], row["label"]): row for row in found.slices}
    assert rows["tag", "night"]["high"] < 0 == rows["tag", "day"]["delta"]
    assert rows["language", "de"]["n"] == rows["language", "en"]["n"] == 18
    assert {label for group, label in rows if group == "length"} >= {"Q1", "Q5"}
    assert found.verdict == "reject"


def test_nothing_is_promoted_while_its_evaluation_runs():
    with pytest.raises(Conflict):
        evaluations.promote(evaluation=EvaluationFactory(verdict="pending"), actor="user:m")


# --- one task -----------------------------------------------------------------------------------


def compared_task(first: str, second: str, truth: str = TRUTHS[0]) -> Task:
    project = ProjectFactory()
    video = VideoFactory(project=project)
    opening = PredictionFactory(project=project, video=video, caption=first)
    consensus = ConsensusFactory(
        task__project=project, task__video=video, task__prediction=opening, caption=truth
    )
    said(project, VersionFactory(project=project), consensus.task, second)
    return consensus.task


def test_one_task_shows_both_captions_beside_the_consensus():
    task = compared_task(WRONG, TRUTHS[0])
    shown = evaluations.for_task(task=task)
    assert shown["original_caption"] == WRONG
    assert shown["retrained_caption"] == shown["consensus_caption"] == TRUTHS[0]
    assert shown["agreement"]["retrained"] == 1.0 > shown["agreement"]["original"] >= 0
    assert set(shown["metrics"]) == {"cider_d", "chrf", "bleu_4", "rouge_l"}
    assert (shown["outcome"], shown["in_training"]) == ("win", False)
    assert shown == evaluations.for_task(task=task)


def test_one_task_answers_differently_to_different_captions():
    close = evaluations.for_task(task=compared_task(TRUTHS[0], "a small red circle moves right"))
    far = evaluations.for_task(task=compared_task(TRUTHS[0], WRONG))
    assert close["outcome"] == far["outcome"] == "loss"
    assert close["agreement"]["retrained"] > far["agreement"]["retrained"]


def test_rare_words_weigh_even_where_a_single_task_has_settled():
    task = compared_task(WRONG, "a small red circle moves up")
    cider = evaluations.for_task(task=task)["metrics"]["cider_d"]
    assert cider["retrained"] > 0.1 > cider["original"]


def test_a_task_that_was_trained_on_says_so():
    task = compared_task(WRONG, TRUTHS[0])
    BatchItemFactory(consensus=task.consensuses.get(), batch__project=task.project)
    assert evaluations.for_task(task=task)["in_training"]


def test_the_newest_other_model_is_the_retrained_one():
    task = compared_task(WRONG, "a square")
    newest = said(task.project, VersionFactory(project=task.project), task, TRUTHS[0])
    assert evaluations.for_task(task=task)["retrained_model"] == newest.version.name


def test_of_two_models_the_older_is_the_original_whoever_opened_the_task():
    task = compared_task(WRONG, TRUTHS[0])
    Task.objects.update(prediction=Prediction.objects.latest("pk"))
    task.refresh_from_db()
    assert evaluations.for_task(task=task)["original_caption"] == WRONG


def test_what_is_missing_for_a_comparison_is_said():
    project = ProjectFactory()
    task = TaskFactory(project=project)
    with pytest.raises(NotComparable, match="consensus"):
        evaluations.for_task(task=task)
    ConsensusFactory(task=task)
    with pytest.raises(NotComparable, match="No model"):
        evaluations.for_task(task=task)
    said(project, VersionFactory(project=project), task, WRONG)
    with pytest.raises(NotComparable, match="has not come in"):
        evaluations.for_task(task=task)


def test_other_segments_of_the_clip_are_not_compared():
    task = compared_task(WRONG, TRUTHS[0])
    Prediction.objects.exclude(pk=task.prediction_id).update(start_ms=100)
    with pytest.raises(NotComparable):
        evaluations.for_task(task=task)


def test_with_an_encoder_meaning_counts_beside_words(settings):
    settings.ENCODER = "auto"
    task = compared_task(
        "a man plays the guitar", "an automobile is driven fast", truth="a car drives quickly"
    )
    shown = evaluations.for_task(task=task)
    cosine = shown["metrics"]["cosine"]
    assert cosine["retrained"] > cosine["original"] + 0.2
    assert shown["outcome"] == "win"
