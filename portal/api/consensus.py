"""What stands for a task, and why; finalised on request."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.base import PortalView
from portal.api.fields import Body
from portal.api.permissions import EVERYBODY, MANAGERS, Need
from portal.api.schema import documented
from portal.api.sights import sight_of
from portal.api.tasks import find_task
from portal.api.times import iso
from portal.errors import NotFound
from portal.models import Consensus, Task
from portal.models.consensus import ConsensusStatus
from portal.models.tokens import Scope
from portal.services import consensus


class CandidateOutput(serializers.Serializer[Any]):
    """One caption and what spoke for it."""

    annotation_id = serializers.IntegerField(
        allow_null=True, help_text="Null for the model's own caption."
    )
    prediction_id = serializers.IntegerField(
        allow_null=True, help_text="The prediction, where the candidate is the model's caption."
    )
    caption = serializers.CharField()
    is_winner = serializers.BooleanField()
    score = serializers.FloatField()
    support = serializers.FloatField()
    skill = serializers.FloatField()
    votes = serializers.FloatField()
    brevity = serializers.FloatField()
    weight = serializers.FloatField()
    discount = serializers.FloatField()
    copy_of_prediction = serializers.BooleanField()
    similarities = serializers.ListField(child=serializers.FloatField())


class ConsensusOutput(serializers.Serializer[Any]):
    """The caption that stands for a task, how surely, and why."""

    task_id = serializers.IntegerField()
    consensus_caption = serializers.CharField(allow_blank=True)
    semantic_agreement = serializers.FloatField()
    confidence = serializers.FloatField()
    llm_confidence = serializers.FloatField(allow_null=True, help_text="Null until a judge spoke.")
    judge = serializers.CharField(allow_null=True)
    judge_reason = serializers.CharField(allow_blank=True)
    method = serializers.CharField()
    status = serializers.ChoiceField(ConsensusStatus.choices)
    is_split = serializers.BooleanField(help_text="Two coherent readings of the clip.")
    number = serializers.IntegerField()
    reason = serializers.CharField(allow_blank=True)
    candidates = CandidateOutput(many=True)
    finalized_at = serializers.DateTimeField(allow_null=True)


class NoInput(Body):
    """Nothing: the body may be left out."""


class TaskConsensusView(PortalView):
    """The consensus of one task."""

    needs: ClassVar = {
        "GET": Need(Scope.READ, EVERYBODY),
        "POST": Need(Scope.FINALISE, MANAGERS),
    }
    body_is_optional = True

    @documented("get_consensus", "Read what stands", answers={200: ConsensusOutput})
    def get(self, request: Request, pk: str) -> Response:
        task = find_task(self, pk)
        standing = Consensus.objects.standing().filter(task=task).first()
        # A machine may stand for annotators: it reads others' captions once they cannot be copied.
        closed = standing is not None and standing.is_final
        sees = closed if self.caller.token else sight_of(self.caller, self.role, task).of_captions
        if standing is None or not sees:
            raise NotFound("There is no consensus here that you may see.")
        return Response(describe(standing))

    @documented(
        "finalise_consensus",
        "Finalise now with the captions that are there; a repeat answers the same",
        body=NoInput,
        answers={200: ConsensusOutput},
    )
    def post(self, request: Request, pk: str) -> Response:
        task = self.find(Task.objects.select_related("project"), pk=pk)
        self.body(request, NoInput)
        final = consensus.finalise(task=task, actor=self.caller.actor, user=self.caller.user)
        return Response(describe(consensus.judge(consensus_id=final.pk)))


def describe(standing: Consensus) -> dict[str, Any]:
    """Write a consensus with its moment as the API has them."""
    row = consensus.describe(standing)
    return row | {"finalized_at": iso(row["finalized_at"])}
