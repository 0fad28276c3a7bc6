"""Annotators: who captions here, and how far their captions can be relied on."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api import queries
from portal.api.base import PortalView, answer
from portal.api.fields import AnnotatorId, Body, Text
from portal.api.idempotency import keyed
from portal.api.pagination import narrow, paged
from portal.api.permissions import CAPTIONERS, MANAGERS, Need
from portal.api.schema import documented, page_of
from portal.api.times import iso
from portal.errors import NotFound
from portal.models import Annotator
from portal.models.annotators import AnnotatorState
from portal.models.members import Role
from portal.models.tokens import Scope
from portal.services import annotators

PROMISED = (
    "annotator_id",
    "reliability",
    "reliability_low",
    "reliability_high",
    "provisional",
    "throughput",
    "average_task_seconds",
    "disagreement_rate",
)
BY_PROJECT = {"project": queries.text("The project's slug.")}


class AnnotatorInput(Body):
    """Somebody to register."""

    annotator_id = AnnotatorId()
    project = Text(required=False)


class AnnotatorOutput(serializers.Serializer[Any]):
    """Somebody who captions here."""

    annotator_id = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    project = serializers.CharField()
    status = serializers.ChoiceField(AnnotatorState.choices)
    is_expert = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class MetricsOutput(serializers.Serializer[Any]):
    """What somebody has done, and how far their captions can be relied on."""

    annotator_id = serializers.CharField()
    reliability = serializers.FloatField(help_text="Percentile within the project, 0–1.")
    reliability_low = serializers.FloatField()
    reliability_high = serializers.FloatField()
    provisional = serializers.BooleanField(help_text="True while too little is known.")
    throughput = serializers.FloatField(help_text="Captions a day over the last 7 days.")
    average_task_seconds = serializers.FloatField(allow_null=True)
    disagreement_rate = serializers.FloatField(allow_null=True)


class AnnotatorsView(PortalView):
    """Everybody who captions in the project."""

    needs: ClassVar = {
        "GET": Need(Scope.READ, MANAGERS),
        "POST": Need(Scope.ANNOTATE, MANAGERS),
    }
    is_paged = True
    filters: ClassVar = BY_PROJECT | {
        "annotator_id": queries.text("The id that integrations use.", "annotator_id"),
        "status": queries.choice("Their state.", tuple(AnnotatorState.values), "state"),
    }

    @documented("list_annotators", "List annotators", answers={200: page_of(AnnotatorOutput)})
    def get(self, request: Request) -> Response:
        rows = self.project().annotators.select_related("project")
        return paged(self, narrow(self, rows), describe)

    @documented(
        "register_annotator",
        "Register an annotator by id",
        body=AnnotatorInput,
        answers={200: AnnotatorOutput},
    )
    @keyed
    def post(self, request: Request) -> Response:
        data = self.body(request, AnnotatorInput)
        project = self.project(data.get("project"))
        annotator = annotators.find_or_register(
            project=project,
            annotator_id=data["annotator_id"],
            may_register=project.registers_annotators or self.caller.user is not None,
        )
        return answer(describe(annotator))


class MetricsView(PortalView):
    """One annotator's figures; annotators see their own."""

    needs: ClassVar = {"GET": Need(Scope.READ, CAPTIONERS)}
    filters: ClassVar = BY_PROJECT

    @documented(
        "get_annotator_metrics", "Read an annotator's figures", answers={200: MetricsOutput}
    )
    def get(self, request: Request, annotator_id: str) -> Response:
        project = self.project()
        rows = Annotator.objects.filter(project=project, annotator_id=annotator_id)
        if self.role in (Role.ANNOTATOR, Role.EXPERT):
            rows = rows.filter(user=self.caller.user)
        annotator = rows.first()
        if annotator is None:
            raise NotFound(f"There is no annotator {annotator_id} here that you may see.")
        return Response(describe_metrics(annotators.metrics(annotator=annotator)))


def describe_metrics(figures: dict[str, Any]) -> dict[str, Any]:
    """Write the figures that are promised; what else the service knows stays inside."""
    return {name: figures[name] for name in PROMISED}


def describe(annotator: Annotator) -> dict[str, Any]:
    """Write who an annotator is."""
    return {
        "annotator_id": annotator.annotator_id,
        "name": annotator.name,
        "project": annotator.project.slug,
        "status": annotator.state,
        "is_expert": annotator.is_expert,
        "created_at": iso(annotator.created_at),
    }
