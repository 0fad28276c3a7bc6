"""What becomes of a compared model: a person promotes or rejects it, or the project by itself."""

from django.db import transaction

from portal import signals
from portal.models import AuditEntry, Evaluation, ModelVersion, Project
from portal.models.evaluations import Grounds, Verdict
from portal.models.retraining import JobState
from portal.models.versions import VersionState
from portal.signals import announce

DECIDED = ("promoted_at", "rejected_at", "decided_by", "decision_reason")


@transaction.atomic
def promote(*, evaluation: Evaluation, actor: str, reason: str = "") -> Evaluation:
    """Make the retrained version the current one; the one before it is retired.

    Twice changes nothing. Raises Conflict where the gate said reject (a model that is surely worse
    replaces nothing) and where somebody rejected it.
    """
    evaluation = _locked(evaluation)
    if evaluation.promoted_at is not None:
        return evaluation
    evaluation.promote(actor, reason)
    evaluation.save(update_fields=DECIDED)
    _make_current(evaluation)
    _end_job(evaluation, JobState.PROMOTED)
    _remember("version.promoted", evaluation)
    announce(signals.version_promoted, version_id=evaluation.retrained_id)
    return evaluation


@transaction.atomic
def reject(*, evaluation: Evaluation, actor: str, reason: str = "") -> Evaluation:
    """Turn the retrained version down, whatever the gate said; twice changes nothing.

    Raises Conflict where it was promoted: to go back, compare the version before with it.
    """
    evaluation = _locked(evaluation)
    if evaluation.rejected_at is not None:
        return evaluation
    evaluation.reject(actor, reason)
    evaluation.save(update_fields=DECIDED)
    _end_job(evaluation, JobState.REJECTED)
    _remember("version.rejected", evaluation)
    return evaluation


def is_to_go_by_itself(evaluation: Evaluation) -> bool:
    """Whether the project promotes this without a person.

    Only what is surely better than the model in use: "as good" again and again may lose a little
    each time, and a comparison with another model says nothing about the one in use now.
    """
    current = ModelVersion.objects.current_of(evaluation.project_id)
    return (
        evaluation.project.promotes_automatically
        and evaluation.verdict == Verdict.PROMOTE
        and evaluation.grounds == Grounds.BETTER
        and not evaluation.is_decided
        and (current is None or current.pk == evaluation.original_id)
    )


def _locked(evaluation: Evaluation) -> Evaluation:
    rows = Evaluation.objects.select_for_update(of=("self",))
    return rows.select_related("project", "original", "retrained", "job").get(pk=evaluation.pk)


def _make_current(evaluation: Evaluation) -> None:
    """Exchange the project's current version; the project's lock lets one at a time do so."""
    Project.objects.select_for_update(no_key=True).get(pk=evaluation.project_id)
    versions = ModelVersion.objects.filter(project_id=evaluation.project_id)
    before = versions.filter(state=VersionState.CURRENT).exclude(pk=evaluation.retrained_id)
    before.update(state=VersionState.RETIRED)
    versions.filter(pk=evaluation.retrained_id).update(
        state=VersionState.CURRENT, promoted_at=evaluation.promoted_at
    )


def _end_job(evaluation: Evaluation, state: JobState) -> None:
    job = evaluation.job
    if job is not None and not job.is_terminal:
        job.move(state)
        job.save(update_fields=["state", "finished_at"])


def _remember(action: str, evaluation: Evaluation) -> None:
    AuditEntry.objects.record(
        action=action,
        on=evaluation.retrained,
        project_id=evaluation.project_id,
        actor=evaluation.decided_by,
        details={
            "evaluation": evaluation.pk,
            "verdict": evaluation.verdict,
            "grounds": evaluation.grounds,
            "reason": evaluation.decision_reason,
        },
    )
