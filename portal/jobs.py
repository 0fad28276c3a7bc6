"""Background jobs, each one line into a service, and the sweep that finds work nobody announced.

Jobs hold no state and are idempotent: the worker runs each at least once.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet
from django_tasks import task

from portal.models import (
    Annotation,
    Annotator,
    Consensus,
    Export,
    Import,
    Prediction,
    Preference,
    Project,
    Refit,
    RetrainJob,
    Task,
    Video,
)
from portal.services import (
    annotators,
    assignments,
    completions,
    consensus,
    evaluations,
    exports,
    files,
    flags,
    idempotency,
    imports,
    predictions,
    refits,
    retraining,
    surprises,
    tasks,
    videos,
    webhooks,
)

logger = logging.getLogger(__name__)

SWEEP_LIMIT = 200


@task()
def probe_video(video_id: int) -> None:
    """Fetch a video where it has to be, and find out what it is."""
    videos.probe(video_id=video_id)


@task(priority=-5)
def ease_neighbours(task_id: int) -> None:
    """Tell tasks like a settled one that it is labelled."""
    tasks.feel(task_id=task_id)


@task()
def reprice_tasks(project_id: int) -> None:
    """Give a project's open tasks their new places."""
    tasks.reprice(project_id=project_id)


@task()
def reconsider_predictions(version_id: int) -> None:
    """Owe a promoted version's predictions a decision; the sweep pays it in chunks."""
    tasks.reconsider(version_id=version_id)


# A judge that hangs takes its whole timeout for each consensus: everything else goes before it.
@task(priority=-10)
def judge_consensus(consensus_id: int) -> None:
    """Ask the judge about a consensus."""
    consensus.judge(consensus_id=consensus_id)


@task()
def freeze_batch(job_id: int) -> None:
    """Write a batch's manifest and announce it to the trainer."""
    retraining.freeze(job_id=job_id)


@task()
def compare_models(job_id: int) -> None:
    """Compare a retrained model with the original."""
    evaluations.compare(job_id=job_id)


@task()
def compare_versions(original_id: int, retrained_id: int) -> None:
    """Compare any two versions, as somebody asked."""
    evaluations.compare(original_id=original_id, retrained_id=retrained_id)


@task()
def build_export(export_id: int) -> None:
    """Write an export's file."""
    exports.build(export_id=export_id)


@task()
def run_import(import_id: int) -> None:
    """Take a file of captions in."""
    take_in(import_id)


def take_in(import_id: int, advance: Callable[[int], object] = lambda n: None) -> Import | None:
    """Take a file in, its predictions by the one way for predictions."""
    return imports.run(import_id=import_id, ingest=_ingest, advance=advance)


def _ingest(*, items: Sequence[object], **given: Any) -> object:
    kind = list[predictions.PredictionItem]
    return predictions.ingest(items=msgspec.convert(items, kind, from_attributes=True), **given)


@task()
def refit_project(project_id: int) -> None:
    """Fit a project's consensus parameters anew."""
    refits.refit(project=Project.objects.get(pk=project_id))


def deliver(delivery_id: int) -> None:
    """Try one webhook delivery; called by the worker's delivery threads."""
    webhooks.deliver(delivery_id=delivery_id)


def sweep() -> int:
    """Do the quick work that the rows say is owed; returns how many pieces were found.

    One failing row is logged and does not keep the others waiting.
    """
    found = assignments.expire_stale() + retraining.follow()
    found += retraining.request_all_due() + _open_tasks()
    found += _pay(
        (lambda pk: consensus.settle(task_id=pk), Task.objects.unsettled()),
        (_escalate, Consensus.objects.contested()),
        (lambda pk: annotators.credit(consensus_id=pk), Consensus.objects.uncredited()),
        (lambda pk: annotators.grade_gold(annotation_id=pk), Annotation.objects.ungraded()),
        (lambda pk: flags.free_leases(annotator_id=pk), Annotator.objects.holding_too_much()),
        (lambda pk: evaluations.weigh(preference_id=pk), Preference.objects.unweighed()),
        (lambda pk: tasks.feel(task_id=pk), Task.objects.unfelt()),
        (lambda pk: tasks.reprice(project_id=pk), Project.objects.repricing()),
    )
    return found + completions.record_all()


def catch_up() -> int:
    """The same for slow work (network, decoding, files), on a thread of its own in the worker."""
    return _pay(
        (lambda pk: surprises.measure(project_id=pk), surprises.owing()),
        (lambda pk: videos.probe(video_id=pk), Video.objects.needing_media()),
        (lambda pk: retraining.freeze(job_id=pk), RetrainJob.objects.unwritten()),
        (lambda pk: evaluations.compare(job_id=pk), RetrainJob.objects.unevaluated()),
        (lambda pk: exports.build(export_id=pk), Export.objects.unbuilt()),
        (take_in, Import.objects.unfinished()),
    )


def ask_judge() -> int:
    """Have judged what no job did, on a thread of its own: a judge that hangs delays only this."""
    return _pay((lambda pk: consensus.judge(consensus_id=pk), Consensus.objects.unjudged()))


def seek_flags() -> int:
    """Look for signs of careless work where enough is new; slow, so on a thread of its own."""
    return sum(_try(lambda pk: flags.seek(project_id=pk), pk) for pk in flags.due())


@task()
def seek_flags_in(project_id: int) -> None:
    """Look for signs in one project now."""
    flags.seek(project_id=project_id)


def refit_due() -> int:
    """Fit anew what is due tonight, on a thread of its own: a large project takes minutes."""
    return sum(_try(_refit, pk) for pk in refits.due())


def _refit(project_id: int) -> None:
    refits.refit(project=Project.objects.get(pk=project_id))


def reconsider() -> int:
    """Look at some more closed tasks with the numbers of a new refit."""
    return _pay((lambda pk: consensus.reconsider(refit_id=pk), Refit.objects.unreconsidered()))


def tidy() -> int:
    """Remove files that no row names and answers that nobody asks for again; returns how many."""
    return files.sweep_orphans() + idempotency.forget_old()


def _open_tasks() -> int:
    """Open what a lost announcement left: as many at once as one batch brings, else one by one."""
    left = Prediction.objects.unconsidered()
    ids = list(left.order_by("pk").values_list("pk", flat=True)[: tasks.CHUNK])
    if not ids:
        return 0
    at_once = _try(lambda _: tasks.open_for(prediction_ids=ids), ids[0])
    return at_once or _pay((lambda pk: tasks.open_for(prediction_ids=[pk]), left))


def _escalate(consensus_id: int) -> None:
    tasks.escalate(task_id=Consensus.objects.get(pk=consensus_id).task_id)


def _pay(*debts: tuple[Callable[[int], object], QuerySet[Any]]) -> int:
    """Take each step for the rows that owe it, oldest first."""
    return sum(
        _try(step, pk)
        for step, owing in debts
        for pk in list(owing.order_by("pk").values_list("pk", flat=True)[:SWEEP_LIMIT])
    )


def _try(step: Callable[[int], object], pk: int) -> int:
    try:
        step(pk)
    except (OperationalError, InterfaceError):  # the database is gone; the worker waits for it
        raise
    except Exception:
        logger.exception("The sweep could not finish its work on row %s", pk)
        return 0
    return 1
