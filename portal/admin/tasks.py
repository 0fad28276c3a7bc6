"""Tasks and the right answers of gold ones."""

from django.contrib.admin import register

from portal.admin.base import ScopedAdmin, shortened
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.sites import site
from portal.models import GoldReference, Task


@register(Task, site=site)
class TaskAdmin(ScopedAdmin):
    """Tasks in the order in which they are asked."""

    list_display = (
        "id", "video", "project", "state", "n_captions", "n_taken", "n_wanted", "priority",
        "is_gold", "is_evaluation", "created_at",
    )  # fmt: skip
    list_filter = (
        ("project", ScopedRelatedFilter), "state", "park_reason", "is_gold", "is_evaluation",
        "is_control", "is_audited", "difficulty_level",
    )  # fmt: skip
    list_select_related = ("video", "project")
    search_fields = ("=id", "video__video_id")
    lookups = ("video", "prediction")


@register(GoldReference, site=site)
class GoldReferenceAdmin(ScopedAdmin):
    """Accepted answers of gold tasks; made with the task's own action."""

    project_path = "task__project"
    list_display = ("task", shortened("text", "answer"))
    list_filter = (("task__project", ScopedRelatedFilter),)
    list_select_related = ("task",)
    search_fields = ("=task__id", "text")
    lookups = ("task",)
