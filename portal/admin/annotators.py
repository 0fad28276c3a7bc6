"""Annotators: who captions in a project and how far they are to be trusted."""

from django.contrib.admin import register

from portal.admin.base import ScopedAdmin
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.sites import site
from portal.models import Annotator


@register(Annotator, site=site)
class AnnotatorAdmin(ScopedAdmin):
    """People with their reliability; every number of theirs is derived."""

    may_change = True
    editable = ("name",)
    list_display = (
        "annotator_id", "name", "project", "state", "reliability", "n_residuals", "n_gold",
        "is_expert",
    )  # fmt: skip
    list_filter = (("project", ScopedRelatedFilter), "state", "is_expert")
    list_select_related = ("project",)
    search_fields = ("annotator_id", "name", "user__username")
