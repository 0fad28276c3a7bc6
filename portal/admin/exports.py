"""Exports: files made from one snapshot of a project."""

from django.contrib.admin import display, register
from django.http import HttpRequest
from django.utils.html import format_html

from portal.admin.adding import AskingAdmin
from portal.admin.columns import stated
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.forms import ExportForm
from portal.admin.runs import Data
from portal.admin.sites import site
from portal.models import Export
from portal.models.exports import ExportState
from portal.services import exports


@register(Export, site=site)
class ExportAdmin(AskingAdmin):
    """Exports with their state and their file."""

    question = ExportForm
    add_title = "Export captions"
    add_intro = "Every task with a final consensus, one JSON line each, from one snapshot."
    add_button = "Export"
    hidden = ("file_key",)
    list_display = ("name", "project", stated("state"), "n_rows", "n_bytes", "file", "created_at")
    list_filter = (("project", ScopedRelatedFilter), "state")
    list_select_related = ("project", "requested_by")
    search_fields = ("name", "=uid")

    def add(self, request: HttpRequest, data: Data) -> str:
        """Order the export."""
        export = exports.request(user=request.user, **data)
        return f"{export} is being made; reload in a moment to download it."

    @display(description="file")
    def file(self, row: Export) -> str:
        """A link that works for a day."""
        if row.state != ExportState.READY:
            return "–"
        return format_html('<a href="{}">Download</a>', exports.link(export=row, base_url=""))
