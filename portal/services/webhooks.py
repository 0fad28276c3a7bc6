"""Webhooks: endpoints with their secrets, and the way of each event to them (Standard Webhooks).

A delivery is tried in three steps that share no transaction: hold the row, call, write what
happened. A sender that dies in the middle leaves a hold that runs out, and the same id goes again.
"""

import json
import secrets as randomness
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from portal import signals
from portal.adapters import addresses, fetch, signatures
from portal.algorithms import retries
from portal.errors import (
    Conflict,
    InvalidInput,
    OutboundRefused,
    PeerUnavailable,
    SignatureInvalid,
)
from portal.models import (
    AuditEntry,
    Delivery,
    DeliveryAttempt,
    Endpoint,
    Event,
    Project,
    RetrainJob,
)
from portal.models.events import EVENT_TYPES, DeliveryState
from portal.models.retraining import JobState
from portal.signals import announce

MAX_ENDPOINTS = 20
ROTATION_HOURS = 24
FAILING_DAYS = 5
ATTEMPT_SECONDS = 15.0
ANSWER_BYTES = 64 * 1024
THROTTLING = (429, 502, 503, 504)
DUE_PER_ENDPOINT = 20


class Sender(NamedTuple):
    """Who signed a message that came in, and under which id."""

    endpoint: Endpoint
    webhook_id: str


