"""Pools: what tasks ask of people, as their clips' tags say."""

from django.contrib.admin import display, register

from portal.admin.base import ScopedAdmin
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.sites import site
from portal.models import Pool


@register(Pool, site=site)
class PoolAdmin(ScopedAdmin):
    """The languages and skills that are asked for; people who fit have them on their own page."""

    list_display = ("asked", "project", "language", "skills")
    list_filter = (("project", ScopedRelatedFilter), "language")
    list_select_related = ("project",)
    search_fields = ("language", "skills")

    @display(description="asks for")
    def asked(self, row: Pool) -> str:
        """Language and skills."""
        return str(row)
