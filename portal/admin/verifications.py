"""Accepts of shown predictions: evidence, read-only."""

from django.contrib.admin import register

from portal.admin.base import ScopedAdmin
from portal.admin.columns import rounded
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.sites import site
from portal.models import Verification


@register(Verification, site=site)
class VerificationAdmin(ScopedAdmin):
    """Who accepted which prediction, after watching how much."""

    project_path = "task__project"
    list_display = (
        "id", "task", "annotator", "prediction", rounded("watched_seconds", "seconds watched", 1),
        "created_at",
    )  # fmt: skip
    list_filter = (("task__project", ScopedRelatedFilter),)
    list_select_related = ("task", "annotator", "prediction")
    search_fields = ("=task__id", "annotator__annotator_id")
    lookups = ("task", "annotator")
