"""Comparisons of an original with a retrained model."""

from django.contrib.admin import register

from portal.admin.base import ScopedAdmin
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.sites import site
from portal.models import Evaluation, EvaluationItem


@register(Evaluation, site=site)
class EvaluationAdmin(ScopedAdmin):
    """Verdicts with their figures."""

    list_display = (
        "id", "project", "original", "retrained", "verdict", "n_wins", "n_ties", "n_losses",
        "finished_at", "promoted_at",
    )  # fmt: skip
    list_filter = (("project", ScopedRelatedFilter), "verdict")
    list_select_related = ("project", "original", "retrained")
    search_fields = ("=id", "original__name", "retrained__name")
    lookups = ("job",)


@register(EvaluationItem, site=site)
class EvaluationItemAdmin(ScopedAdmin):
    """Both models' captions for one held-out task."""

    project_path = "evaluation__project"
    list_display = ("evaluation", "task", "outcome", "delta", "created_at")
    list_filter = (("evaluation__project", ScopedRelatedFilter), "outcome")
    list_select_related = ("evaluation__original", "evaluation__retrained", "task")
    search_fields = ("=task__id",)
    lookups = ("evaluation", "task")
