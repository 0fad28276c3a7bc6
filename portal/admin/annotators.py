"""Annotators: who captions in a project and how far they are to be trusted."""

from typing import Any

from django.contrib.admin import display, register
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string

from portal.admin.acts import ActingAdmin
from portal.admin.base import actor
from portal.admin.columns import stated
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.runs import Act, Data
from portal.admin.sites import site
from portal.models import Annotator
from portal.models.annotators import AnnotatorState
from portal.services import annotators


def move_to(name: str, label: str, done: str, state: AnnotatorState, icon: str, intro: str) -> Act:
    """Declare an act that puts annotators into a state."""

    def step(request: HttpRequest, row: Annotator, data: Data) -> object:
        return annotators.set_state(annotator=row, state=state, actor=actor(request))

    def fits(rows: QuerySet[Annotator]) -> QuerySet[Annotator]:
        return rows.exclude(state=state)

    return Act(name, label, done, step, icon, fits=fits, intro=intro)


def grant(request: HttpRequest, row: Annotator, data: Data) -> object:
    """Grant one more attempt of the exam."""
    return annotators.grant_attempt(annotator=row, actor=actor(request))


@register(Annotator, site=site)
class AnnotatorAdmin(ActingAdmin):
    """People with their reliability; every number of theirs is derived."""

    acts = (
        move_to(
            "pause", "Pause", "paused", AnnotatorState.PAUSED, "pause_circle",
            "They are given no more work; what they hold they may finish.",
        ),
        move_to(
            "quarantine", "Gold only", "put on gold only", AnnotatorState.QUARANTINED, "verified",
            "They are given tasks whose answers are known, and nothing else.",
        ),
        move_to(
            "resume", "Let work again", "at work again", AnnotatorState.ACTIVE, "play_circle",
            "They are given work like everybody.",
        ),
        Act(
            "attempt", "One more exam attempt", "allowed one more attempt", grant, "history_edu",
            fits=lambda rows: rows.filter(project__exam_size__gt=0),
            intro="They may try the entrance exam once more, on clips that they have not seen.",
        ),
    )  # fmt: skip
    may_change = True
    editable = ("name", "languages", "skills", "daily_limit", "open_limit")
    list_display = (
        "annotator_id", "name", "project", stated("state"), "reliability_shown", "gold_shown",
        "n_residuals", "is_expert",
    )  # fmt: skip
    list_filter = (("project", ScopedRelatedFilter), "state", "is_expert")
    list_select_related = ("project",)
    search_fields = ("annotator_id", "name", "user__username")
    lookups = ("annotator_id",)

    derived = ("over_time",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show how the reliability came about, below the numbers."""
        shown = super().get_fieldsets(request, obj)
        return [*shown, ("Reliability over time", {"fields": self.derived})] if obj else shown

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Draw, and let nobody type, what is derived."""
        return [*super().get_readonly_fields(request, obj), *self.derived]

    @display(description="the line, and its 90 % interval")
    def over_time(self, row: Annotator) -> str:
        """The estimate after each consensus that counted."""
        points = annotators.history(annotator=row)
        return render_to_string("admin/annotator/over_time.html", {"points": points})

    @display(description="reliability (90 %)", ordering="reliability")
    def reliability_shown(self, row: Annotator) -> str:
        """The percentile with its interval."""
        if row.is_provisional:
            return f"{row.reliability:.2f}, provisional"
        return f"{row.reliability:.2f} ({row.reliability_low:.2f}–{row.reliability_high:.2f})"

    @display(description="gold right")
    def gold_shown(self, row: Annotator) -> str:
        """Gold answers that were right, of those that were given."""
        return f"{row.sum_gold:.0f} of {row.n_gold}" if row.n_gold else "–"
