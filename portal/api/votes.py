"""Review votes: a score and a reason for somebody else's caption."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.base import PortalView, answer
from portal.api.fields import AnnotatorId, Body, Number, Text, Whole
from portal.api.idempotency import keyed
from portal.api.permissions import CAPTIONERS, Need
from portal.api.schema import documented
from portal.api.times import iso
from portal.errors import NotFound
from portal.models import Annotation, Annotator, Task, Vote
from portal.models.tokens import Scope
from portal.services import votes


class VoteInput(Body):
    """A score from 0 to 1; without `annotation_id` for the caption that leads."""

    annotator_id = AnnotatorId(required=False, help_text="A person may leave it out.")
    score = Number(min_value=0, max_value=1)
    rationale = Text(required=False, allow_blank=True)
    annotation_id = Whole(required=False, allow_null=True, max_value=2**63 - 1)


class VoteOutput(serializers.Serializer[Any]):
    """One person's score for one caption."""

    id = serializers.IntegerField()
    task_id = serializers.IntegerField()
    annotation_id = serializers.IntegerField()
    caption = serializers.CharField(help_text="The caption that was scored.")
    annotator_id = serializers.CharField(help_text="Who voted.")
    score = serializers.FloatField()
    rationale = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()


class TaskVotesView(PortalView):
    """The votes on one task's captions; a second vote on a caption replaces the first."""

    needs: ClassVar = {"POST": Need(Scope.ANNOTATE, CAPTIONERS)}

    @documented(
        "cast_vote",
        "Score a caption that somebody else wrote",
        body=VoteInput,
        answers={201: VoteOutput, 200: VoteOutput},
    )
    @keyed
    def post(self, request: Request, pk: str) -> Response:
        task = self.find(Task.objects.select_related("project"), pk=pk)
        data = self.body(request, VoteInput)
        voter = self.annotator(task.project, data.get("annotator_id"))
        if self.caller.user:
            _check_is_past_captioning(task, voter)
        vote = votes.cast(
            task=task,
            voter=voter,
            score=data["score"],
            rationale=data.get("rationale", ""),
            annotation_id=data.get("annotation_id"),
        )
        return answer(describe(vote, voter), created=vote.changed_at <= vote.created_at)


def _check_is_past_captioning(task: Task, voter: Annotator) -> None:
    """Hide captions from somebody who might still be asked for a blind one of their own."""
    answered = Annotation.objects.filter(task=task, author=voter).exists()
    if not answered and task.n_taken < task.n_wanted:
        raise NotFound("There is no caption here for you to score yet.")


def describe(vote: Vote, voter: Annotator) -> dict[str, Any]:
    """Write one vote with the caption that it is for."""
    return {
        "id": vote.pk,
        "task_id": vote.annotation.task_id,
        "annotation_id": vote.annotation_id,
        "caption": vote.annotation.text,
        "annotator_id": voter.annotator_id,
        "score": vote.score,
        "rationale": vote.rationale,
        "created_at": iso(vote.created_at),
    }
