"""Endpoints: where a project's events go, each with a secret of its own."""

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from portal import signals
from portal.adapters import addresses, signatures
from portal.errors import Conflict, InvalidInput, PeerUnavailable
from portal.models import AuditEntry, Delivery, Endpoint, Event, Project, RetrainJob
from portal.models.events import EVENT_TYPES
from portal.models.retraining import JobState
from portal.services.webhooks.secrets import sealed
from portal.signals import announce

MAX_ENDPOINTS = 20
ROTATION_HOURS = 24


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
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        if Endpoint.objects.filter(project=project).count() >= MAX_ENDPOINTS:
            raise Conflict(f"{project} has {MAX_ENDPOINTS} endpoints; remove one first.")
        endpoint = Endpoint.objects.create(
            project=project, url=url, events=wanted, secret=sealed(secret)
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
    endpoint.secret = sealed(secret)
    endpoint.save(update_fields=["secret", "previous_secret", "previous_until"])
    _audit("webhook.rotated", endpoint, actor)
    return secret


def _catch_up(endpoint: Endpoint) -> None:
    waiting = RetrainJob.objects.filter(
        project_id=endpoint.project_id,
        state__in=(JobState.DISPATCHING, JobState.DISPATCH_FAILED),
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


def _audit(action: str, endpoint: Endpoint, actor: str) -> None:
    AuditEntry.objects.record(
        action=action, on=endpoint, project_id=endpoint.project_id, actor=actor or "system"
    )
