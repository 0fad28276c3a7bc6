"""Comparing two models on held-out clips, deciding by the gate, and writing down how."""

import hashlib
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
from django.db import transaction
from django.utils import timezone

from portal.algorithms import comparisons, text, verdicts
from portal.algorithms.verdicts import Verdict as Ruling
from portal.errors import InvalidInput, NotFound
from portal.models import (
    Evaluation,
    EvaluationItem,
    MetricBasis,
    ModelVersion,
    Project,
    RetrainJob,
)
from portal.models.retraining import JobState
from portal.services.evaluations import assessing, bases, following, weighing
from portal.services.evaluations.assessing import Assessment
from portal.services.evaluations.measures import ENGINE, Scorer, scorer_of
from portal.services.evaluations.pairs import HeldOut, Pair, held_out

# How long after a run's last word its predictions may still come in.
PATIENCE = timedelta(minutes=10)
SLICED_FROM = 30
MOST_TAGS = 12
LANGUAGE_TAGS = ("lang:", "language:")


class _Findings(NamedTuple):
    """What a comparison came to; without pairs there is no assessment."""

    pairs: Sequence[Pair]
    n_missing: int
    assessment: Assessment | None
    basis: MetricBasis | None
    frozen: dict[str, Any]


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
    if original == retrained:
        raise InvalidInput.on("retrained_model", "A version is not compared with itself.")
    held = held_out(original.project, original, retrained)
    return _store(None, original, retrained, _found(original.project, held))


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
    """Score and compare; everything that the figures hang on is named in `frozen`."""
    pairs = held.pairs
    if not pairs:
        return _Findings(pairs, held.n_missing, None, None, {"engine": ENGINE})
    basis = bases.frozen_for(project)
    scorer = scorer_of(project, basis)
    seed = [pairs[0].original.version_id, pairs[0].retrained.version_id]
    assessment = assessing.assess(
        scorer,
        [pair.captions for pair in pairs],
        [pair.consensus.task.video_id for pair in pairs],
        np.random.default_rng(seed),
        _groups(project, pairs),
    )
    return _Findings(pairs, held.n_missing, assessment, basis, _frozen(scorer, pairs, seed))


def _frozen(scorer: Scorer, pairs: Sequence[Pair], seed: list[int]) -> dict[str, Any]:
    ids = ",".join(str(pair.consensus.pk) for pair in pairs)
    return {
        "engine": ENGINE,
        "primary": scorer.primary,
        "encoder": scorer.encoder_name,
        "seed": seed,
        "consensus_sha256": hashlib.sha256(ids.encode()).hexdigest(),
    }


def _groups(project: Project, pairs: Sequence[Pair]) -> dict[str, Sequence[Collection[str]]]:
    """Label the items for slices, where there are enough of them to say anything."""
    if len(pairs) < SLICED_FROM:
        return {}
    unsure = np.asarray([pair.original.uncertainty for pair in pairs])
    lengths = np.asarray([float(len(pair.consensus.caption)) for pair in pairs])
    tags = [[str(tag) for tag in pair.consensus.task.video.tags] for pair in pairs]
    groups: dict[str, Sequence[Collection[str]]] = {
        "uncertainty": comparisons.quintiles(unsure),
        "length": comparisons.quintiles(lengths),
        "tag": _frequent(tags),
    }
    languages = [(_language(project, each),) for each in tags]
    return groups | ({"language": languages} if len(set(languages)) > 1 else {})


def _frequent(tags: Sequence[Sequence[str]]) -> list[list[str]]:
    """Keep the tags that most clips bear: a slice of two clips tells nothing."""
    counts: dict[str, int] = {}
    for each in tags:
        for tag in set(each):
            counts[tag] = counts.get(tag, 0) + 1
    kept = sorted(counts, key=lambda tag: (-counts[tag], tag))[:MOST_TAGS]
    return [[tag for tag in each if tag in kept and counts[tag] > 1] for each in tags]


def _language(project: Project, tags: Sequence[str]) -> str:
    """The language that a clip's tags name, else the project's."""
    named = (tag.removeprefix(prefix) for tag in tags for prefix in LANGUAGE_TAGS
             if tag.startswith(prefix))  # fmt: skip
    return next(named, project.language)


def _ruled(found: _Findings, votes: weighing.Votes) -> Ruling:
    if found.assessment is None:
        reason = "No held-out clip has a consensus and a prediction of both models yet."
        more = verdicts.Rules().least_clusters
        return Ruling(verdicts.Outcome.INCONCLUSIVE, (reason,), more)
    return found.assessment.verdict(votes.preference)


@transaction.atomic
def _store(
    job: RetrainJob | None, original: ModelVersion, retrained: ModelVersion, found: _Findings
) -> Evaluation | None:
    """Write the evaluation and what follows for its job; the first of two at once counts."""
    if job is not None:
        job = RetrainJob.objects.select_for_update(of=("self",)).get(pk=job.pk)
        if job.state != JobState.SUCCEEDED or job.evaluations.exists():
            return job.evaluations.first()
    items = _items(found)
    votes = weighing.votes_on(items)
    evaluation = Evaluation(
        project_id=original.project_id,
        original=original,
        retrained=retrained,
        job=job,
        basis=found.basis,
        frozen=found.frozen,
        n_tasks=len(items),
        finished_at=timezone.now(),
    )
    if found.assessment is not None:
        _write_figures(evaluation, found.assessment)
    weighing.rule(evaluation, _ruled(found, votes), votes, found.n_missing)
    evaluation.save()
    for item in items:
        item.evaluation = evaluation
    EvaluationItem.objects.bulk_create(items, batch_size=500)
    following.tell(evaluation)
    following.follow(evaluation, job)
    return evaluation


def _write_figures(evaluation: Evaluation, assessment: Assessment) -> None:
    evaluation.metrics = assessment.metrics()
    evaluation.slices = assessing.slice_rows(assessment.slices)
    counted = assessment.tally
    evaluation.n_wins, evaluation.n_ties = counted.wins, counted.ties
    evaluation.n_losses = counted.losses


def _items(found: _Findings) -> list[EvaluationItem]:
    if found.assessment is None:
        return []
    original, retrained = found.assessment.original, found.assessment.retrained
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
            outcome=comparisons.outcome(float(found.assessment.deltas[place])),
            delta=float(found.assessment.deltas[place]),
            is_identical=text.tokens(pair.original.caption) == text.tokens(pair.retrained.caption),
        )
        for place, pair in enumerate(found.pairs)
    ]
