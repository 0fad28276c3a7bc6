"""Background jobs, each one line into a service, and the sweep that finds work nobody announced.

Jobs hold no state and are idempotent: the worker runs each at least once.
"""

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django_tasks import task

from portal.models import Consensus, Prediction, Project, Task
from portal.services import (
    annotators,
    assignments,
    consensus,
    retraining,
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


@task()
def judge_consensus(consensus_id: int) -> None:
    """Ask the judge about a consensus."""
    consensus.judge(consensus_id=consensus_id)


@task()
def freeze_batch(job_id: int) -> None:
    """Write a batch's manifest and announce it to the trainer."""
    retraining.freeze(job_id=job_id)


@task()
def refit_project(project_id: int) -> None:
    """Fit a project's consensus parameters anew."""
    annotators.refit(project=Project.objects.get(pk=project_id))


def deliver(delivery_id: int) -> None:
    """Try one webhook delivery; called by the worker's delivery threads."""
    webhooks.deliver(delivery_id=delivery_id)


def sweep() -> int:
    """Do what the rows say is owed; returns how many pieces of work were found.

    One failing row is logged and does not keep the others waiting.
    """
    found = assignments.expire_stale() + retraining.time_out_silent()
    for step, ids in _owed():
        for pk in ids:
            found += _try(step, pk)
    return found


def _owed() -> list[tuple[Callable[[int], object], list[int]]]:
    """Each kind of debt with the rows that owe it, oldest first."""
    return [
        (
            lambda pk: tasks.open_for(prediction_ids=[pk]),
            list(Prediction.objects.unconsidered().values_list("pk", flat=True)[:SWEEP_LIMIT]),
        ),
        (
            lambda pk: consensus.settle(task_id=pk),
            list(Task.objects.unsettled().values_list("pk", flat=True)[:SWEEP_LIMIT]),
        ),
        (
            lambda pk: annotators.credit(consensus_id=pk),
            list(
                Consensus.objects.uncredited()
                .order_by("pk")
                .values_list("pk", flat=True)[:SWEEP_LIMIT]
            ),
        ),
        (
            lambda pk: consensus.judge(consensus_id=pk),
            list(Consensus.objects.unjudged().values_list("pk", flat=True)[:SWEEP_LIMIT]),
        ),
    ]


def _try(step: Callable[[int], object], pk: int) -> int:
    try:
        step(pk)
    except (OperationalError, InterfaceError):  # the database is gone; the worker waits for it
        raise
    except Exception:
        logger.exception("The sweep could not finish its work on row %s", pk)
        return 0
    return 1
