"""Comparisons of an original with a retrained model."""

from django.contrib.admin import display, register
from django.http import HttpRequest
from django.urls import reverse

from portal.admin.acts import ActingAdmin
from portal.admin.base import ScopedAdmin, actor
from portal.admin.columns import number, rounded, stated, table
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.forms import WhyForm
from portal.admin.runs import Act, Data
from portal.admin.sites import site
from portal.models import Evaluation, EvaluationItem, MetricBasis
from portal.services import evaluations


def promote(request: HttpRequest, row: Evaluation, data: Data) -> object:
    """Make the retrained version the current one."""
    return evaluations.promote(evaluation=row, actor=actor(request), **data)


def reject(request: HttpRequest, row: Evaluation, data: Data) -> object:
    """Turn the retrained version down."""
    return evaluations.reject(evaluation=row, actor=actor(request), **data)


@register(Evaluation, site=site)
class EvaluationAdmin(ActingAdmin):
    """Verdicts with their figures."""

    acts = (
        Act(
            "promote", "Promote", "promoted", promote, "military_tech", form=WhyForm,
            fits=lambda rows: rows.undecided(),
            intro="The retrained version becomes the current one; the one before it is retired.",
        ),
        Act(
            "reject", "Reject", "rejected", reject, "thumb_down", form=WhyForm,
            fits=lambda rows: rows.undecided(),
            intro="The retrained version never becomes the current one by this comparison.",
        ),
    )  # fmt: skip

    list_display = (
        "id", "project", "original", "retrained", stated("verdict", "verdict"), "outcomes",
        "finished_at", "promoted_at",
    )  # fmt: skip
    list_filter = (("project", ScopedRelatedFilter), "verdict")
    list_select_related = ("project", "original", "retrained")
    search_fields = ("=id", "original__name", "retrained__name")
    lookups = ("job",)
    fields = (
        "project", "original", "retrained", "verdict", "why", "outcomes", "figures",
        "n_more_labels", "job", "basis", "promoted_at", "rejected_at", "decided_by",
        "decision_reason", "finished_at",
    )  # fmt: skip

    @display(description="better, alike, worse")
    def outcomes(self, row: Evaluation) -> str:
        """How many held-out clips went which way."""
        return f"{row.n_wins}, {row.n_ties}, {row.n_losses}"

    @display(description="why")
    def why(self, row: Evaluation) -> str:
        """The sentences behind the verdict."""
        return " ".join(row.reasons)

    @display(description="figures")
    def figures(self, row: Evaluation) -> str:
        """Each metric of both models with the interval of their difference."""
        columns = ("original", "retrained", "delta", "low", "high")
        return table(
            ["Metric", *columns],
            [
                (metric, *(number(figures.get(name)) for name in columns))
                for metric, figures in row.metrics.items()
            ],
        )

    def view_on_site(self, obj: Evaluation) -> str:
        """Lead to the page that shows both models' captions side by side."""
        return reverse("pages:evaluation", args=[obj.pk])


@register(EvaluationItem, site=site)
class EvaluationItemAdmin(ScopedAdmin):
    """Both models' captions for one held-out task."""

    project_path = "evaluation__project"
    list_display = (
        "evaluation",
        "task",
        stated("outcome", "outcome"),
        rounded("delta", "delta", 3),
        "created_at",
    )
    list_filter = (("evaluation__project", ScopedRelatedFilter), "outcome")
    list_select_related = ("evaluation__original", "evaluation__retrained", "task")
    search_fields = ("=task__id",)
    lookups = ("evaluation", "task")


@register(MetricBasis, site=site)
class MetricBasisAdmin(ScopedAdmin):
    """Document frequencies that CIDEr-D weighs words by."""

    hidden = ("frequencies",)
    list_display = ("project", "number", "n_documents", "created_at")
    list_filter = (("project", ScopedRelatedFilter),)
    list_select_related = ("project",)
    search_fields = ("=id", "project__name")
