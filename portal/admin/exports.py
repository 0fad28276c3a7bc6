"""Exports: files made from one snapshot of a project."""

from django.contrib.admin import register

from portal.admin.base import ScopedAdmin
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.sites import site
from portal.models import Export


@register(Export, site=site)
class ExportAdmin(ScopedAdmin):
    """Exports with their state and their file."""

    hidden = ("file_key",)
    list_display = ("name", "project", "state", "n_rows", "n_bytes", "requested_by", "created_at")
    list_filter = (("project", ScopedRelatedFilter), "state")
    list_select_related = ("project", "requested_by")
    search_fields = ("name", "=uid")
