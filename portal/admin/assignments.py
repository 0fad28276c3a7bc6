"""Leases: who has which slot of which task until when."""

from django.contrib.admin import register

from portal.admin.base import ScopedAdmin
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.sites import site
from portal.models import Assignment


@register(Assignment, site=site)
class AssignmentAdmin(ScopedAdmin):
    """Assignments; the fencing token is the holder's alone and not shown."""

    project_path = "task__project"
    hidden = ("token",)
    list_display = ("id", "task", "annotator", "state", "slot", "leased_at", "expires_at")
    list_filter = (("task__project", ScopedRelatedFilter), "state", "skip_reason")
    list_select_related = ("task", "annotator")
    search_fields = ("=id", "=task__id", "annotator__annotator_id", "annotator__name")
    lookups = ("task", "annotator")
