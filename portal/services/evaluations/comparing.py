"""Comparing two models on held-out clips, deciding by the gate, and promoting."""

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
from django.db import transaction
from django.utils import timezone

from portal import signals
from portal.algorithms import comparisons, metrics, verdicts
from portal.algorithms.comparisons import Comparison, Tally
from portal.errors import Conflict, NotFound
from portal.models import (
    AuditEntry,
    Evaluation,
    EvaluationItem,
    Event,
    ModelVersion,
    Project,
    RetrainJob,
)
from portal.models.evaluations import Verdict
from portal.models.retraining import JobState
from portal.models.versions import VersionState
from portal.services.evaluations.measures import Floats, Scorer, Scores
from portal.services.evaluations.pairs import HeldOut, Pair, held_out
from portal.signals import announce

# How long after a run's last word its predictions may still come in.
PATIENCE = timedelta(minutes=10)
SLICED_FROM = 30
FOLLOWS = {Verdict.REJECT: JobState.REJECTED, Verdict.INCONCLUSIVE: JobState.INCONCLUSIVE}


class _Findings(NamedTuple):
    """What a comparison came to."""

    verdict: Verdict
    reasons: list[str]
    metrics: dict[str, Any]
    tally: Tally
    n_more_labels: int | None
    items: list[EvaluationItem]


def compare(
    *, job_id: int | None = None, original_id: int | None = None, retrained_id: int | None = None
) -> Evaluation | None:
    """Compare a job's new version with its base, or any two versions, on held-out clips.

    Of a job: once. None while its predictions are still coming in, or where nothing is to do.
    """
    if job_id is not None:
        return _compare_job(job_id)
    if original_id is None or retrained_id is None:
        raise ValueError("A comparison needs a job or two versions.")
    versions = ModelVersion.objects.select_related("project")
    original = versions.filter(pk=original_id).first()
    retrained = versions.filter(pk=retrained_id).first()
    if original is None or retrained is None or original.project_id != retrained.project_id:
        raise NotFound("There are no such two versions in one project.")
    held = held_out(original.project, original, retrained)
    return _store(None, original, retrained, _found(original.project, held))


@transaction.atomic
def promote(*, evaluation: Evaluation, actor: str) -> Evaluation:
    """Make the retrained version the current one; the one before it is retired.

    Raises Conflict where the gate said reject: a model that is surely worse replaces nothing.
    """
    evaluation = (
        Evaluation.objects.select_for_update(of=("self",))
        .select_related("project", "retrained", "job")
        .get(pk=evaluation.pk)
    )
    if evaluation.promoted_at is not None:
        return evaluation
    if evaluation.verdict in (Verdict.REJECT, Verdict.PENDING):
        raise Conflict(f"The verdict on {evaluation.retrained} is {evaluation.verdict}.")
    _make_current(evaluation.retrained)
    evaluation.promoted_at = timezone.now()
    evaluation.save(update_fields=["promoted_at"])
    job = evaluation.job
    if job is not None and not job.is_terminal:
        job.move(JobState.PROMOTED)
        job.save(update_fields=["state", "finished_at"])
    AuditEntry.objects.record(
        action="version.promoted",
        on=evaluation.retrained,
        project_id=evaluation.project_id,
        actor=actor,
        details={"evaluation": evaluation.pk, "verdict": evaluation.verdict},
    )
    announce(signals.version_promoted, version_id=evaluation.retrained_id)
    return evaluation


def _compare_job(job_id: int) -> Evaluation | None:
    jobs = RetrainJob.objects.select_related("project", "version", "new_version")
    job = jobs.filter(pk=job_id).first()
    if job is None or job.state != JobState.SUCCEEDED or job.new_version is None:
        return Evaluation.objects.filter(job_id=job_id).first()
    known = Evaluation.objects.filter(job=job).first()
    if known is not None:
        return known
    held = held_out(job.project, job.version, job.new_version)
    if _is_too_early(job, job.new_version, held):
        return None
    return _store(job, job.version, job.new_version, _found(job.project, held))


def _is_too_early(job: RetrainJob, retrained: ModelVersion, held: HeldOut) -> bool:
    """Whether predictions are missing that may still come."""
    if timezone.now() - (job.heard_at or job.created_at) > PATIENCE:
        return False
    return held.n_missing > 0 or not retrained.predictions.exists()


def _found(project: Project, held: HeldOut) -> _Findings:
    pairs = held.pairs
    if not pairs:
        reason = "No held-out clip has a consensus and a prediction of both models yet."
        more = verdicts.Rules().least_clusters
        return _Findings(Verdict.INCONCLUSIVE, [reason], {}, Tally(0, 0, 0), more, [])
    scorer = Scorer(project)
    original, retrained = scorer.score(pairs)
    videos = [pair.consensus.task.video_id for pair in pairs]
    rng = np.random.default_rng([pairs[0].original.version_id, pairs[0].retrained.version_id])
    compared = comparisons.compare(original, retrained, videos, rng)
    deltas = comparisons.difference(original[scorer.primary], retrained[scorer.primary])
    verdict = verdicts.decide(
        next(each for each in compared if each.metric == scorer.primary),
        secondary=[each for each in compared if each.metric != scorer.primary],
        slices=comparisons.slices(deltas, videos, _groups(pairs), rng),
    )
    reasons = list(verdict.reasons)
    if held.n_missing:
        reasons.append(f"{held.n_missing} held-out clips had no caption of the retrained model.")
    return _Findings(
        Verdict(verdict.outcome.value),
        reasons,
        {each.metric: _figures(each, original, retrained) for each in compared},
        comparisons.tally(deltas),
        verdict.n_more_labels,
        _items(pairs, original, retrained, deltas),
    )


