"""Imports: a file of captions sent, watched until its report is there."""

from typing import Any, ClassVar

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api import queries
from portal.api.base import PortalView, answer, parse_uid
from portal.api.fields import Body, Text
from portal.api.pagination import narrow, paged
from portal.api.permissions import MANAGERS, Need
from portal.api.schema import documented, page_of
from portal.api.times import iso
from portal.api.uploads import UploadParser
from portal.errors import InvalidInput, NotAllowed
from portal.models import Import
from portal.models.formats import FileFormat
from portal.models.imports import ImportKind, ImportState
from portal.models.tokens import Scope
from portal.services import imports
from portal.services.imports import Options

FIELDS = frozenset(
    ("file", "format", "as", "project", "dry_run", "author", "model_version", "score", "prefix")
)
NEEDS = Need(Scope.INGEST, MANAGERS)


class ImportInput(Body):
    """A file of captions, and what its texts are; a file that leaves something open is refused."""

    file = serializers.FileField()
    format = serializers.ChoiceField(FileFormat.choices)
    dry_run = serializers.ChoiceField(["true", "false"], required=False)
    author = Text(required=False, help_text="Who wrote texts that name no author.")
    model_version = Text(required=False, help_text="Whose texts without a version.")
    score = serializers.ChoiceField(
        ["confidence", "uncertainty"],
        required=False,
        help_text="What Label Studio's scores mean: high is sure, or high is unsure.",
    )
    prefix = serializers.ListField(
        child=Text(),
        required=False,
        help_text="FROM=TO: what the beginning of a clip's address stands for.",
    )
    project = Text(required=False)

    def get_fields(self) -> Any:
        """Add `as`, which Python keeps for itself."""
        return super().get_fields() | {"as": serializers.ChoiceField(ImportKind.choices)}


class ImportProblemOutput(serializers.Serializer[Any]):
    """One text that was not taken."""

    place = serializers.CharField()
    reason = serializers.CharField()


class ImportOutput(serializers.Serializer[Any]):
    """One import, how far it is, and what became of its texts."""

    uid = serializers.UUIDField()
    name = serializers.CharField()
    project = serializers.CharField()
    format = serializers.CharField()
    dry_run = serializers.BooleanField()
    state = serializers.ChoiceField(ImportState.choices)
    failure = serializers.CharField(allow_blank=True)
    n_records = serializers.IntegerField()
    n_done = serializers.IntegerField()
    added = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    skipped = serializers.IntegerField(help_text="Skips and drafts that were kept.")
    failed = serializers.IntegerField()
    problems = ImportProblemOutput(many=True, help_text="The first 500.")
    warnings = serializers.ListField(child=serializers.CharField())
    sha256 = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_fields(self) -> Any:
        """Add `as`, which Python keeps for itself."""
        return super().get_fields() | {"as": serializers.ChoiceField(ImportKind.choices)}


class ImportsView(PortalView):
    """The project's imports, and the way for one more."""

    needs: ClassVar = {"GET": NEEDS, "POST": NEEDS}
    parser_classes = (UploadParser,)
    is_paged = True
    filters: ClassVar = {
        "project": queries.text("The project's slug."),
        "state": queries.choice("How far it is.", tuple(ImportState.values), "state"),
    }

    @documented("list_imports", "List imports", answers={200: page_of(ImportOutput)})
    def get(self, request: Request) -> Response:
        rows = narrow(self, self.project().imports.select_related("project"))
        return paged(self, rows, describe)

    @documented(
        "post_import",
        "Send a file of captions; it is looked through at once and taken in by a job",
        body={"multipart/form-data": ImportInput},
        answers={201: ImportOutput},
    )
    def post(self, request: Request) -> Response:
        if self.caller.user:
            raise NotAllowed("Files are sent over the API with a service token.")
        data = _form(request)
        row = imports.request(
            project=self.project(data.get("project")),
            stream=data["file"],
            name=str(data["file"].name),
            format=data["format"],
            kind=data["as"],
            options=_options(data),
            dry_run=data.get("dry_run", "false") == "true",
        )
        return answer(describe(row), created=True)


class ImportView(PortalView):
    """One import."""

    needs: ClassVar = {"GET": NEEDS}

    @documented("get_import", "Read what became of an import", answers={200: ImportOutput})
    def get(self, request: Request, uid: str) -> Response:
        rows = Import.objects.select_related("project")
        return Response(describe(self.find(rows, uid=parse_uid(uid))))


def describe(row: Import) -> dict[str, Any]:
    """Write one import."""
    return {
        "uid": str(row.uid),
        "name": row.name,
        "project": row.project.slug,
        "format": row.format,
        "as": row.kind,
        "dry_run": row.is_dry_run,
        "state": row.state,
        "failure": row.failure,
        "n_records": row.n_records,
        "n_done": row.n_done,
        "added": row.n_added,
        "unchanged": row.n_unchanged,
        "skipped": row.n_skipped,
        "failed": row.n_failed,
        "problems": row.problems,
        "warnings": row.warnings,
        "sha256": row.sha256,
        "created_at": iso(row.created_at),
        "finished_at": iso(row.finished_at),
    }


def _form(request: Request) -> dict[str, Any]:
    """Read a multipart form as strictly as a JSON body."""
    data: QueryDict = request.data
    for name in data:
        if name not in FIELDS:
            raise InvalidInput.on(name[:100], "There is no such field here.", "unknown_field")
        if name != "prefix" and len(data.getlist(name)) > 1:
            raise InvalidInput.on(name, "Give this once.", "repeated")
        for value in data.getlist(name) if name != "file" else ():
            if not isinstance(value, str) or "\x00" in value or len(value) > 2000:
                raise InvalidInput.on(name, "This must be a short text.", "invalid_text")
    if not isinstance(data.get("file"), UploadedFile):
        raise InvalidInput.on("file", "Send the captions as a file.", "required")
    if data.get("dry_run", "false") not in ("true", "false"):
        raise InvalidInput.on("dry_run", "dry_run is true or false.")
    said = {name: data[name] for name in data}
    return {"format": "", "as": ""} | said | {"prefix": data.getlist("prefix")}


def _options(data: dict[str, Any]) -> Options:
    pairs = [pair.rpartition("=") for pair in data["prefix"]]
    if not all(begins and equals for begins, equals, _ in pairs):
        raise InvalidInput.on("prefix", "prefix is FROM=TO.")
    if data.get("score", "") not in ("", "confidence", "uncertainty"):
        raise InvalidInput.on("score", "score is confidence or uncertainty.")
    return Options(
        author=data.get("author", ""),
        model_version=data.get("model_version", ""),
        score=data.get("score", ""),
        prefixes={begins: stands_for for begins, _, stands_for in pairs},
    )