@dataclass(frozen=True)
class _Attempt:
    """What one call came to."""

    status: int | None
    error: str
    milliseconds: int
    pause_seconds: float = 0.0

    @property
    def arrived(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def add_endpoint(
    *, project: Project, url: str, events: Sequence[str], actor: str
) -> tuple[Endpoint, str]:
    """Register where a project's events go; return the endpoint and its secret, shown only now.

    A retraining that still waits for a trainer is announced to the newcomer too.
    """
    _check_url(url)
    wanted = _known_types(events)
    secret = signatures.make_secret()
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        if Endpoint.objects.filter(project=project).count() >= MAX_ENDPOINTS:
            raise Conflict(f"{project} has {MAX_ENDPOINTS} endpoints; remove one first.")
        endpoint = Endpoint.objects.create(
            project=project, url=url, events=wanted, secret=_sealed(secret)
        )
        _catch_up(endpoint)
        _audit("webhook.added", endpoint, actor)
    return endpoint, secret


def change_endpoint(
    *,
    endpoint: Endpoint,
    actor: str,
    url: str | None = None,
    events: Sequence[str] | None = None,
    is_active: bool | None = None,
) -> Endpoint:
    """Change what is given; activating an endpoint again lets its pending deliveries go on."""
    if url is not None:
        _check_url(url)
    with transaction.atomic():
        endpoint = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
        endpoint.url = endpoint.url if url is None else url
        endpoint.events = endpoint.events if events is None else _known_types(events)
        if is_active is not None:
            endpoint.is_active, endpoint.disabled_reason = is_active, ""
            endpoint.failing_since = None
        endpoint.save()
        _audit("webhook.changed", endpoint, actor)
    return endpoint


@transaction.atomic
def remove_endpoint(*, endpoint: Endpoint, actor: str) -> None:
    """Forget an endpoint, its secret and its deliveries."""
    _audit("webhook.removed", endpoint, actor)
    endpoint.delete()


@transaction.atomic
def rotate(*, endpoint: Endpoint, actor: str = "") -> str:
    """Give an endpoint a new secret and return it; the old one signs along for a day."""
    endpoint = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    secret = signatures.make_secret()
    endpoint.previous_secret = endpoint.secret
    endpoint.previous_until = timezone.now() + timedelta(hours=ROTATION_HOURS)
    endpoint.secret = _sealed(secret)
    endpoint.save(update_fields=["secret", "previous_secret", "previous_until"])
    _audit("webhook.rotated", endpoint, actor)
    return secret


@transaction.atomic
def ping(*, endpoint: Endpoint) -> Event:
    """Send one endpoint a message that means nothing, whatever types it wants."""
    if not endpoint.is_active:
        raise Conflict(f"{endpoint} is switched off; activate it first.")
    event = Event.objects.create(
        project_id=endpoint.project_id, type="ping", data={"endpoint": str(endpoint.uid)}
    )
    Delivery.objects.create(event=event, endpoint=endpoint)
    announce(signals.event_recorded, event_id=event.pk)
    return event


@transaction.atomic
def redeliver(*, delivery: Delivery) -> Delivery:
    """Send a delivery once more under its own id, whatever became of it before."""
    delivery = Delivery.objects.select_for_update(of=("self",)).get(pk=delivery.pk)
    if not Endpoint.objects.active().filter(pk=delivery.endpoint_id).exists():
        raise Conflict("The endpoint is switched off; activate it first.")
    delivery.state, delivery.delivered_at = DeliveryState.PENDING, None
    delivery.next_attempt_at = timezone.now()
    delivery.save(update_fields=["state", "delivered_at", "next_attempt_at"])
    announce(signals.event_recorded, event_id=delivery.event_id)
    return delivery


def due() -> list[tuple[int, int]]:
    """Return (delivery, endpoint) ids that may go now, a few of each endpoint, oldest first.

    However many wait for one endpoint, they never fill the list that the others need.
    """
    place = Window(
        RowNumber(), partition_by=F("endpoint_id"), order_by=[F("next_attempt_at"), F("id")]
    )
    ranked = Delivery.objects.due().annotate(place=place).filter(place__lte=DUE_PER_ENDPOINT)
    return list(ranked.values_list("id", "endpoint_id"))


def deliver(*, delivery_id: int) -> None:
    """Try one due delivery once and write down what happened; one not due stays as it is."""
    if not Delivery.objects.take(delivery_id):
        return
    delivery = Delivery.objects.select_related("event", "endpoint").get(pk=delivery_id)
    if delivery.endpoint.is_active:
        _record(delivery_id, _call(delivery))


def authenticate(*, project: Project, headers: Mapping[str, str], body: bytes) -> Sender:
    """Return who signed a message from outside: one of the project's active endpoints.

    Raises SignatureInvalid, whatever is wrong with it.
    """
    refusal = SignatureInvalid("No endpoint of this project has signed this message.")
    for endpoint in Endpoint.objects.active().filter(project=project):
        try:
            webhook_id = signatures.verify(_secrets(endpoint), headers, body, now=time.time())
        except SignatureInvalid as refused:
            refusal = refused
            continue
        return Sender(endpoint, webhook_id)
    raise refusal


def _call(delivery: Delivery) -> _Attempt:
    started = time.monotonic()
    body = json.dumps(delivery.event.payload, ensure_ascii=False, separators=(",", ":")).encode()
    status, error, pause = None, "", 0.0
    try:
        signed = signatures.sign(
            _secrets(delivery.endpoint), str(delivery.event.uid), int(time.time()), body
        )
        answer = fetch.request(
            "POST",
            delivery.endpoint.url,
            headers={"Content-Type": "application/json", **signed},
            body=body,
            timeout=ATTEMPT_SECONDS,
            max_bytes=ANSWER_BYTES,
        )
    except (OutboundRefused, PeerUnavailable, SignatureInvalid) as failed:
        error = failed.detail[:300]
    else:
        status = answer.status
        if status in THROTTLING:
            pause = retries.pause_seconds(answer.headers.get("retry-after", ""), time.time())
    return _Attempt(status, error, round((time.monotonic() - started) * 1000), pause)


@transaction.atomic
def _record(delivery_id: int, attempt: _Attempt) -> None:
    found = Delivery.objects.select_for_update().select_related("endpoint").filter(pk=delivery_id)
    delivery = found.first()
    if delivery is None:  # its endpoint was removed meanwhile
        return
    delivery.n_attempts += 1
    delivery.held_until = None
    DeliveryAttempt.objects.create(
        delivery=delivery,
        number=delivery.n_attempts,
        status=attempt.status,
        error=attempt.error,
        milliseconds=attempt.milliseconds,
    )
    if attempt.arrived:
        delivery.state, delivery.delivered_at = DeliveryState.DELIVERED, timezone.now()
        Endpoint.objects.filter(pk=delivery.endpoint_id).update(failing_since=None)
    else:
        _reschedule(delivery, attempt)
        _note_failure(delivery.endpoint, attempt)
    delivery.save(
        update_fields=["n_attempts", "held_until", "state", "delivered_at", "next_attempt_at"]
    )


def _reschedule(delivery: Delivery, attempt: _Attempt) -> None:
    wait = retries.delay_seconds(delivery.n_attempts, randomness.SystemRandom().random())
    if wait is None or attempt.status == 410:
        delivery.state = DeliveryState.EXHAUSTED
        return
    now = timezone.now()
    delivery.next_attempt_at = now + timedelta(seconds=max(wait, attempt.pause_seconds))
    if attempt.pause_seconds:  # the receiver asked for rest: its other messages wait too
        until = now + timedelta(seconds=attempt.pause_seconds)
        Delivery.objects.filter(
            endpoint_id=delivery.endpoint_id,
            state=DeliveryState.PENDING,
            next_attempt_at__lt=until,
        ).update(next_attempt_at=until)


def _note_failure(endpoint: Endpoint, attempt: _Attempt) -> None:
    endpoint.failing_since = endpoint.failing_since or timezone.now()
    failing_days = (timezone.now() - endpoint.failing_since) / timedelta(days=1)
    if attempt.status == 410:
        endpoint.is_active, endpoint.disabled_reason = False, "The receiver answered 410 Gone."
    elif failing_days >= FAILING_DAYS:
        endpoint.is_active = False
        endpoint.disabled_reason = f"Nothing has arrived for {FAILING_DAYS} days."
    endpoint.save(update_fields=["failing_since", "is_active", "disabled_reason"])


def _catch_up(endpoint: Endpoint) -> None:
    waiting = RetrainJob.objects.filter(
        project_id=endpoint.project_id, state=JobState.DISPATCHING
    ).values_list("uid", flat=True)
    events = Event.objects.filter(
        project_id=endpoint.project_id,
        type="retraining.requested",
        data__run_id__in=[str(uid) for uid in waiting],
    )
    for event in events:
        if endpoint.wants(event.type):
            Delivery.objects.create(event=event, endpoint=endpoint)
            announce(signals.event_recorded, event_id=event.pk)


def _check_url(url: str) -> None:
    """Refuse an address that will never be called; a name that is unknown today may come."""
    if len(url) > 500:
        raise InvalidInput.on("url", "An endpoint's address has at most 500 characters.")
    target = addresses.parse(url)
    try:
        addresses.resolve(target)
    except PeerUnavailable:
        return


def _known_types(events: Sequence[str]) -> list[str]:
    unknown = sorted(set(events) - set(EVENT_TYPES))
    if unknown:
        raise InvalidInput.on(
            "events", f"There is no event {', '.join(unknown)}; there are {', '.join(EVENT_TYPES)}."
        )
    return [name for name in EVENT_TYPES if name in events]


def _sealed(secret: str) -> str:
    return signatures.encrypt(secret, settings.FIELD_KEY)


def _secrets(endpoint: Endpoint) -> list[str]:
    """Return the secrets that sign now: the endpoint's own, and for a day the one before."""
    sealed = [endpoint.secret]
    if endpoint.previous_until is not None and endpoint.previous_until > timezone.now():
        sealed.append(endpoint.previous_secret)
    return [signatures.decrypt(text, settings.FIELD_KEY) for text in sealed]


def _audit(action: str, endpoint: Endpoint, actor: str) -> None:
    AuditEntry.objects.record(
        action=action, on=endpoint, project_id=endpoint.project_id, actor=actor or "system"
    )