def _groups(pairs: Sequence[Pair]) -> dict[str, list[str]]:
    """Label the items for slices, where there are enough of them to say anything."""
    if len(pairs) < SLICED_FROM:
        return {}
    unsure = np.asarray([pair.original.uncertainty for pair in pairs])
    lengths = np.asarray([float(len(pair.consensus.caption)) for pair in pairs])
    return {
        "uncertainty": comparisons.quintiles(unsure),
        "length": comparisons.quintiles(lengths),
        "tag": [str(next(iter(pair.consensus.task.video.tags), "none")) for pair in pairs],
    }


def _figures(each: Comparison, original: Scores, retrained: Scores) -> dict[str, float | None]:
    """Write one metric as JSON can hold it: bounds that are not known are null."""
    figures = {
        "original": each.original,
        "retrained": each.retrained,
        "delta": each.interval.mean,
        "low": each.interval.low,
        "high": each.interval.high,
        "p": each.p_holm,
        "original_low_decile": metrics.lower_decile(original[each.metric]),
        "retrained_low_decile": metrics.lower_decile(retrained[each.metric]),
    }
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def _items(
    pairs: Sequence[Pair], original: Scores, retrained: Scores, deltas: Floats
) -> list[EvaluationItem]:
    return [
        EvaluationItem(
            task_id=pair.consensus.task_id,
            consensus=pair.consensus,
            original=pair.original,
            retrained=pair.retrained,
            metrics={
                name: {
                    "original": float(original[name][place]),
                    "retrained": float(retrained[name][place]),
                }
                for name in original
            },
            outcome=comparisons.outcome(float(deltas[place])),
            delta=float(deltas[place]),
        )
        for place, pair in enumerate(pairs)
    ]


@transaction.atomic
def _store(
    job: RetrainJob | None, original: ModelVersion, retrained: ModelVersion, found: _Findings
) -> Evaluation | None:
    """Write the evaluation and what follows for its job; the first of two at once counts."""
    if job is not None:
        job = RetrainJob.objects.select_for_update(of=("self",)).get(pk=job.pk)
        if job.state != JobState.SUCCEEDED or job.evaluations.exists():
            return job.evaluations.first()
    evaluation = Evaluation.objects.create(
        project_id=original.project_id,
        original=original,
        retrained=retrained,
        job=job,
        verdict=found.verdict,
        reasons=found.reasons,
        metrics=found.metrics,
        n_tasks=len(found.items),
        n_wins=found.tally.wins,
        n_ties=found.tally.ties,
        n_losses=found.tally.losses,
        n_more_labels=found.n_more_labels,
        finished_at=timezone.now(),
    )
    for item in found.items:
        item.evaluation = evaluation
    EvaluationItem.objects.bulk_create(found.items, batch_size=500)
    _tell(evaluation)
    _follow(evaluation, job)
    return evaluation


def _follow(evaluation: Evaluation, job: RetrainJob | None) -> None:
    verdict = Verdict(evaluation.verdict)
    if job is not None and verdict in FOLLOWS:
        job.move(FOLLOWS[verdict])
        job.save(update_fields=["state", "finished_at"])
    is_wanted = job is not None and job.project.promotes_automatically
    if verdict == Verdict.PROMOTE and is_wanted:
        promote(evaluation=evaluation, actor="system")


def _tell(evaluation: Evaluation) -> None:
    event = Event.objects.record(
        project_id=evaluation.project_id,
        type="evaluation.finished",
        data={
            "evaluation_id": evaluation.pk,
            "run_id": str(evaluation.job.uid) if evaluation.job else None,
            "original_model": evaluation.original.name,
            "retrained_model": evaluation.retrained.name,
            "verdict": evaluation.verdict,
            "reasons": evaluation.reasons,
            "n_tasks": evaluation.n_tasks,
            "n_wins": evaluation.n_wins,
            "n_ties": evaluation.n_ties,
            "n_losses": evaluation.n_losses,
        },
    )
    announce(signals.event_recorded, event_id=event.pk)


def _make_current(version: ModelVersion) -> None:
    now = timezone.now()
    Project.objects.select_for_update(no_key=True).get(pk=version.project_id)
    before = ModelVersion.objects.filter(project_id=version.project_id, state=VersionState.CURRENT)
    before.exclude(pk=version.pk).update(state=VersionState.RETIRED)
    ModelVersion.objects.filter(pk=version.pk).update(state=VersionState.CURRENT, promoted_at=now)
