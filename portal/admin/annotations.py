"""Captions that people wrote: evidence, read-only."""

from django.contrib.admin import register

from portal.admin.base import ScopedAdmin
from portal.admin.columns import shortened, stated
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.sites import site
from portal.models import Annotation, AnnotationRevision


@register(Annotation, site=site)
class AnnotationAdmin(ScopedAdmin):
    """Captions with their state; what changes one is its author, on the pages."""

    project_path = "task__project"
    list_display = (
        "id",
        shortened("text", "caption"),
        "author",
        "task",
        stated("state"),
        "created_at",
    )
    list_filter = (("task__project", ScopedRelatedFilter), "state")
    list_select_related = ("author", "task")
    search_fields = ("=id", "=task__id", "text", "author__annotator_id", "author__name")
    lookups = ("task", "author")


@register(AnnotationRevision, site=site)
class AnnotationRevisionAdmin(ScopedAdmin):
    """Every wording that a caption ever had."""

    project_path = "annotation__task__project"
    list_display = ("annotation_id", "number", shortened("text", "wording"), "created_at")
    list_filter = (("annotation__task__project", ScopedRelatedFilter),)
    list_select_related = ("annotation__task",)
    search_fields = ("=annotation__id", "text")
    lookups = ("annotation",)
