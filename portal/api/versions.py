"""Model versions, as predictions and retraining bring them."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api import queries
from portal.api.base import PortalView
from portal.api.pagination import narrow, paged
from portal.api.permissions import WATCHERS, Need
from portal.api.schema import documented, page_of
from portal.api.times import iso
from portal.models import ModelVersion
from portal.models.tokens import Scope
from portal.models.versions import VersionState


class VersionOutput(serializers.Serializer[Any]):
    """One version of a captioning model."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    project = serializers.CharField()
    status = serializers.ChoiceField(VersionState.choices)
    base = serializers.CharField(allow_null=True, help_text="The version it was retrained from.")
    uri = serializers.CharField(allow_blank=True)
    sha256 = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    promoted_at = serializers.DateTimeField(allow_null=True)


class VersionsView(PortalView):
    """All versions of the project's models."""

    needs: ClassVar = {"GET": Need(Scope.READ, WATCHERS)}
    is_paged = True
    filters: ClassVar = {
        "project": queries.text("The project's slug."),
        "name": queries.text("The version's name.", "name"),
        "status": queries.choice("The version's state.", tuple(VersionState.values), "state"),
    }

    @documented("list_versions", "List model versions", answers={200: page_of(VersionOutput)})
    def get(self, request: Request) -> Response:
        rows = self.project().versions.select_related("project", "base")
        return paged(self, narrow(self, rows), describe)


def describe(version: ModelVersion) -> dict[str, Any]:
    """Write one version."""
    return {
        "id": version.pk,
        "name": version.name,
        "project": version.project.slug,
        "status": version.state,
        "base": version.base.name if version.base else None,
        "uri": version.uri,
        "sha256": version.sha256,
        "created_at": iso(version.created_at),
        "promoted_at": iso(version.promoted_at),
    }
