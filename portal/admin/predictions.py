"""What models said of clips: read-only, a newer one supersedes."""

from django.contrib.admin import register

from portal.admin.base import ScopedAdmin
from portal.admin.columns import rounded, shortened
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.sites import site
from portal.models import Prediction


@register(Prediction, site=site)
class PredictionAdmin(ScopedAdmin):
    """Predictions with their uncertainty."""

    hidden = ("embedding", "body_sha256")
    list_display = (
        "id", shortened("caption", "caption"), "video", "version",
        rounded("uncertainty", "uncertainty"), "estimator", "is_standing", "created_at",
    )  # fmt: skip
    list_filter = (
        ("project", ScopedRelatedFilter), ("version", ScopedRelatedFilter), "is_standing",
    )  # fmt: skip
    list_select_related = ("video", "version")
    search_fields = ("=id", "caption", "video__video_id")
    lookups = ("video",)
