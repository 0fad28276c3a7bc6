"""Exports: ordered, watched, downloaded, and compared with an earlier one."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import display, register
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.admin.adding import AskingAdmin
from portal.admin.columns import NOTHING, stated
from portal.admin.exportforms import ExportForm, options_of
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.runs import Data
from portal.admin.sites import site
from portal.errors import PortalError
from portal.models import Export
from portal.models.exports import ExportState
from portal.models.formats import FileFormat
from portal.services import exports

CHANGES_SHOWN = 200
EARLIER_OFFERED = 100


@register(Export, site=site)
class ExportAdmin(AskingAdmin):
    """Exports with their state and their file."""

    question = ExportForm
    add_title = "Export captions"
    add_intro = "Every task with a final consensus that fits, from one snapshot of the database."
    add_button = "Export"
    list_display = (
        "name", "project", "format", stated("state"), "how_far", "size", "file", "created_at",
    )  # fmt: skip
    list_filter = (("project", ScopedRelatedFilter), "state", "format")
    list_select_related = ("project", "requested_by")
    search_fields = ("name", "=uid")
    fields = (
        "name", "project", "format", "state", "failure", "file", "compared", "asked_for", "held",
        "guideline_versions", "size", "sha256", "uid", "requested_by", "created_at", "finished_at",
    )  # fmt: skip

    def add(self, request: HttpRequest, data: Data) -> str:
        """Order the export."""
        export = exports.request(
            user=request.user,
            project=data["project"],
            name=data["name"],
            format=data["format"] or FileFormat.JSONL,
            options=options_of(data),
        )
        return f"{export} is being made; reload in a moment to download it."

    @display(description="file")
    def file(self, row: Export) -> str:
        """A link that works for a day."""
        if row.state != ExportState.READY:
            return NOTHING
        return format_html(
            '<a class="console-link" href="{}">Download</a>', exports.link(export=row, base_url="")
        )

    @display(description="captions")
    def how_far(self, row: Export) -> str:
        """How many segments are in it, or how far the building is."""
        if row.state == ExportState.BUILDING:
            return f"{exports.progress(export=row):.0%}"
        return f"{row.n_rows:,}" if row.state == ExportState.READY else NOTHING

    @display(description="size", ordering="n_bytes")
    def size(self, row: Export) -> str:
        """The file's size, in the unit that reads best."""
        if not row.n_bytes:
            return NOTHING
        size, unit = float(row.n_bytes), "B"
        for unit in ("B", "kB", "MB", "GB"):
            if size < 1000 or unit == "GB":
                break
            size /= 1000
        return f"{size:.3g} {unit}" if unit != "B" else f"{row.n_bytes} B"

    @display(description="asked for")
    def asked_for(self, row: Export) -> str:
        """What differs from the defaults."""
        return _listed(row.options) or "everything final"

    @display(description="holds")
    def held(self, row: Export) -> str:
        """Counts by split."""
        return _listed(row.counts) or NOTHING

    @display(description="guideline versions")
    def guideline_versions(self, row: Export) -> str:
        """Those that its captions were written under."""
        return ", ".join(map(str, row.guidelines)) or NOTHING

    @display(description="changes")
    def compared(self, row: Export) -> SafeString | str:
        """The way to the comparison."""
        if row.state != ExportState.READY:
            return NOTHING
        url = reverse("admin:portal_export_compare", args=[row.pk])
        return format_html(
            '<a class="console-link" href="{}">Compare with an earlier export</a>', url
        )

    def get_urls(self) -> list[URLPattern]:
        """Add the address of the comparison."""
        compare = self.admin_site.admin_view(self.compare_view)
        name = "portal_export_compare"
        return [path("<int:pk>/compare/", compare, name=name), *super().get_urls()]

    def compare_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what changed since an earlier export."""
        mine = self.get_queryset(request).filter(state=ExportState.READY)
        after = mine.filter(pk=pk).first()
        if after is None or not self.has_view_permission(request, after):
            raise Http404("There is no such export.")
        earlier = mine.filter(project=after.project_id).exclude(pk=pk)
        chosen = request.GET.get("since", "")
        before = (
            earlier.filter(pk=chosen).first() if chosen.isdecimal() and len(chosen) < 19 else None
        )
        try:
            found = exports.diff(before=before, after=after, most=CHANGES_SHOWN) if before else None
        except PortalError as refused:
            messages.error(request, refused.detail)
            return redirect("admin:portal_export_change", pk)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": f"What changed in {after}",
            "opts": self.opts,
            "earlier": earlier.order_by("-pk")[:EARLIER_OFFERED],
            "before": before,
            "after": after,
            "found": found,
            "shown": CHANGES_SHOWN,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/export/compare.html", context)


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')}: {_said(value)}" for key, value in values.items())


def _said(value: Any) -> str:
    return " or ".join(map(str, value)) if isinstance(value, list) else str(value)
