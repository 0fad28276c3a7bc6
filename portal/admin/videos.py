"""Clips: where their bytes are and what is known of them."""

from django.contrib.admin import register

from portal.admin.base import ScopedAdmin
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.sites import site
from portal.models import Video


@register(Video, site=site)
class VideoAdmin(ScopedAdmin):
    """Videos with their state; evaluation videos are never trained on."""

    hidden = ("file_key", "thumbnail_key")
    list_display = (
        "video_id", "project", "state", "failure", "clip_seconds", "is_evaluation", "created_at",
    )  # fmt: skip
    list_filter = (("project", ScopedRelatedFilter), "state", "is_evaluation")
    list_select_related = ("project",)
    search_fields = ("video_id", "source_url")
