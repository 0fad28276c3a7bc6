"""Exports: ordered, watched, downloaded with resuming."""

from typing import Any, ClassVar

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api import queries
from portal.api.base import PortalView, answer, parse_uid
from portal.api.downloads import LINK_FILTERS, NDJSON, LinkSigned, send
from portal.api.fields import Body, Text
from portal.api.idempotency import keyed
from portal.api.pagination import narrow, paged
from portal.api.permissions import MANAGERS, Need, NeedsMet
from portal.api.schema import documented, page_of
from portal.api.times import iso
from portal.errors import Conflict, NotFound
from portal.models import Export
from portal.models.exports import ExportState
from portal.models.members import Role, Scope
from portal.services import exports

MAKERS = Need(Scope.EXPORT, MANAGERS)
READERS = Need(Scope.EXPORT, (Role.MANAGER, Role.READER))


class ExportInput(Body):
    """What the export is called."""

    name = Text(max_length=120)
    project = Text(required=False)


class ExportOutput(serializers.Serializer[Any]):
    """One export and how far it is."""

    uid = serializers.UUIDField()
    name = serializers.CharField()
    project = serializers.CharField()
    format = serializers.CharField()
    state = serializers.ChoiceField(ExportState.choices)
    failure = serializers.CharField(allow_blank=True)
    n_rows = serializers.IntegerField()
    n_bytes = serializers.IntegerField()
    sha256 = serializers.CharField(allow_blank=True)
    download_url = serializers.CharField(allow_null=True, help_text="Null until it is ready.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class ExportsView(PortalView):
    """The project's exports."""

    needs: ClassVar = {"GET": READERS, "POST": MAKERS}
    is_paged = True
    filters: ClassVar = {
        "project": queries.text("The project's slug."),
        "state": queries.choice("How far it is.", tuple(ExportState.values), "state"),
    }

    @documented("list_exports", "List exports", answers={200: page_of(ExportOutput)})
    def get(self, request: Request) -> Response:
        rows = narrow(self, self.project().exports.select_related("project"))
        return paged(self, rows, lambda row: describe(self, row))

    @documented("request_export", "Order an export", body=ExportInput, answers={201: ExportOutput})
    @keyed
    def post(self, request: Request) -> Response:
        data = self.body(request, ExportInput)
        export = exports.request(
            project=self.project(data.get("project")), name=data["name"], user=self.caller.user
        )
        return answer(describe(self, export), created=True)


class ExportView(PortalView):
    """One export."""

    needs: ClassVar = {"GET": READERS}

    @documented("get_export", "Read how far an export is", answers={200: ExportOutput})
    def get(self, request: Request, uid: str) -> Response:
        return Response(describe(self, self.find(_rows(), uid=parse_uid(uid))))


class ExportDownloadView(PortalView):
    """An export's file."""

    needs: ClassVar = {"GET": READERS}
    permission_classes = (LinkSigned | NeedsMet,)
    filters: ClassVar = LINK_FILTERS

    @documented(
        "download_export",
        "Download an export (Range resumes)",
        answers={(200, NDJSON): OpenApiTypes.BINARY, (206, NDJSON): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, uid: str) -> HttpResponseBase:
        rows = _rows().filter(uid=parse_uid(uid))
        export = rows.first() if "signature" in self.query else self.find(rows)
        if export is None:
            raise NotFound("There is no such export.")
        if export.state != ExportState.READY:
            raise Conflict(
                f"{export} is {export.get_state_display()}; it cannot be downloaded yet."
            )
        return send(
            request,
            key=export.file_key,
            n_bytes=export.n_bytes,
            sha256=export.sha256,
            name=f"export-{export.pk}.jsonl",
            content_type=NDJSON,
        )


def describe(view: PortalView, export: Export) -> dict[str, Any]:
    """Write one export."""
    is_ready = export.state == ExportState.READY
    return {
        "uid": str(export.uid),
        "name": export.name,
        "project": export.project.slug,
        "format": export.format,
        "state": export.state,
        "failure": export.failure,
        "n_rows": export.n_rows,
        "n_bytes": export.n_bytes,
        "sha256": export.sha256,
        "download_url": exports.link(export=export, base_url=view.base_url) if is_ready else None,
        "created_at": iso(export.created_at),
        "finished_at": iso(export.finished_at),
    }


def _rows() -> Any:
    return Export.objects.select_related("project")
