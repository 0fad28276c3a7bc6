"""What left, what came back, and who did what: all of it a record, read-only."""

from django.contrib.admin import register

from portal.admin.base import ScopedAdmin, SuperuserAdmin
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.sites import site
from portal.models import AuditEntry, Callback, Event, IdempotencyKey


@register(Event, site=site)
class EventAdmin(ScopedAdmin):
    """The outbox."""

    list_display = ("id", "type", "project", "uid", "created_at")
    list_filter = (("project", ScopedRelatedFilter), "type")
    list_select_related = ("project",)
    search_fields = ("=uid", "type")


@register(Callback, site=site)
class CallbackAdmin(ScopedAdmin):
    """Signed messages that trainers sent."""

    project_path = "endpoint__project"
    list_display = ("webhook_id", "endpoint", "created_at")
    list_filter = (("endpoint__project", ScopedRelatedFilter),)
    list_select_related = ("endpoint",)
    search_fields = ("webhook_id",)
    lookups = ("endpoint",)


@register(AuditEntry, site=site)
class AuditEntryAdmin(ScopedAdmin):
    """Who did what to which row."""

    list_display = ("created_at", "actor", "action", "object_type", "object_id", "project")
    list_filter = (("project", ScopedRelatedFilter), "object_type")
    list_select_related = ("project",)
    search_fields = ("actor", "action", "=object_id")
    lookups = ("object_id",)


@register(IdempotencyKey, site=site)
class IdempotencyKeyAdmin(SuperuserAdmin):
    """Keyed calls and the status they were answered with; bodies are the callers'."""

    hidden = ("body",)
    list_display = ("key", "owner", "route", "status", "created_at")
    list_filter = ("status",)
    search_fields = ("key", "owner", "route")
    ordering = ("-id",)
