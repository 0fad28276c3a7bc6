"""Predictions, one by one: for the service each is a batch of one."""

from typing import Any, ClassVar, cast

import msgspec
from django.db.models import OuterRef, QuerySet, Subquery
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api import queries
from portal.api.base import Late, PortalView
from portal.api.idempotency import keyed
from portal.api.pagination import narrow, paged
from portal.api.permissions import MANAGERS, ONLOOKERS, Need
from portal.api.schema import documented, page_of
from portal.api.times import iso
from portal.errors import InvalidInput
from portal.models import Prediction, Task
from portal.models.tokens import Scope
from portal.services import predictions
from portal.services.predictions import PredictionItem

SUPERSEDE = {"supersede": queries.flag("Replace the version's standing prediction.")}


class TokenInput(serializers.Serializer[Any]):
    """One token of the caption with its natural log-probability, or the entropy at its place."""

    t = serializers.CharField(max_length=200)
    logprob = serializers.FloatField(max_value=0, required=False, allow_null=True)
    entropy = serializers.FloatField(
        min_value=0, required=False, allow_null=True, help_text="In nats; counts without logprobs."
    )


class CandidateInput(serializers.Serializer[Any]):
    """One entry of an n-best list with its sequence log-probability."""

    text = serializers.CharField(max_length=5000)
    logprob = serializers.FloatField(max_value=0)


class PredictionInput(serializers.Serializer[Any]):
    """One prediction; the best evidence of its uncertainty that is given counts."""

    video_id = serializers.CharField(max_length=200)
    caption = serializers.CharField(max_length=5000)
    model_version = serializers.CharField(max_length=120)
    uncertainty = serializers.FloatField(min_value=0, max_value=1, required=False, allow_null=True)
    video_url = serializers.CharField(required=False)
    start = serializers.FloatField(min_value=0, required=False, allow_null=True)
    end = serializers.FloatField(min_value=0, required=False, allow_null=True)
    tokens = TokenInput(many=True, required=False, allow_null=True)
    vocabulary_size = serializers.IntegerField(
        min_value=2, required=False, allow_null=True, help_text="Needed beside token entropies."
    )
    candidates = CandidateInput(many=True, required=False, allow_null=True)
    embedding = serializers.ListField(
        child=serializers.FloatField(), required=False, allow_null=True
    )
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    project = serializers.CharField(required=False)


class PredictionOutput(serializers.Serializer[Any]):
    """A stored prediction."""

    id = serializers.IntegerField()
    video_id = serializers.CharField()
    model_version = serializers.CharField()
    caption = serializers.CharField()
    uncertainty = serializers.FloatField()
    estimator = serializers.CharField(
        help_text="Where the uncertainty comes from: LNP (token log-probabilities), TEN (token "
        "entropies), MBR (n-best list), SCALAR (as posted), ENS (other versions' captions), NONE."
    )
    start = serializers.FloatField()
    end = serializers.FloatField(allow_null=True)
    project = serializers.CharField()
    task_id = serializers.IntegerField(allow_null=True, help_text="The open task of this segment.")
    is_standing = serializers.BooleanField(help_text="False once a later one superseded it.")
    created_at = serializers.DateTimeField()


class PredictionsView(PortalView):
    """All predictions, and the way for one more."""

    needs: ClassVar = {
        "GET": Need(Scope.READ, ONLOOKERS),
        "POST": Need(Scope.INGEST, MANAGERS),
    }
    is_paged = True
    filters: ClassVar = {
        "project": queries.text("The project's slug."),
        "video_id": queries.text("The clip's id.", "video__video_id"),
        "model_version": queries.text("The version's name.", "version__name"),
        "is_standing": queries.flag("Superseded ones or the others.", "is_standing"),
    }
    post_filters: ClassVar = SUPERSEDE

    @documented("list_predictions", "List predictions", answers={200: page_of(PredictionOutput)})
    def get(self, request: Request) -> Response:
        rows = narrow(self, self.project().predictions.all())
        return paged(self, _described(rows), describe)

    @documented(
        "post_prediction",
        "Post one prediction",
        body=PredictionInput,
        answers={201: PredictionOutput, 200: PredictionOutput},
    )
    @keyed
    def post(self, request: Request) -> Response:
        item = to_item(request.data)
        report = predictions.ingest(
            project=self.project(item.project or None),
            items=[item],
            supersede=self.query.get("supersede", False),
        )
        row = report.rows[0]
        if row.error is not None:
            raise row.error
        stored = cast(Prediction, row.prediction)
        rows = _described(Prediction.objects.filter(pk=stored.pk))
        # Tasks open on commit: their id is read once more after it.
        return Late(lambda: describe(rows.get()), created=row.status != "unchanged")


class PredictionView(PortalView):
    """One prediction."""

    needs: ClassVar = {"GET": Need(Scope.READ, ONLOOKERS)}

    @documented("get_prediction", "Read one prediction", answers={200: PredictionOutput})
    def get(self, request: Request, pk: str) -> Response:
        return Response(describe(self.find(_described(Prediction.objects.all()), pk=pk)))


def to_item(data: Any) -> PredictionItem:
    """Turn a decoded JSON value into a typed item; refusals name the field."""
    try:
        return msgspec.convert(data, PredictionItem)
    except msgspec.ValidationError as refused:
        raise _named(str(refused)) from None


def _named(said: str) -> InvalidInput:
    """Split msgspec's sentence into field, code and message."""
    message, _, path = said.partition(" - at `$")
    place = path.rstrip("`").replace("[", ".").replace("]", "").strip(".")
    if message.startswith("Object contains unknown field"):
        name = message.split("`")[1]
        place = f"{place}.{name}".strip(".")
        return InvalidInput.on(place, "There is no such field here.", "unknown_field")
    if message.startswith("Object missing required field"):
        name = message.split("`")[1]
        return InvalidInput.on(f"{place}.{name}".strip("."), "This field is required.", "required")
    return InvalidInput.on(place or "body", f"{message}.")


def _described(rows: "QuerySet[Prediction]") -> "QuerySet[Prediction]":
    """Load what an answer shows, the id of the segment's open task included."""
    segment = Task.objects.open().filter(
        video=OuterRef("video"), start_ms=OuterRef("start_ms"), end_ms=OuterRef("end_ms")
    )
    return (
        rows.select_related("project", "video", "version")
        .defer("tokens", "candidates", "embedding")
        .annotate(open_task_id=Subquery(segment.values("pk")[:1]))
    )


def describe(prediction: Prediction) -> dict[str, Any]:
    """Write a stored prediction."""
    return {
        "id": prediction.pk,
        "video_id": prediction.video.video_id,
        "model_version": prediction.version.name,
        "caption": prediction.caption,
        "uncertainty": prediction.uncertainty,
        "estimator": prediction.estimator,
        "start": prediction.start_ms / 1000,
        "end": prediction.end_ms / 1000 if prediction.end_ms else None,
        "project": prediction.project.slug,
        "task_id": prediction.open_task_id,  # type: ignore[attr-defined]
        "is_standing": prediction.is_standing,
        "created_at": iso(prediction.created_at),
    }
