"""Filters and pages that ask no more of the database than a manager may see, or can read."""

from typing import Any

from django.contrib.admin import RelatedFieldListFilter
from django.core.paginator import Paginator
from django.db.models import Field
from django.http import HttpRequest
from django.utils.functional import cached_property

MOST_COUNTED = 10_000
MOST_CHOICES = 100

# What may follow a filter's field in an address; anything longer would walk to other tables.
SUFFIXES = frozenset(
    ["", "exact", "id__exact", "isnull", "in", "gte", "gt", "lte", "lt", "isempty"]
)


class ScopedRelatedFilter(RelatedFieldListFilter):
    """Filter by a related row, naming only those that the viewer manages."""

    def field_choices(
        self, field: Field[Any, Any], request: HttpRequest, model_admin: Any
    ) -> list[tuple[Any, str]]:
        """Return the choices that lie within the viewer's projects, the first hundred."""
        related = model_admin.admin_site.get_model_admin(field.remote_field.model)
        rows = related.get_queryset(request).order_by(*related.get_ordering(request))
        return [(row.pk, str(row)) for row in rows[:MOST_CHOICES]]


class BoundedPaginator(Paginator):
    """Counts no further than anybody pages: counting a million rows outlasts the page."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, or the bound where there are more."""
        return int(self.object_list[:MOST_COUNTED].count())
