"""What stands, and why: consensus, refits, residuals, experts' reviews. Read-only."""

from django.contrib.admin import register

from portal.admin.base import ScopedAdmin, shortened
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.sites import site
from portal.models import Consensus, Refit, Residual, Review


@register(Consensus, site=site)
class ConsensusAdmin(ScopedAdmin):
    """Every version of every consensus with what it was computed from."""

    list_display = (
        "id", shortened("caption", "caption"), "task", "status", "agreement", "confidence",
        "judge_confidence", "is_standing", "created_at",
    )  # fmt: skip
    list_filter = (("project", ScopedRelatedFilter), "status", "is_standing", "is_split")
    list_select_related = ("task",)
    search_fields = ("=id", "=task__id", "caption")
    lookups = ("task", "annotation")


@register(Refit, site=site)
class RefitAdmin(ScopedAdmin):
    """The numbers consensus is computed with; the newest is in force."""

    list_display = ("project", "number", "n_captions", "created_at")
    list_filter = (("project", ScopedRelatedFilter),)
    list_select_related = ("project",)
    search_fields = ("project__name",)


@register(Residual, site=site)
class ResidualAdmin(ScopedAdmin):
    """How each annotator compared on each task."""

    project_path = "task__project"
    list_display = ("task", "annotator", "value", "credited", "disagreed", "changed_at")
    list_filter = (("task__project", ScopedRelatedFilter), "disagreed")
    list_select_related = ("task", "annotator")
    search_fields = ("=task__id", "annotator__annotator_id", "annotator__name")
    lookups = ("task", "annotator")
    ordering = ("-id",)


@register(Review, site=site)
class ReviewAdmin(ScopedAdmin):
    """Experts' decisions with their reasons."""

    project_path = "task__project"
    list_display = (
        "id", "task", "decision", "reviewer", shortened("reason", "reason"), "is_audit",
        "created_at",
    )  # fmt: skip
    list_filter = (("task__project", ScopedRelatedFilter), "decision", "is_audit")
    list_select_related = ("task", "reviewer")
    search_fields = ("=task__id", "reason", "text", "reviewer__username")
    lookups = ("task",)
