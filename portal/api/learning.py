"""What the project's labels are worth: the lift of prioritising, and when the gate can decide."""

from dataclasses import asdict
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.algorithms.lift import Lift
from portal.api import queries
from portal.api.base import PortalView
from portal.api.permissions import WATCHERS, Need
from portal.api.schema import documented
from portal.models.tokens import Scope
from portal.services import evaluations
from portal.services.evaluations import Outlook


class LiftOutput(serializers.Serializer[Any]):
    """Model errors found per caption, prioritised beside the random control slice."""

    prioritised = serializers.FloatField(help_text="Errors found per caption.")
    control = serializers.FloatField(help_text="The same of random tasks, weighted back.")
    ratio = serializers.FloatField()
    low = serializers.FloatField(help_text="95 %, videos drawn.")
    high = serializers.FloatField()
    n_prioritised = serializers.IntegerField()
    n_control = serializers.IntegerField()
    n_captions = serializers.IntegerField()
    n_at_random = serializers.IntegerField(help_text="Captions of random tasks for as many errors.")
    saved = serializers.FloatField(help_text="Share of captions saved.")
    curve = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField()),
        help_text="Captions spent, share saved, low, high.",
    )


class OutlookOutput(serializers.Serializer[Any]):
    """When the gate can decide about a difference of .05."""

    n_labels = serializers.IntegerField()
    n_waiting = serializers.IntegerField()
    n_needed = serializers.IntegerField()
    n_missing = serializers.IntegerField()
    n_videos = serializers.IntegerField()
    n_held_out = serializers.IntegerField()
    n_videos_needed = serializers.IntegerField(allow_null=True)
    spread = serializers.FloatField()
    is_measured = serializers.BooleanField()
    detectable = serializers.FloatField(allow_null=True)
    labels_per_day = serializers.FloatField()
    n_days = serializers.IntegerField(allow_null=True)
    sentences = serializers.ListField(child=serializers.CharField())


class LearningOutput(serializers.Serializer[Any]):
    """What the project's labels are worth."""

    project = serializers.CharField()
    lift = LiftOutput(allow_null=True, help_text="Null until 20 tasks of either kind settled.")
    outlook = OutlookOutput()


class LearningView(PortalView):
    """The worth of one project's labels."""

    needs: ClassVar = {"GET": Need(Scope.READ, WATCHERS)}
    filters: ClassVar = {"project": queries.text("The project's slug.")}

    @documented(
        "get_learning", "Read what the project's labels are worth", answers={200: LearningOutput}
    )
    def get(self, request: Request) -> Response:
        project = self.project()
        found = evaluations.measure_lift(project=project)
        return Response(
            {
                "project": project.slug,
                "lift": describe_lift(found) if found else None,
                "outlook": describe_outlook(evaluations.outlook(project=project)),
            }
        )


def describe_lift(lift: Lift) -> dict[str, Any]:
    """Write the lift with what follows from it."""
    return asdict(lift) | {"n_at_random": lift.n_at_random, "saved": lift.saved}


def describe_outlook(outlook: Outlook) -> dict[str, Any]:
    """Write the outlook, in figures and in words."""
    return {name: getattr(outlook, name) for name in OutlookOutput().fields}
