"""Endpoints and the way of each event to them."""

from django.contrib.admin import register

from portal.admin.base import ScopedAdmin
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.sites import site
from portal.models import Delivery, DeliveryAttempt, Endpoint


@register(Endpoint, site=site)
class EndpointAdmin(ScopedAdmin):
    """Where a project's events go; secrets are shown once, when they are made."""

    hidden = ("secret", "previous_secret")
    list_display = ("url", "project", "is_active", "failing_since", "disabled_reason")
    list_filter = (("project", ScopedRelatedFilter), "is_active")
    list_select_related = ("project",)
    search_fields = ("url", "=uid")


@register(Delivery, site=site)
class DeliveryAdmin(ScopedAdmin):
    """One event's way to one endpoint."""

    project_path = "endpoint__project"
    list_display = (
        "id", "event", "endpoint", "state", "n_attempts", "next_attempt_at", "delivered_at",
    )  # fmt: skip
    list_filter = (("endpoint__project", ScopedRelatedFilter), "state", "event__type")
    list_select_related = ("event", "endpoint")
    search_fields = ("=id", "=event__uid", "endpoint__url", "event__type")
    lookups = ("endpoint", "event")


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
