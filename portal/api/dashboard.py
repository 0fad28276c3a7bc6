"""The project at a glance: its progress, and everybody's figures."""

from dataclasses import fields
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api import queries
from portal.api.annotators import MetricsOutput, describe_metrics
from portal.api.base import PortalView
from portal.api.permissions import ONLOOKERS, Need
from portal.api.schema import documented
from portal.api.times import iso
from portal.models.members import Role
from portal.models.tokens import Scope
from portal.services import annotators, projects


class DayOutput(serializers.Serializer[Any]):
    """One day's captions."""

    day = serializers.DateField()
    n_captions = serializers.IntegerField()


class ProgressOutput(serializers.Serializer[Any]):
    """Where the project's tasks stand."""

    n_tasks = serializers.IntegerField()
    n_open = serializers.IntegerField()
    n_settled = serializers.IntegerField()
    n_disputed = serializers.IntegerField()
    n_parked = serializers.IntegerField()
    n_rejected = serializers.IntegerField()
    n_waiting_review = serializers.IntegerField()
    n_captions = serializers.IntegerField()
    n_votes = serializers.IntegerField()
    mean_agreement = serializers.FloatField(allow_null=True)
    mean_confidence = serializers.FloatField(allow_null=True)
    n_unassigned = serializers.IntegerField()
    oldest_open_at = serializers.DateTimeField(allow_null=True)
    captions_per_day = DayOutput(many=True)
    n_new_consensus = serializers.IntegerField(help_text="Final and in no batch yet.")


class DashboardOutput(serializers.Serializer[Any]):
    """A project at a glance."""

    project = serializers.CharField()
    progress = ProgressOutput()
    annotators = MetricsOutput(many=True, help_text="Empty for those who may not see them.")


class DashboardView(PortalView):
    """One project's dashboard."""

    needs: ClassVar = {"GET": Need(Scope.READ, ONLOOKERS)}
    filters: ClassVar = {"project": queries.text("The project's slug.")}

    @documented("get_dashboard", "Read the project's figures", answers={200: DashboardOutput})
    def get(self, request: Request) -> Response:
        project = self.project()
        people = [] if self.role == Role.READER else annotators.all_metrics(project=project)
        return Response(
            {
                "project": project.slug,
                "progress": describe(projects.progress(project=project)),
                "annotators": [describe_metrics(figures) for figures in people],
            }
        )


def describe(progress: projects.Progress) -> dict[str, Any]:
    """Write a project's progress."""
    row = {each.name: getattr(progress, each.name) for each in fields(progress)}
    days = [{"day": str(day), "n_captions": n} for day, n in progress.captions_per_day]
    return row | {"oldest_open_at": iso(progress.oldest_open_at), "captions_per_day": days}
