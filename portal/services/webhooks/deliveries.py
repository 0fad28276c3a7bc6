"""The way of each event to its endpoints, tried until it arrives and logged each time.

A delivery is tried in three steps that share no transaction: hold the row, call, write what
happened. A sender that dies in the middle leaves a hold that runs out, and the same id goes again.
"""

import json
import secrets as randomness
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from django.conf import settings
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
ANSWER_BYTES = 64 * 1024
THROTTLING = (429, 502, 503, 504)
DUE_PER_ENDPOINT = 20
TURN_SECONDS = 5.0
FAILURES_A_TURN = 3
HOLD_ATTEMPTS = 4  # how many attempts' time a sender may hold a delivery before it counts as dead


class Due(NamedTuple):
    """A delivery that may go now; an endpoint that fails takes its turn after those that answer."""

    delivery_id: int
    endpoint_id: int
    is_failing: bool


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


def due() -> list[Due]:
    """Return what may go now, a few of each endpoint, oldest first, failing endpoints last.

    However many wait for one endpoint, they never fill the list that the others need.
    """
    place = Window(
        RowNumber(), partition_by=F("endpoint_id"), order_by=[F("next_attempt_at"), F("id")]
    )
    ranked = Delivery.objects.due().annotate(place=place).filter(place__lte=DUE_PER_ENDPOINT)
    rows = ranked.values_list("id", "endpoint_id", "endpoint__failing_since")
    found = [Due(pk, endpoint_id, since is not None) for pk, endpoint_id, since in rows]
    return sorted(found, key=lambda each: each.is_failing)


def deliver(*, delivery_id: int) -> None:
    """Try a due delivery once, and as long as its endpoint answers, the next ones due there.

    A receiver that answers gets its messages as fast as it answers; one that is silent, asks for
    rest or refuses several in a row is left until its next turn. A delivery that is not due stays
    as it is.
    """
    until, n_refused = time.monotonic() + TURN_SECONDS, 0
    pk: int | None = delivery_id
    while pk is not None and time.monotonic() < until and n_refused < FAILURES_A_TURN:
        attempt = _try_once(pk)
        if attempt is None or attempt.status is None or attempt.pause_seconds:
            return
        n_refused = 0 if attempt.arrived else n_refused + 1
        pk = _next_after(pk)


def _try_once(delivery_id: int) -> _Attempt | None:
    """Call for one delivery; None where it is not due, or its endpoint was switched off."""
    hold = HOLD_ATTEMPTS * settings.WEBHOOK_TIMEOUT
    if not Delivery.objects.take(delivery_id, seconds=hold):
        return None
    delivery = Delivery.objects.select_related("event", "endpoint").get(pk=delivery_id)
    if not delivery.endpoint.is_active:
        return None
    attempt = _call(delivery)
    _record(delivery_id, attempt)
    return attempt


def _next_after(delivery_id: int) -> int | None:
    same_endpoint = Delivery.objects.filter(pk=delivery_id).values("endpoint_id")
    waiting = Delivery.objects.due().filter(endpoint_id__in=same_endpoint)
    return waiting.values_list("pk", flat=True).first()


def _call(delivery: Delivery) -> _Attempt:
    started = time.monotonic()
    body = _body(delivery.event)
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
            timeout=settings.WEBHOOK_TIMEOUT,
            max_bytes=ANSWER_BYTES,
        )
    except (OutboundRefused, PeerUnavailable, SignatureInvalid) as failed:
        error = failed.detail[:300]
    else:
        status = answer.status
        if status in THROTTLING:
            pause = retries.pause_seconds(answer.headers.get("retry-after", ""), time.time())
    return _Attempt(status, error, round((time.monotonic() - started) * 1000), pause)


def _body(event: Event) -> bytes:
    """Write an event as it is sent, the same bytes at each attempt.

    A run's token is in no row: it is derived anew for each message that tells a trainer of the run.
    """
    payload = event.payload
    callback: dict[str, Any] | None = event.data.get("callback")
    if event.type == "retraining.requested" and callback:
        token = signatures.run_token(event.data["run_id"], settings.FIELD_KEY)
        payload["data"] = event.data | {"callback": callback | {"token": token}}
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


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
    steps = settings.WEBHOOK_RETRY_SECONDS or retries.DELIVERY_STEPS
    wait = retries.delay_seconds(delivery.n_attempts, randomness.SystemRandom().random(), steps)
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
