"""Review votes: evidence, read-only."""

from django.contrib.admin import register

from portal.admin.base import ScopedAdmin
from portal.admin.columns import rounded, shortened
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.sites import site
from portal.models import Vote


@register(Vote, site=site)
class VoteAdmin(ScopedAdmin):
    """Scores that people gave to others' captions."""

    project_path = "annotation__task__project"
    list_display = (
        "id", rounded("score", "score"), shortened("annotation", "caption"), "voter",
        shortened("rationale", "rationale"), "changed_at",
    )  # fmt: skip
    list_filter = (("annotation__task__project", ScopedRelatedFilter),)
    list_select_related = ("annotation__task", "voter")
    search_fields = ("=id", "=annotation__task__id", "rationale", "voter__annotator_id")
    lookups = ("annotation", "voter", "annotation__task")
