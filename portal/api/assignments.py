"""Assignments: work claimed under a lease, extended, given back or given up for good."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.base import PortalView
from portal.api.fields import AnnotatorId, Body, Key, Text
from portal.api.idempotency import keyed
from portal.api.permissions import CAPTIONERS, Need
from portal.api.projects import GuidelineOutput
from portal.api.schema import documented
from portal.api.tasks import BLIND, TaskOutput, describe
from portal.api.throttles import count_claim
from portal.api.times import iso
from portal.errors import NotFound
from portal.models import Assignment, Guideline, Project, Task
from portal.models.taskstates import ParkReason
from portal.models.tokens import Scope
from portal.services import assignments


class AssignInput(Body):
    """Who asks for work; a person may leave it out."""

    annotator_id = AnnotatorId(required=False)
    project = Text(required=False)


class LeaseOutput(serializers.Serializer[Any]):
    """A place on a task until it expires; the token fences it."""

    token = serializers.UUIDField()
    leased_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    slot = serializers.IntegerField()


class AssignedOutput(serializers.Serializer[Any]):
    """Work, and what is needed to do it."""

    task_id = serializers.IntegerField()
    task = TaskOutput()
    lease = LeaseOutput()
    guidelines = GuidelineOutput(allow_null=True)
    shown_prediction = serializers.CharField(allow_null=True)
    draft = serializers.CharField(allow_blank=True, help_text="Text that was kept from before.")


class LeaseInput(Body):
    """Whose lease; `lease` is its token."""

    annotator_id = AnnotatorId(required=False)
    lease = Key()


class SkipInput(LeaseInput):
    """Whose lease, and why it is given up for good."""

    reason = serializers.ChoiceField(ParkReason.choices)


class AssignView(PortalView):
    """Work for whoever asks."""

    needs: ClassVar = {"POST": Need(Scope.ANNOTATE, CAPTIONERS)}

    @documented(
        "assign_task",
        "Give an annotator the next task under a lease",
        body=AssignInput,
        answers={200: AssignedOutput, 204: "Nothing to do."},
    )
    @keyed
    def post(self, request: Request) -> Response:
        data = self.body(request, AssignInput)
        project = self.project(data.get("project"))
        annotator = self.annotator(project, data.get("annotator_id"))
        count_claim(f"{self.caller.owner}:{annotator.pk}")
        assignment = assignments.claim(annotator=annotator)
        if assignment is None:
            return Response(status=204)
        return Response(self._describe(assignment, project))

    def _describe(self, assignment: Assignment, project: Project) -> dict[str, Any]:
        task = Task.objects.select_related("video").get(pk=assignment.task_id)
        task.project = project
        guidelines = Guideline.objects.newest_of(task.project_id)
        return {
            "task_id": task.pk,
            "task": describe(self, task, BLIND),
            "lease": describe_lease(assignment),
            "guidelines": guidelines and {"number": guidelines.number, "text": guidelines.text},
            "shown_prediction": assignment.shown_caption,
            "draft": assignment.draft,
        }


class LeaseView(PortalView):
    """A running lease, extended, given back or given up."""

    needs: ClassVar = {"POST": Need(Scope.ANNOTATE, CAPTIONERS)}
    shape: ClassVar[type[Body]] = LeaseInput

    def lease(self, request: Request, pk: str) -> dict[str, Any]:
        """Return token and annotator of the caller's lease on this very task, and the rest."""
        task = self.find(Task.objects.select_related("project"), pk=pk)
        data = self.body(request, self.shape)
        annotator = self.annotator(task.project, data.pop("annotator_id", None))
        token = data.pop("lease")
        if not Assignment.objects.filter(task=task, annotator=annotator, token=token).exists():
            assignments.note_foreign(token=token, annotator=annotator)
            raise NotFound("There is no such lease on this task.")
        return data | {"token": token, "annotator": annotator}


class HeartbeatView(LeaseView):
    """Still there."""

    @documented(
        "extend_lease", "Extend a running lease", body=LeaseInput, answers={200: LeaseOutput}
    )
    def post(self, request: Request, pk: str) -> Response:
        assignment = assignments.heartbeat(**self.lease(request, pk))
        return Response(describe_lease(assignment))


class ReleaseView(LeaseView):
    """Not now."""

    @documented("release_lease", "Give a task back", body=LeaseInput, answers={204: "Given back."})
    def post(self, request: Request, pk: str) -> Response:
        assignments.release(**self.lease(request, pk))
        return Response(status=204)


class SkipView(LeaseView):
    """Never."""

    shape = SkipInput

    @documented("skip_task", "Skip a task for good", body=SkipInput, answers={204: "Skipped."})
    def post(self, request: Request, pk: str) -> Response:
        assignments.skip(**self.lease(request, pk))
        return Response(status=204)


def describe_lease(assignment: Assignment) -> dict[str, Any]:
    """Write a lease."""
    return {
        "token": str(assignment.token),
        "leased_at": iso(assignment.leased_at),
        "expires_at": iso(assignment.expires_at),
        "slot": assignment.slot,
    }
