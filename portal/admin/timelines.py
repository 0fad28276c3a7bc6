"""What happened to a run and to a message, in order: the tables of their pages."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.admin.columns import NOTHING, table
from portal.models import AuditEntry, Callback, Delivery, DeliveryAttempt, Event, RetrainJob
from portal.models.callbacks import CallbackOutcome

MOST_ATTEMPTS = 200
MOST_REPORTS = 100

Step = tuple[datetime, Any, Any]


def of_job(job: RetrainJob) -> SafeString:
    """Return everything that happened to a run, oldest first, with each attempt and report."""
    steps = sorted(_steps(job), key=lambda step: step[0])
    return table(["When (UTC)", "What", "How"], [(_when(at), *rest) for at, *rest in steps])


def of_deliveries(job: RetrainJob) -> SafeString:
    """Return where the run was announced, and how far each message is."""
    deliveries = announcements(job).select_related("endpoint").prefetch_related("attempts")
    rows = [_delivery(delivery) for delivery in deliveries]
    return table(["No.", "Endpoint", "State", "Attempts, with what was answered"], rows)


def of_attempts(attempts: Iterable[DeliveryAttempt]) -> SafeString:
    """Return each try of a message with its answer."""
    rows = [(each.number, _when(each.created_at), _answer(each)) for each in attempts]
    return table(["Attempt", "When (UTC)", "Answer"], rows)


def announcements(job: RetrainJob) -> Any:
    """Return the messages that told trainers of a run."""
    return Delivery.objects.filter(event__in=_events(job)).order_by("pk")


def _events(job: RetrainJob) -> Any:
    rows = Event.objects.filter(project_id=job.project_id, type="retraining.requested")
    return rows.filter(data__run_id=str(job.uid))


def _steps(job: RetrainJob) -> Iterator[Step]:
    who = f" by {job.requested_by}" if job.requested_by else ""
    records = job.batch.n_records
    yield job.created_at, "requested", f"{job.reason}{who}; {records} captions, {job.batch.kind}"
    for event in _events(job):
        kilobytes = job.batch.manifest_bytes / 1000
        yield event.created_at, "manifest written, run announced", f"{kilobytes:.1f} kB"
    attempts = DeliveryAttempt.objects.filter(delivery__in=announcements(job))
    for each in attempts.select_related("delivery__endpoint").order_by("-pk")[:MOST_ATTEMPTS]:
        yield each.created_at, f"attempt {each.number} at {each.delivery.endpoint}", _answer(each)
    for report in Callback.objects.filter(job=job)[:MOST_REPORTS]:
        yield report.created_at, f"trainer: {report.status}", _said(report)
    for evaluation in job.evaluations.all():
        url = reverse("pages:evaluation", args=[evaluation.pk])
        link = format_html('<a href="{}">{}</a>', url, evaluation.get_verdict_display())
        yield evaluation.finished_at or evaluation.created_at, "compared", link
    acts = AuditEntry.objects.filter(object_type="retrainjob", object_id=str(job.pk))
    for entry in acts.exclude(action="retraining.requested"):
        yield entry.created_at, entry.action.replace("retraining.", ""), f"by {entry.actor}"
    if job.finished_at:
        yield job.finished_at, job.get_state_display(), job.error.get("message", "")


def _said(report: Callback) -> str:
    parts = [] if report.seq is None else [f"message {report.seq}"]
    if report.progress is not None:
        parts.append(f"{report.progress:.0%}")
    if report.outcome != CallbackOutcome.COUNTED:
        parts.append(CallbackOutcome(report.outcome).label)
    return ", ".join(parts) or NOTHING


def _delivery(delivery: Delivery) -> tuple[Any, ...]:
    url = reverse("admin:portal_delivery_change", args=[delivery.pk])
    link = format_html('<a href="{}">{}</a>', url, delivery.pk)
    tries = "; ".join(f"{each.number}: {_answer(each)}" for each in delivery.attempts.all())
    if delivery.state == "pending" and delivery.n_attempts:
        tries += f"; next {delivery.next_attempt_at:%d %b %H:%M:%S}"
    return link, delivery.endpoint, _whole(delivery.get_state_display()), tries or "none yet"


def _answer(attempt: DeliveryAttempt) -> str:
    return f"{attempt.status or attempt.error} in {attempt.milliseconds} ms"


def _when(moment: datetime) -> SafeString:
    return _whole(f"{moment:%d %b %H:%M:%S}")


def _whole(text: str) -> SafeString:
    """Keep a short text on one line in a narrow column."""
    return format_html('<span class="console-whole">{}</span>', text)
