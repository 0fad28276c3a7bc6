"""Blind votes: the next pair of captions for somebody, and their choice between the sides."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api import queries
from portal.api.base import PortalView, answer
from portal.api.fields import AnnotatorId, Body, Text, Whole
from portal.api.idempotency import keyed
from portal.api.permissions import CAPTIONERS, Need
from portal.api.schema import documented
from portal.api.times import iso
from portal.errors import NotFound
from portal.models.tokens import Scope
from portal.services import preferences


class CaptionPairOutput(serializers.Serializer[Any]):
    """Two captions of one clip; which model stands on which side is not told."""

    pair_id = serializers.IntegerField()
    task_id = serializers.IntegerField()
    video_id = serializers.CharField()
    start = serializers.FloatField()
    end = serializers.FloatField(allow_null=True)
    left = serializers.CharField()
    right = serializers.CharField()


class PreferenceInput(Body):
    """Which side is better, for the annotator whom the pair was handed to."""

    pair_id = Whole(min_value=1, max_value=2**63 - 1)
    choice = serializers.ChoiceField(preferences.CHOICES)
    annotator_id = AnnotatorId(required=False, help_text="A person may leave it out.")
    project = Text(required=False)


class PreferenceOutput(serializers.Serializer[Any]):
    """One person's choice on one pair."""

    id = serializers.IntegerField()
    pair_id = serializers.IntegerField()
    task_id = serializers.IntegerField()
    annotator_id = serializers.CharField()
    choice = serializers.ChoiceField(preferences.CHOICES)
    changed_at = serializers.DateTimeField()


class NextPairView(PortalView):
    """The next pair for one annotator; the same until they answer."""

    needs: ClassVar = {"GET": Need(Scope.ANNOTATE, CAPTIONERS)}
    filters: ClassVar = {
        "project": queries.text("The project's slug."),
        "annotator_id": queries.text("Who is asked; a person may leave it out."),
    }

    @documented("next_pair", "Ask for two captions to compare", answers={200: CaptionPairOutput})
    def get(self, request: Request) -> Response:
        voter = self.annotator(self.project(), self.query.get("annotator_id"))
        pair = preferences.next_pair(voter=voter)
        if pair is None:
            raise NotFound(f"There is no pair that {voter} could compare now.")
        start, end = pair.item.task.segment
        row = {
            "pair_id": pair.item.pk,
            "task_id": pair.item.task_id,
            "video_id": pair.item.task.video.video_id,
            "start": start,
            "end": end,
            "left": pair.left.caption,
            "right": pair.right.caption,
        }
        return Response(row)


class PreferencesView(PortalView):
    """Choices between two captions; a second one on a pair replaces the first."""

    needs: ClassVar = {"POST": Need(Scope.ANNOTATE, CAPTIONERS)}

    @documented(
        "cast_preference",
        "Say which of two captions is better",
        body=PreferenceInput,
        answers={201: PreferenceOutput, 200: PreferenceOutput},
    )
    @keyed
    def post(self, request: Request) -> Response:
        data = self.body(request, PreferenceInput)
        voter = self.annotator(self.project(data.get("project")), data.get("annotator_id"))
        vote, is_new = preferences.cast(item_id=data["pair_id"], voter=voter, choice=data["choice"])
        row = {
            "id": vote.pk,
            "pair_id": data["pair_id"],
            "task_id": vote.task_id,
            "annotator_id": voter.annotator_id,
            "choice": data["choice"],
            "changed_at": iso(vote.changed_at),
        }
        return answer(row, created=is_new)
