"""What becomes of runs that move by nobody's word: unreached, silent, speechless, undecided.

The sweep asks the rows, so every run leaves every state but the last in bounded time.
"""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from portal.models import Delivery, RetrainJob
from portal.models.events import DeliveryState
from portal.models.retraining import PREDICTION_PATIENCE, JobState

ON_THE_WAY = (DeliveryState.PENDING, DeliveryState.DELIVERED)


def follow() -> int:
    """Move every job to where its deliveries, its silence or its comparison have brought it."""
    moved = _move_all(_unreached(), JobState.DISPATCHING, JobState.DISPATCH_FAILED)
    moved += _move_all(_reached_again(), JobState.DISPATCH_FAILED, JobState.DISPATCHING)
    moved += time_out_silent() + _time_out_speechless()
    undecided = RetrainJob.objects.undecided()
    return moved + _move_all(undecided, JobState.SUCCEEDED, JobState.EVALUATING)


def time_out_silent() -> int:
    """End the jobs whose trainer has gone silent; return how many."""
    active = RetrainJob.objects.active().values_list("pk", flat=True)
    return sum(_time_out(pk) for pk in active)


def call_off(job: RetrainJob) -> None:
    """Stop telling trainers about a job that has ended."""
    _announcements(job.project_id, str(job.uid)).filter(state=DeliveryState.PENDING).update(
        state=DeliveryState.CANCELLED
    )


def _announcements(project_id: int, run_id: str) -> "QuerySet[Delivery]":
    return Delivery.objects.filter(
        event__project_id=project_id, event__type="retraining.requested", event__data__run_id=run_id
    )


def _unreached() -> list[int]:
    """Jobs of which no trainer has heard, and to which no message is on its way."""
    dispatching = RetrainJob.objects.filter(state=JobState.DISPATCHING)
    return [job.pk for job in dispatching if not _is_on_the_way(job)]


def _reached_again() -> list[int]:
    """Those to which a message is on its way again: redelivered, or to a new endpoint."""
    failed = RetrainJob.objects.filter(state=JobState.DISPATCH_FAILED)
    return [job.pk for job in failed if _is_on_the_way(job)]


def _is_on_the_way(job: RetrainJob) -> bool:
    told = _announcements(job.project_id, str(job.uid))
    return told.filter(state__in=ON_THE_WAY, endpoint__is_active=True).exists()


def _move_all(found: "list[int] | QuerySet[RetrainJob]", before: JobState, state: JobState) -> int:
    pks = found if isinstance(found, list) else list(found.values_list("pk", flat=True))
    return sum(_move(pk, before, state) for pk in pks)


@transaction.atomic
def _move(job_id: int, before: JobState, state: JobState) -> bool:
    """Move a job that is still where it was found."""
    job = RetrainJob.objects.select_for_update(of=("self",)).get(pk=job_id)
    if job.state != before:
        return False
    job.move(state)
    job.save(update_fields=["state"])
    return True


@transaction.atomic
def _time_out(job_id: int) -> int:
    job = RetrainJob.objects.select_for_update(of=("self",)).get(pk=job_id)
    if not job.is_silent(timezone.now()):
        return 0
    never = job.state in (JobState.DISPATCHING, JobState.DISPATCH_FAILED)
    code = "not_accepted" if never else "silent"
    _end(job, code, "No trainer accepted the run." if never else "The trainer went silent.")
    return 1


def _time_out_speechless() -> int:
    """End the runs that reported success and whose new version has predicted nothing since."""
    found = list(RetrainJob.objects.speechless(timezone.now()).values_list("pk", flat=True))
    return sum(_end_speechless(pk) for pk in found)


@transaction.atomic
def _end_speechless(job_id: int) -> bool:
    job = RetrainJob.objects.select_for_update(of=("self",)).get(pk=job_id)
    if not RetrainJob.objects.speechless(timezone.now()).filter(pk=job_id).exists():
        return False
    minutes = int(PREDICTION_PATIENCE.total_seconds() // 60)
    _end(
        job,
        "no_predictions",
        f"The trainer reported success and posted no prediction of {job.new_version} in "
        f"{minutes} minutes.",
    )
    return True


def _end(job: RetrainJob, code: str, message: str) -> None:
    job.error = {"code": code, "message": message}
    job.move(JobState.TIMED_OUT)
    job.save(update_fields=["state", "error", "finished_at"])
    call_off(job)
