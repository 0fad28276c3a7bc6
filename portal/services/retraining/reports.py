"""What a trainer reports of a run.

The newest number counts, whatever order messages come in: a report with a number that is not
higher is acknowledged and changes nothing, a higher one may skip steps (succeeded before running).
What a newer trainer says that this portal does not know is counted, shows that the trainer lives,
and changes nothing else. A job that has ended stays as it ended.
"""

import hashlib
from typing import Annotated, Literal, NamedTuple

import msgspec
from django.db import transaction
from django.utils import timezone

from portal import signals
from portal.errors import Conflict, InvalidInput, NotFound
from portal.models import AuditEntry, Callback, Endpoint, ModelVersion, RetrainJob
from portal.models.callbacks import CallbackOutcome
from portal.models.retraining import ACTIVE, JobState
from portal.services.retraining.endings import call_off
from portal.signals import announce

Text = Annotated[str, msgspec.Meta(max_length=500, pattern=r"^[^\x00-\x08\x0b-\x1f]*$")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")]
Figure = Annotated[float, msgspec.Meta(ge=-1e300, le=1e300)]
BODY_BYTES = 64 * 1024
STATUSES = ("accepted", "running", "succeeded", "failed")


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


class Foreign(msgspec.Struct):
    """A message of which only the kind is read: of a type or status that this portal lacks."""

    type: Text | None = None
    status: Text | None = None


class Taken(NamedTuple):
    """What became of one message; a replay has the outcome of what it repeats."""

    job: RetrainJob
    outcome: CallbackOutcome


def record_callback(
    *, job: RetrainJob, endpoint: Endpoint | None, webhook_id: str, body: bytes
) -> Taken:
    """Take in one message about a job, signed by an endpoint or come with the run's own token.

    A replay and an overtaken message change nothing. Raises Conflict for another body under a known
    id and for news of a job that has ended, InvalidInput for a body that is no report.
    """
    if endpoint is not None and endpoint.project_id != job.project_id:
        raise NotFound("There is no such retraining.")
    message = _decoded(body)
    with transaction.atomic():
        job = RetrainJob.objects.select_for_update(of=("self",)).get(pk=job.pk)
        callback = Callback(job=job, endpoint=endpoint, webhook_id=webhook_id)
        known = _came_before(callback, body)
        if known is not None:
            return Taken(job, CallbackOutcome(known.outcome))
        _take_in(job, callback, message)
        callback.save()
    return Taken(job, CallbackOutcome(callback.outcome))


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
    call_off(job)
    AuditEntry.objects.record(
        action="retraining.cancelled", on=job, project_id=job.project_id, actor=actor
    )
    return job


def _decoded(body: bytes) -> Report | Foreign:
    if len(body) > BODY_BYTES:
        raise InvalidInput(f"A report has at most {BODY_BYTES} bytes.")
    try:
        kind = msgspec.json.decode(body, type=Foreign)
        if kind.type is not None or kind.status not in (None, *STATUSES):
            return kind
        report = msgspec.json.decode(body, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as broken:
        raise InvalidInput(f"The body is no report: {broken}.") from broken
    if report.status == "succeeded" and report.model is None:
        raise InvalidInput.on("model", "A run that succeeded names its model and version.")
    return report


def _came_before(callback: Callback, body: bytes) -> Callback | None:
    """Return the message that came under this id before; of a run's token, `seq` alone counts."""
    callback.body_sha256 = hashlib.sha256(body).hexdigest()
    if callback.endpoint is None:
        return None
    earlier = Callback.objects.filter(
        endpoint=callback.endpoint, webhook_id=callback.webhook_id
    ).first()
    if earlier is not None and earlier.body_sha256 != callback.body_sha256:
        raise Conflict(f"Another message came under the id {callback.webhook_id} before.")
    return earlier


def _take_in(job: RetrainJob, callback: Callback, message: Report | Foreign) -> None:
    """Note what a new message says, and move the job where it counts."""
    if isinstance(message, Report):
        callback.seq, callback.progress = message.seq, message.progress
        callback.status = message.status
        if message.seq <= job.seq:
            callback.outcome = CallbackOutcome.OVERTAKEN
            return
    if job.state not in ACTIVE:
        raise Conflict(f"{job} is {job.get_state_display()}; it takes no more reports.")
    if isinstance(message, Report):
        _move(job, message)
        return
    callback.status = (message.type or message.status or "")[:40]
    callback.outcome = CallbackOutcome.UNKNOWN
    job.heard_at = timezone.now()
    job.save(update_fields=["heard_at"])


def _move(job: RetrainJob, report: Report) -> None:
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
    if job.state == JobState.SUCCEEDED:
        announce(signals.version_complete, job_id=job.pk)


def _made(job: RetrainJob, model: Model) -> ModelVersion:
    """Return the version that the run made, registered on first sight."""
    if model.version == job.version.name:
        raise InvalidInput.on("model.version", "A retrained model has a version of its own.")
    version, _ = ModelVersion.objects.get_or_create(project=job.project, name=model.version)
    version.base = version.base or job.version
    version.uri, version.sha256 = model.uri or version.uri, model.sha256 or version.sha256
    version.save(update_fields=["base", "uri", "sha256"])
    return version
