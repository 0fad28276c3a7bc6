"""What a trainer reports of a run, and what becomes of runs that nobody reports on.

The newest number counts, whatever order messages come in: a report with a number that is not
higher is acknowledged and changes nothing, a higher one may skip steps (succeeded before running).
A job that has ended stays as it ended.
"""

import hashlib
from typing import Annotated, Literal

import msgspec
from django.db import transaction
from django.utils import timezone

from portal import signals
from portal.errors import Conflict, InvalidInput, NotFound
from portal.models import AuditEntry, Callback, Delivery, Endpoint, ModelVersion, RetrainJob
from portal.models.events import DeliveryState
from portal.models.retraining import ACTIVE, JobState
from portal.signals import announce

Text = Annotated[str, msgspec.Meta(max_length=500, pattern=r"^[^\x00-\x08\x0b-\x1f]*$")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")]
Figure = Annotated[float, msgspec.Meta(ge=-1e300, le=1e300)]
BODY_BYTES = 64 * 1024


class ExternalRun(msgspec.Struct, forbid_unknown_fields=True):
    """Where the trainer's own records of the run are."""

    system: Text = ""
    run_id: Text = ""
    url: Text = ""


class Model(msgspec.Struct, forbid_unknown_fields=True):
    """The model that a run made."""

    version: Name
    name: Text = ""
    uri: Text = ""
    sha256: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?$")] = ""


class Failure(msgspec.Struct, forbid_unknown_fields=True):
    """Why a run failed."""

    code: Text = ""
    message: Text = ""


class Report(msgspec.Struct, forbid_unknown_fields=True):
    """One message of a trainer; `seq` rises with each."""

    seq: Annotated[int, msgspec.Meta(ge=1, le=2_000_000_000)]
    status: Literal["accepted", "running", "succeeded", "failed"]
    progress: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    external_run: ExternalRun | None = None
    metrics: Annotated[dict[Name, Figure], msgspec.Meta(max_length=100)] | None = None
    model: Model | None = None
    error: Failure | None = None


def record_callback(
    *, job: RetrainJob, endpoint: Endpoint, webhook_id: str, body: bytes
) -> RetrainJob:
    """Take in one signed message about a job; a replay and an overtaken message change nothing.

    Raises Conflict for another body under a known id and for news of a job that has ended,
    InvalidInput for a body that is no report.
    """
    if endpoint.project_id != job.project_id:
        raise NotFound("There is no such retraining.")
    report = _decoded(body)
    with transaction.atomic():
        job = RetrainJob.objects.select_for_update(of=("self",)).get(pk=job.pk)
        if _came_before(endpoint, webhook_id, body) or report.seq <= job.seq:
            return job
        if job.state not in ACTIVE:
            raise Conflict(f"{job} is {job.get_state_display()}; it takes no more reports.")
        _take_in(job, report)
        if job.state == JobState.SUCCEEDED:
            announce(signals.version_complete, job_id=job.pk)
    return job


@transaction.atomic
def cancel(*, job: RetrainJob, actor: str) -> RetrainJob:
    """End a job that nobody needs; its tasks are free for another batch."""
    job = RetrainJob.objects.select_for_update(of=("self",)).get(pk=job.pk)
    if job.state == JobState.CANCELLED:
        return job
    if job.state not in ACTIVE:
        raise Conflict(f"{job} is {job.get_state_display()}; there is nothing to cancel.")
    job.move(JobState.CANCELLED)
    job.save(update_fields=["state", "finished_at"])
    _call_off(job)
    AuditEntry.objects.record(
        action="retraining.cancelled", on=job, project_id=job.project_id, actor=actor
    )
    return job


def time_out_silent() -> int:
    """End the jobs whose trainer has gone silent; return how many."""
    active = RetrainJob.objects.active().values_list("pk", flat=True)
    return sum(_time_out(pk) for pk in active)


@transaction.atomic
def _time_out(job_id: int) -> int:
    job = RetrainJob.objects.select_for_update(of=("self",)).get(pk=job_id)
    if not job.is_silent(timezone.now()):
        return 0
    never = job.state == JobState.DISPATCHING
    job.error = {
        "code": "not_accepted" if never else "silent",
        "message": "No trainer accepted the run." if never else "The trainer went silent.",
    }
    job.move(JobState.TIMED_OUT)
    job.save(update_fields=["state", "error", "finished_at"])
    _call_off(job)
    return 1


def _decoded(body: bytes) -> Report:
    if len(body) > BODY_BYTES:
        raise InvalidInput(f"A report has at most {BODY_BYTES} bytes.")
    try:
        report = msgspec.json.decode(body, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as broken:
        raise InvalidInput(f"The body is no report: {broken}.") from broken
    if report.status == "succeeded" and report.model is None:
        raise InvalidInput.on("model", "A run that succeeded names its model and version.")
    return report


def _came_before(endpoint: Endpoint, webhook_id: str, body: bytes) -> bool:
    sha256 = hashlib.sha256(body).hexdigest()
    callback, is_new = Callback.objects.get_or_create(
        endpoint=endpoint, webhook_id=webhook_id, defaults={"body_sha256": sha256}
    )
    if callback.body_sha256 != sha256:
        raise Conflict(f"Another message came under the id {webhook_id} before.")
    return not is_new


def _take_in(job: RetrainJob, report: Report) -> None:
    job.seq, job.heard_at = report.seq, timezone.now()
    job.progress = job.progress if report.progress is None else report.progress
    for name in ("external_run", "metrics", "error"):
        value = getattr(report, name)
        if value is not None:
            setattr(job, name, msgspec.to_builtins(value))
    if report.status == "succeeded" and report.model is not None:
        job.new_version = _made(job, report.model)
        job.progress = 1.0
    if not (report.status == "accepted" and job.state == JobState.RUNNING):
        job.move(JobState(report.status))
    job.save()


def _made(job: RetrainJob, model: Model) -> ModelVersion:
    """Return the version that the run made, registered on first sight."""
    if model.version == job.version.name:
        raise InvalidInput.on("model.version", "A retrained model has a version of its own.")
    version, _ = ModelVersion.objects.get_or_create(project=job.project, name=model.version)
    version.base = version.base or job.version
    version.uri, version.sha256 = model.uri or version.uri, model.sha256 or version.sha256
    version.save(update_fields=["base", "uri", "sha256"])
    return version


def _call_off(job: RetrainJob) -> None:
    """Stop telling trainers about a job that has ended."""
    Delivery.objects.filter(
        event__project_id=job.project_id,
        event__type="retraining.requested",
        event__data__run_id=str(job.uid),
        state=DeliveryState.PENDING,
    ).update(state=DeliveryState.CANCELLED)
