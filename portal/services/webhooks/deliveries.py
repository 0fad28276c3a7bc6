"""The way of each event to its endpoints, tried until it arrives and logged each time.

A delivery is tried in three steps that share no transaction: hold the row, call, write what
happened. A sender that dies in the middle leaves a hold that runs out, and the same id goes again.
"""

import json
import secrets as randomness
import time
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from portal import signals
from portal.adapters import fetch, signatures
from portal.algorithms import retries
from portal.errors import Conflict, OutboundRefused, PeerUnavailable, SignatureInvalid
from portal.models import Delivery, DeliveryAttempt, Endpoint, Event
from portal.models.events import DeliveryState
from portal.services.webhooks.secrets import secrets_of
from portal.signals import announce

FAILING_DAYS = 5
ATTEMPT_SECONDS = 15.0
ANSWER_BYTES = 64 * 1024
THROTTLING = (429, 502, 503, 504)
DUE_PER_ENDPOINT = 20
TURN_SECONDS = 5.0


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
    """Try a due delivery once, and as long as they arrive, the next ones due at its endpoint.

    A receiver that answers gets its messages as fast as it answers; one that fails is left until
    its next attempt. A delivery that is not due stays as it is.
    """
    until = time.monotonic() + TURN_SECONDS
    pk: int | None = delivery_id
    while pk is not None and time.monotonic() < until:
        pk = _next_after(pk) if _try_once(pk) else None


def _try_once(delivery_id: int) -> bool:
    """Call for one delivery if it is due; True where it arrived."""
    if not Delivery.objects.take(delivery_id):
        return False
    delivery = Delivery.objects.select_related("event", "endpoint").get(pk=delivery_id)
    if not delivery.endpoint.is_active:
        return False
    attempt = _call(delivery)
    _record(delivery_id, attempt)
    return attempt.arrived


def _next_after(delivery_id: int) -> int | None:
    same_endpoint = Delivery.objects.filter(pk=delivery_id).values("endpoint_id")
    waiting = Delivery.objects.due().filter(endpoint_id__in=same_endpoint)
    return waiting.values_list("pk", flat=True).first()


def _call(delivery: Delivery) -> _Attempt:
    started = time.monotonic()
    body = json.dumps(delivery.event.payload, ensure_ascii=False, separators=(",", ":")).encode()
    status, error, pause = None, "", 0.0
    try:
        signed = signatures.sign(
            secrets_of(delivery.endpoint), str(delivery.event.uid), int(time.time()), body
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
