"""Model versions whose predictions come in."""

from django.contrib.admin import register

from portal.admin.base import ScopedAdmin
from portal.admin.columns import stated
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.sites import site
from portal.models import ModelVersion


@register(ModelVersion, site=site)
class ModelVersionAdmin(ScopedAdmin):
    """Versions; promoting one is done on its evaluation."""

    hidden = ("uncertainty_bins",)
    list_display = ("name", "project", stated("state"), "base", "created_at", "promoted_at")
    list_filter = (("project", ScopedRelatedFilter), "state")
    list_select_related = ("project", "base")
    search_fields = ("name", "uri")
