"""Blind votes between two models' captions: evidence, read-only."""

from django.contrib.admin import register

from portal.admin.base import ScopedAdmin
from portal.admin.columns import shortened
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.sites import site
from portal.models import Preference


@register(Preference, site=site)
class PreferenceAdmin(ScopedAdmin):
    """Which of two captions people preferred."""

    list_display = (
        "id", shortened("first", "earlier"), shortened("second", "later"), "choice", "voter",
        "changed_at",
    )  # fmt: skip
    list_filter = (("project", ScopedRelatedFilter), "choice")
    list_select_related = ("first", "second", "voter")
    search_fields = ("=id", "=task__id", "voter__annotator_id")
    lookups = ("task", "voter")
