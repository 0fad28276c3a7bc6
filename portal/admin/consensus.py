"""What stands, and why: consensus, refits, residuals, experts' reviews. Read-only."""

from django.contrib.admin import display, register

from portal.admin.base import ScopedAdmin
from portal.admin.columns import number, rounded, shortened, stated, table
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.sites import site
from portal.models import Consensus, Refit, Residual, Review, ReviewLease

CONTRIBUTIONS = ("score", "support", "skill", "votes", "brevity", "weight")


@register(Consensus, site=site)
class ConsensusAdmin(ScopedAdmin):
    """Every version of every consensus with what it was computed from."""

    list_display = (
        "id", shortened("caption", "caption"), "task", stated("status", "status"),
        rounded("agreement", "agreement"), rounded("confidence", "confidence"),
        rounded("judge_confidence", "judge"), "is_standing", "created_at",
    )  # fmt: skip
    list_filter = (("project", ScopedRelatedFilter), "status", "is_standing", "is_split")
    list_select_related = ("task",)
    search_fields = ("=id", "=task__id", "caption")
    lookups = ("task", "annotation")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "caption", "task", "project", "status", "is_standing", "number", "agreement",
                    "confidence", "is_split", "method", "why", "created_at",
                )
            },
        ),
        ("Who decided", {"fields": ("decided_by", "reason")}),
        ("The judge", {"fields": ("judge", "judge_confidence", "judge_reason")}),
        (
            "What it was computed from",
            {"classes": ["collapse"], "fields": ("of_revision", "refit", "is_credited", "inputs")},
        ),
    )  # fmt: skip

    @display(description="why it won")
    def why(self, row: Consensus) -> str:
        """What each caption had to say for itself, the winner first."""
        ranked = sorted(row.candidates, key=lambda each: -each.get("score", 0.0))
        return table(
            ["Caption", *CONTRIBUTIONS, ""],
            [
                (
                    f"{each.get('caption', '')}{' (the model)' if each.get('is_model') else ''}",
                    *(number(each.get(name)) for name in CONTRIBUTIONS),
                    "won" if each.get("is_winner") else "",
                )
                for each in ranked
            ],
        )


@register(Refit, site=site)
class RefitAdmin(ScopedAdmin):
    """The numbers consensus is computed with; the newest is in force."""

    list_display = (
        "project", "number", "n_captions", "n_labels", "n_reopened", "reconsidered_at",
        "created_at",
    )  # fmt: skip
    list_filter = (("project", ScopedRelatedFilter),)
    list_select_related = ("project",)
    search_fields = ("project__name",)


@register(Residual, site=site)
class ResidualAdmin(ScopedAdmin):
    """How each annotator compared on each task."""

    project_path = "task__project"
    list_display = ("task", "annotator", rounded("value", "residual", 3), "disagreed", "changed_at")
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


@register(ReviewLease, site=site)
class ReviewLeaseAdmin(ScopedAdmin):
    """Experts at their disputes and audits just now."""

    project_path = "task__project"
    list_display = ("task", "reviewer", "expires_at")
    list_filter = (("task__project", ScopedRelatedFilter),)
    list_select_related = ("task", "reviewer")
    search_fields = ("=task__id", "reviewer__username")
    lookups = ("task",)
    exclude = ("words",)  # an auditor's words stay blind until the audit is done
