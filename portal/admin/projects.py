"""Projects with their rules, and the guidelines that people follow."""

from django.contrib.admin import register

from portal.admin.base import ScopedAdmin, shortened
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.sites import site
from portal.models import Guideline, Project


@register(Project, site=site)
class ProjectAdmin(ScopedAdmin):
    """A project's rules for asking, stopping, serving and retraining."""

    project_path = "pk"
    may_change = True
    list_display = ("name", "slug", "language", "is_paused", "min_captions", "max_captions")
    list_filter = ("is_paused", "mode")
    search_fields = ("name", "slug", "description")


@register(Guideline, site=site)
class GuidelineAdmin(ScopedAdmin):
    """Versions of the guidelines; a new text is a new version."""

    list_display = ("project", "number", shortened("text", "text"), "created_by", "created_at")
    list_filter = (("project", ScopedRelatedFilter),)
    list_select_related = ("project", "created_by")
    search_fields = ("text", "project__name")
