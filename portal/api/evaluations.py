"""Evaluations: original against retrained, overall and task by task."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api import queries
from portal.api.base import PortalView
from portal.api.fields import Body, Text
from portal.api.pagination import narrow, paged
from portal.api.permissions import MANAGERS, WATCHERS, Need
from portal.api.schema import documented, page_of
from portal.api.times import iso
from portal.models import Evaluation, Task
from portal.models.evaluations import Grounds, Verdict
from portal.models.tokens import Scope
from portal.services import evaluations


class EvaluationOutput(serializers.Serializer[Any]):
    """One comparison of two models on held-out clips."""

    id = serializers.IntegerField()
    project = serializers.CharField()
    original_model = serializers.CharField()
    retrained_model = serializers.CharField()
    job = serializers.UUIDField(allow_null=True)
    verdict = serializers.ChoiceField(Verdict.choices)
    reasons = serializers.ListField(child=serializers.CharField())
    metrics = serializers.DictField(
        help_text="Per metric: original, retrained, delta, low, high, p."
    )
    n_tasks = serializers.IntegerField()
    n_wins = serializers.IntegerField()
    n_ties = serializers.IntegerField()
    n_losses = serializers.IntegerField()
    n_more_labels = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    promoted_at = serializers.DateTimeField(allow_null=True)
    rejected_at = serializers.DateTimeField(allow_null=True)
    decided_by = serializers.CharField(allow_blank=True)
    decision_reason = serializers.CharField(allow_blank=True)
    grounds = serializers.ChoiceField(Grounds.choices, allow_blank=True)
    slices = serializers.ListField(
        child=serializers.DictField(), help_text="group, label, n, n_videos, delta, low, high"
    )
    preference = serializers.DictField(help_text="Blind votes: n_better, n_worse, n_even, p…")
    frozen = serializers.DictField(help_text="Engine, encoder, seed, digest of the consensus.")


class DecisionInput(Body):
    """Why; the audit keeps it."""

    reason = Text(required=False, allow_blank=True, max_length=1000)


class PairOutput(serializers.Serializer[Any]):
    """One figure for both models."""

    original = serializers.FloatField()
    retrained = serializers.FloatField()


class TaskEvaluationOutput(serializers.Serializer[Any]):
    """Both models' captions for one task beside the consensus."""

    task_id = serializers.IntegerField()
    original_caption = serializers.CharField()
    retrained_caption = serializers.CharField()
    consensus_caption = serializers.CharField()
    original_model = serializers.CharField()
    retrained_model = serializers.CharField()
    agreement = PairOutput()
    metrics = serializers.DictField(child=PairOutput())
    outcome = serializers.CharField()
    in_training = serializers.BooleanField(help_text="Trained on: says nothing about the model.")
    reviewed_at = serializers.DateTimeField(allow_null=True)


class EvaluationsView(PortalView):
    """The project's evaluations."""

    needs: ClassVar = {"GET": Need(Scope.READ, WATCHERS)}
    is_paged = True
    filters: ClassVar = {
        "project": queries.text("The project's slug."),
        "verdict": queries.choice("What came of it.", tuple(Verdict.values), "verdict"),
        "retrained_model": queries.text("The version that was tried.", "retrained__name"),
    }

    @documented("list_evaluations", "List evaluations", answers={200: page_of(EvaluationOutput)})
    def get(self, request: Request) -> Response:
        return paged(self, narrow(self, _rows().filter(project=self.project())), describe)


class EvaluationView(PortalView):
    """One evaluation."""

    needs: ClassVar = {"GET": Need(Scope.READ, WATCHERS)}

    @documented("get_evaluation", "Read one evaluation", answers={200: EvaluationOutput})
    def get(self, request: Request, pk: str) -> Response:
        return Response(describe(self.find(_rows(), pk=pk)))


class PromoteView(PortalView):
    """The retrained model becomes the current one."""

    needs: ClassVar = {"POST": Need(None, MANAGERS)}
    body_is_optional = True

    @documented(
        "promote",
        "Promote the retrained model",
        body=DecisionInput,
        answers={200: EvaluationOutput},
    )
    def post(self, request: Request, pk: str) -> Response:
        evaluation = self.find(_rows(), pk=pk)
        data = self.body(request, DecisionInput)
        evaluations.promote(evaluation=evaluation, actor=self.caller.actor, **data)
        return Response(describe(_rows().get(pk=evaluation.pk)))


class RejectView(PortalView):
    """The retrained model is turned down."""

    needs: ClassVar = {"POST": Need(None, MANAGERS)}
    body_is_optional = True

    @documented(
        "reject",
        "Turn the retrained model down",
        body=DecisionInput,
        answers={200: EvaluationOutput},
    )
    def post(self, request: Request, pk: str) -> Response:
        evaluation = self.find(_rows(), pk=pk)
        data = self.body(request, DecisionInput)
        evaluations.reject(evaluation=evaluation, actor=self.caller.actor, **data)
        return Response(describe(_rows().get(pk=evaluation.pk)))


class TaskEvaluationView(PortalView):
    """Both models on one task."""

    needs: ClassVar = {"GET": Need(Scope.READ, WATCHERS)}

    @documented(
        "get_task_evaluation",
        "Compare two models' captions for one task",
        answers={200: TaskEvaluationOutput},
    )
    def get(self, request: Request, pk: str) -> Response:
        task = self.find(Task.objects.select_related("project", "video"), pk=pk)
        row = evaluations.for_task(task=task)
        return Response(row | {"reviewed_at": iso(row["reviewed_at"])})


def describe(evaluation: Evaluation) -> dict[str, Any]:
    """Write one evaluation."""
    return {
        "id": evaluation.pk,
        "project": evaluation.project.slug,
        "original_model": evaluation.original.name,
        "retrained_model": evaluation.retrained.name,
        "job": str(evaluation.job.uid) if evaluation.job else None,
        "verdict": evaluation.verdict,
        "reasons": evaluation.reasons,
        "metrics": evaluation.metrics,
        "n_tasks": evaluation.n_tasks,
        "n_wins": evaluation.n_wins,
        "n_ties": evaluation.n_ties,
        "n_losses": evaluation.n_losses,
        "n_more_labels": evaluation.n_more_labels,
        "created_at": iso(evaluation.created_at),
        "finished_at": iso(evaluation.finished_at),
        "promoted_at": iso(evaluation.promoted_at),
        "rejected_at": iso(evaluation.rejected_at),
        "decided_by": evaluation.decided_by,
        "decision_reason": evaluation.decision_reason,
        "grounds": evaluation.grounds,
        "slices": evaluation.slices,
        "preference": evaluation.preference,
        "frozen": evaluation.frozen,
    }


def _rows() -> Any:
    return Evaluation.objects.select_related("project", "original", "retrained", "job")
