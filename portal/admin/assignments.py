"""Leases: who has which slot of which task until when."""

from django.contrib.admin import display, register
from django.http import HttpRequest

from portal.admin.acts import ActingAdmin
from portal.admin.base import actor
from portal.admin.choices import explained
from portal.admin.columns import NOTHING, stated
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.runs import Act, Data
from portal.admin.sites import site
from portal.models import Assignment
from portal.models.assignments import AssignmentState
from portal.services import assignments


def revoke(request: HttpRequest, row: Assignment, data: Data) -> object:
    """Take the lease away."""
    return assignments.revoke(assignment=row, actor=actor(request))


@register(Assignment, site=site)
class AssignmentAdmin(ActingAdmin):
    """Assignments; the fencing token is the holder's alone and not shown."""

    acts = (
        Act(
            "revoke", "Take the lease away", "taken away", revoke, "timer_off",
            fits=lambda rows: rows.filter(state=AssignmentState.LEASED),
            intro="The slot is free for somebody else; what was typed stays as a draft.",
        ),
    )  # fmt: skip
    project_path = "task__project"
    hidden = ("token",)
    list_display = (
        "id", "task", "annotator", stated("state"), "hold", "reason", "leased_at", "expires_at",
    )  # fmt: skip
    fieldsets = (
        (None, {"fields": ("task", "annotator", "state", "hold", "slot", "skip_reason")}),
        ("Why this task for this person", {"fields": ("why",)}),
        (
            "When",
            {"fields": ("leased_at", "opened_at", "expires_at", "submitted_at")},
        ),
        ("What they saw and left", {"fields": ("prediction_shown", "draft")}),
    )
    list_filter = (("task__project", ScopedRelatedFilter), "state", "hold", "skip_reason")
    list_select_related = ("task", "annotator")
    search_fields = ("=id", "=task__id", "annotator__annotator_id", "annotator__name")
    lookups = ("task", "annotator")

    @display(description="why")
    def reason(self, row: Assignment) -> str:
        """The reason, in short."""
        return str(row.why_chosen.get("reason", NOTHING))

    @display(description="why")
    def why(self, row: Assignment) -> str:
        """The reason, the candidates and their scores, in words."""
        return explained(row.why_chosen)
