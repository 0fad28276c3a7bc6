"""Exports: ordered, watched, downloaded with resuming."""

from typing import Any, ClassVar

import msgspec
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.adapters.formats import FORMATS
from portal.api import queries
from portal.api.base import PortalView, answer, parse_uid
from portal.api.downloads import LINK_FILTERS, LinkSigned, send
from portal.api.fields import Body, Flag, Number, Text
from portal.api.idempotency import keyed
from portal.api.pagination import narrow, paged
from portal.api.permissions import MANAGERS, Need, NeedsMet
from portal.api.schema import documented, page_of
from portal.api.times import iso
from portal.errors import Conflict, InvalidInput, NotFound
from portal.models import Export
from portal.models.exports import ExportState
from portal.models.formats import FileFormat
from portal.models.members import Role
from portal.models.tokens import Scope
from portal.services import exports
from portal.services.exports import Options

MIMES = tuple(dict.fromkeys(each.mime for each in FORMATS.values()))
MAKERS = Need(Scope.EXPORT, MANAGERS)
READERS = Need(Scope.EXPORT, (Role.MANAGER, Role.READER))


class ExportInput(Body):
    """What the export is called, which captions it takes, and how they are written down."""

    name = Text(max_length=120)
    project = Text(required=False)
    format = Text(required=False, help_text=f"One of {', '.join(FileFormat.values)}.")
    statuses = serializers.ListField(
        child=Text(), max_length=3, required=False, help_text="accepted, finalised, decided; all."
    )
    min_confidence = Number(required=False, min_value=0, max_value=1)
    tags = serializers.ListField(
        child=Text(max_length=200), max_length=50, required=False, help_text="Any of them."
    )
    since = serializers.DateTimeField(required=False, help_text="Of the consensus.")
    until = serializers.DateTimeField(required=False, help_text="Exclusive.")
    model_version = Text(max_length=120, required=False)
    validation_share = Number(required=False, min_value=0, max_value=1)
    with_files = Flag(required=False, help_text="VideoFolder: the clips' bytes too.")
    authors = Text(required=False, help_text="pseudonyms (unless given) or ids.")


class ExportOutput(serializers.Serializer[Any]):
    """One export and how far it is."""

    uid = serializers.UUIDField()
    name = serializers.CharField()
    project = serializers.CharField()
    format = serializers.CharField()
    state = serializers.ChoiceField(ExportState.choices)
    failure = serializers.CharField(allow_blank=True)
    options = serializers.DictField(help_text="What was asked for beyond the defaults.")
    progress = serializers.FloatField(help_text="0–1.")
    n_rows = serializers.IntegerField()
    counts = serializers.DictField(child=serializers.IntegerField())
    guidelines = serializers.ListField(
        child=serializers.IntegerField(), help_text="Versions the captions were written under."
    )
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
        project, name = self.project(data.pop("project", None)), data.pop("name")
        chosen = data.pop("format", FileFormat.JSONL)
        export = exports.request(
            project=project,
            name=name,
            format=chosen,
            options=options_of(data),
            user=self.caller.user,
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
        answers={(status, mime): OpenApiTypes.BINARY for status in (200, 206) for mime in MIMES},
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
        file_format = FORMATS[export.format]
        return send(
            request,
            key=export.file_key,
            n_bytes=export.n_bytes,
            sha256=export.sha256,
            name=f"export-{export.pk}{file_format.suffix}",
            content_type=file_format.mime,
        )


class ChangeOutput(serializers.Serializer[Any]):
    """One segment whose caption differs between two exports."""

    kind = serializers.ChoiceField(["added", "removed", "changed"])
    task_id = serializers.IntegerField()
    video_id = serializers.CharField()
    start = serializers.FloatField()
    end = serializers.FloatField(allow_null=True)
    before = serializers.CharField(allow_null=True)
    after = serializers.CharField(allow_null=True)


class DiffOutput(serializers.Serializer[Any]):
    """What changed from an earlier export to this one."""

    added = serializers.IntegerField()
    removed = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    changes = ChangeOutput(many=True, help_text="The first 1,000.")


class ExportDiffView(PortalView):
    """What changed between two exports."""

    needs: ClassVar = {"GET": READERS}
    filters: ClassVar = {"since": queries.uid("The earlier export's uid.")}

    @documented("diff_exports", "Compare an export with an earlier one", answers={200: DiffOutput})
    def get(self, request: Request, uid: str) -> Response:
        after = self.find(_rows(), uid=parse_uid(uid))
        if "since" not in self.query:
            raise InvalidInput.on("since", "Name the earlier export.", "required")
        before = self.find(_rows(), uid=self.query["since"])
        return Response(msgspec.to_builtins(exports.diff(before=before, after=after)))


def options_of(given: dict[str, Any]) -> Options:
    """Read what is asked for; raise InvalidInput naming the field."""
    for field, wrong in given.items():
        try:
            msgspec.convert({field: wrong}, Options)
        except msgspec.ValidationError as refused:
            raise InvalidInput.on(field, f"{refused}.") from refused
    return msgspec.convert(given, Options)


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
        "options": export.options,
        "progress": exports.progress(export=export),
        "n_rows": export.n_rows,
        "counts": export.counts,
        "guidelines": export.guidelines,
        "n_bytes": export.n_bytes,
        "sha256": export.sha256,
        "download_url": exports.link(export=export, base_url=view.base_url) if is_ready else None,
        "created_at": iso(export.created_at),
        "finished_at": iso(export.finished_at),
    }


def _rows() -> Any:
    return Export.objects.select_related("project")
