"""Accepts of a shown prediction: a vote for the model's caption, not a caption of one's own."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.base import Late, PortalView
from portal.api.fields import AnnotatorId, Body, Key, Number
from portal.api.idempotency import keyed
from portal.api.permissions import CAPTIONERS, Need
from portal.api.schema import documented
from portal.api.times import iso
from portal.models import Task, Verification
from portal.models.tokens import Scope
from portal.services import verifications


class VerificationInput(Body):
    """An accept of the prediction that the running lease shows."""

    annotator_id = AnnotatorId(required=False, help_text="A person may leave it out.")
    lease = Key(required=False, help_text="The token; without it the running lease is meant.")
    watched_seconds = Number(
        min_value=0,
        max_value=86_400,
        help_text="How much of the clip or segment was watched; at least 80 % of it is needed.",
    )
    seconds = Number(min_value=0, max_value=86_400, required=False, allow_null=True)


class VerificationOutput(serializers.Serializer[Any]):
    """One accept."""

    id = serializers.IntegerField()
    task_id = serializers.IntegerField()
    annotator_id = serializers.CharField()
    watched_seconds = serializers.FloatField()
    created_at = serializers.DateTimeField()
    task_status = serializers.CharField()


class TaskVerificationsView(PortalView):
    """Accept what a task's lease shows as the model's caption."""

    needs: ClassVar = {"POST": Need(Scope.ANNOTATE, CAPTIONERS)}

    @documented(
        "accept_prediction",
        "Accept the shown prediction as it is, in place of a caption",
        body=VerificationInput,
        answers={201: VerificationOutput},
    )
    @keyed
    def post(self, request: Request, pk: str) -> Response:
        task = self.find(Task.objects.select_related("project"), pk=pk)
        data = self.body(request, VerificationInput)
        made = verifications.accept(
            task=task,
            annotator=self.annotator(task.project, data.get("annotator_id")),
            watched_seconds=data["watched_seconds"],
            token=data.get("lease"),
            seconds=data.get("seconds"),
        )
        stored = Verification.objects.select_related("annotator", "task").filter(pk=made.pk)
        # It may settle the task on commit: the status is read once more after it.
        return Late(lambda: describe(stored.get()), created=True)


def describe(row: Verification) -> dict[str, Any]:
    """Write one accept."""
    return {
        "id": row.pk,
        "task_id": row.task_id,
        "annotator_id": row.annotator.annotator_id,
        "watched_seconds": row.watched_seconds,
        "created_at": iso(row.created_at),
        "task_status": row.task.state,
    }
