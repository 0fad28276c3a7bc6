"""Comparisons of an original with a retrained model, overall and per task."""

from django.db import models
from django.utils import timezone

from portal.models.consensus import Consensus
from portal.models.predictions import Prediction
from portal.models.projects import Project
from portal.models.retraining import RetrainJob
from portal.models.tasks import Task
from portal.models.versions import ModelVersion


class Verdict(models.TextChoices):
    PENDING = "pending"
    PROMOTE = "promote"
    REJECT = "reject"
    INCONCLUSIVE = "inconclusive"


class Outcome(models.TextChoices):
    WIN = "win"
    TIE = "tie"
    LOSS = "loss"


class Evaluation(models.Model):
    """One comparison on a frozen set of held-out tasks; written by `services.evaluations`."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="evaluations")
    original = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    retrained = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="evaluations"
    )
    job = models.ForeignKey(
        RetrainJob, on_delete=models.PROTECT, null=True, blank=True, related_name="evaluations"
    )
    verdict = models.CharField(max_length=16, choices=Verdict, default=Verdict.PENDING)
    reasons = models.JSONField(default=list, help_text="Sentences that say why.")
    metrics = models.JSONField(
        default=dict, help_text="Per metric: original, retrained, delta, low, high, p."
    )
    n_tasks = models.PositiveIntegerField(default=0)
    n_wins = models.PositiveIntegerField(default=0)
    n_ties = models.PositiveIntegerField(default=0)
    n_losses = models.PositiveIntegerField(default=0)
    n_more_labels = models.PositiveIntegerField(
        null=True, blank=True, help_text="How many more evaluation labels would decide."
    )
    promoted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["job"], name="one_evaluation_per_retrain_job"),
        ]

    def __str__(self) -> str:
        return f"{self.original} against {self.retrained}"


class EvaluationItem(models.Model):
    """Both models' captions for one task beside the consensus, with each metric."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="items")
    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="evaluation_items")
    consensus = models.ForeignKey(Consensus, on_delete=models.PROTECT, related_name="+")
    original = models.ForeignKey(Prediction, on_delete=models.PROTECT, related_name="+")
    retrained = models.ForeignKey(Prediction, on_delete=models.PROTECT, related_name="+")
    metrics = models.JSONField(default=dict, help_text="Per metric: original, retrained.")
    outcome = models.CharField(max_length=8, choices=Outcome)
    delta = models.FloatField(default=0.0, help_text="Primary metric, retrained minus original.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["delta"]
        constraints = [
            models.UniqueConstraint(
                fields=["evaluation", "task"], name="a_task_is_once_in_an_evaluation"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task}: {self.outcome}"
