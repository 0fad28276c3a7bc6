"""Endpoints and the way of each event to them."""

from django.contrib.admin import display, register
from django.http import HttpRequest

from portal.admin import timelines
from portal.admin.acts import ActingAdmin
from portal.admin.adding import AskingAdmin
from portal.admin.base import ScopedAdmin, actor
from portal.admin.columns import stated
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.forms import Confirmation, EndpointChangeForm, EndpointForm
from portal.admin.runs import Act, Data, Shown
from portal.admin.sites import site
from portal.models import Delivery, DeliveryAttempt, Endpoint
from portal.models.events import DeliveryState
from portal.services import webhooks


def ping(request: HttpRequest, row: Endpoint, data: Data) -> object:
    """Send a message that means nothing."""
    return webhooks.ping(endpoint=row)


def rotate(request: HttpRequest, row: Endpoint, data: Data) -> Shown:
    """Give a new secret, shown only now."""
    secret = webhooks.rotate(endpoint=row, actor=actor(request))
    return Shown("The endpoint’s new secret", secret, "The old one signs along for a day.")


def activate(request: HttpRequest, row: Endpoint, data: Data) -> object:
    """Let pending deliveries go on."""
    return webhooks.change_endpoint(endpoint=row, is_active=True, actor=actor(request))


def deactivate(request: HttpRequest, row: Endpoint, data: Data) -> object:
    """Send nothing until somebody activates it."""
    return webhooks.change_endpoint(endpoint=row, is_active=False, actor=actor(request))


def choose_events(request: HttpRequest, row: Endpoint, data: Data) -> object:
    """Change which events it wants."""
    return webhooks.change_endpoint(endpoint=row, events=data["events"], actor=actor(request))


def remove(request: HttpRequest, row: Endpoint, data: Data) -> Shown:
    """Forget the endpoint and its deliveries."""
    webhooks.remove_endpoint(endpoint=row, actor=actor(request))
    return Shown("Endpoint removed", note=f"Nothing is sent to {row} any more.")


@register(Endpoint, site=site)
class EndpointAdmin(AskingAdmin):
    """Where a project's events go; secrets are shown once, when they are made."""

    question = EndpointForm
    add_title = "Add a webhook endpoint"
    add_intro = (
        "Messages are signed by the Standard Webhooks rules. A private address has to be allowed "
        "by whoever runs the portal (OUTBOUND_ALLOW)."
    )
    acts = (
        Act(
            "ping", "Ping", "pinged", ping, "network_ping", is_remembered_here=True,
            fits=lambda rows: rows.filter(is_active=True),
            intro="Sends a message that means nothing; the delivery log says what came of it.",
        ),
        Act(
            "rotate", "Rotate the secret", "given a new secret", rotate, "autorenew",
            form=Confirmation, one_by_one=True,
            intro="The receiver has a day to learn the new secret; both sign until then.",
        ),
        Act(
            "events", "Choose events", "changed", choose_events, "checklist",
            form=EndpointChangeForm, one_by_one=True,
        ),
        Act(
            "activate", "Activate", "activated", activate, "play_circle",
            fits=lambda rows: rows.filter(is_active=False),
            intro="What is pending is sent; what was given up is redelivered from its own page.",
        ),
        Act(
            "deactivate", "Switch off", "switched off", deactivate, "pause_circle",
            fits=lambda rows: rows.filter(is_active=True),
            intro="Its messages wait until it is activated again.",
        ),
        Act(
            "remove", "Remove", "removed", remove, "delete", form=Confirmation, one_by_one=True,
            intro="Its secret, its pending messages and its delivery log are forgotten.",
        ),
    )  # fmt: skip
    hidden = ("secret", "previous_secret")
    list_display = ("url", "project", "is_active", "failing_since", "disabled_reason")
    list_filter = (("project", ScopedRelatedFilter), "is_active")
    list_select_related = ("project",)
    search_fields = ("url", "=uid")

    def add(self, request: HttpRequest, data: Data) -> Shown:
        """Add the endpoint; its secret is shown only now."""
        endpoint, secret = webhooks.add_endpoint(actor=actor(request), **data)
        return Shown("The endpoint’s secret", secret, f"It signs what is sent to {endpoint}.")


def redeliver(request: HttpRequest, row: Delivery, data: Data) -> object:
    """Send it once more under its own id."""
    return webhooks.redeliver(delivery=row)


@register(Delivery, site=site)
class DeliveryAdmin(ActingAdmin):
    """One event's way to one endpoint."""

    acts = (
        Act(
            "redeliver", "Redeliver", "on their way again", redeliver, "replay",
            is_remembered_here=True,
            fits=lambda rows: rows.exclude(state=DeliveryState.PENDING),
            intro="The same message goes out under the same id; the receiver sees a repeat.",
        ),
    )  # fmt: skip
    project_path = "endpoint__project"
    list_display = (
        "id", "event", "endpoint", stated("state"), "n_attempts", "next_attempt_at", "delivered_at",
    )  # fmt: skip
    list_filter = (("endpoint__project", ScopedRelatedFilter), "state", "event__type")
    list_select_related = ("event", "endpoint")
    search_fields = ("=id", "=event__uid", "endpoint__url", "event__type")
    lookups = ("endpoint", "event")
    fields = (
        "event", "endpoint", "state", "n_attempts", "attempts_made", "next_attempt_at",
        "delivered_at", "created_at",
    )  # fmt: skip

    @display(description="attempts")
    def attempts_made(self, row: Delivery) -> str:
        """Each try, and what the receiver answered."""
        return timelines.of_attempts(row.attempts.all())


@register(DeliveryAttempt, site=site)
class DeliveryAttemptAdmin(ScopedAdmin):
    """Each try: what the receiver answered and how long it took."""

    project_path = "delivery__endpoint__project"
    list_display = ("delivery_id", "number", "status", "error", "milliseconds", "created_at")
    list_filter = (("delivery__endpoint__project", ScopedRelatedFilter), "status")
    list_select_related = ("delivery__endpoint", "delivery__event")
    search_fields = ("=delivery__id", "error")
    lookups = ("delivery",)
    ordering = ("-id",)
