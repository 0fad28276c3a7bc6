"""Comparisons of an original with a retrained model, overall and per task."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.errors import Conflict
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


class Grounds(models.TextChoices):
    BETTER = "better", "surely better"
    AS_GOOD = "as_good", "as good, and people like it no less"


class MetricBasisQuerySet(models.QuerySet["MetricBasis"]):
    def current_of(self, project_id: int) -> "MetricBasis | None":
        """The document frequencies in force."""
        return self.filter(project_id=project_id).order_by("-number").first()


class MetricBasis(models.Model):
    """The document frequencies that CIDEr-D weighs words by, frozen so that scores compare.

    Written by the first comparison of a project and by the first one after its consensus captions
    have become several times as many; never changed.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="metric_bases")
    number = models.PositiveIntegerField()
    n_documents = models.PositiveIntegerField()
    frequencies = models.JSONField(help_text="In how many captions each n-gram occurs.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = MetricBasisQuerySet.as_manager()

    class Meta:
        ordering = ["project", "-number"]
        verbose_name_plural = "metric bases"
        constraints = [
            models.UniqueConstraint(
                fields=["project", "number"], name="metric_basis_numbers_are_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"Basis {self.number} ({self.n_documents} captions)"


class EvaluationQuerySet(models.QuerySet["Evaluation"]):
    def undecided(self) -> "EvaluationQuerySet":
        """Those on whose models people may still have a say."""
        return self.filter(
            verdict__in=(Verdict.PROMOTE, Verdict.INCONCLUSIVE),
            promoted_at__isnull=True,
            rejected_at__isnull=True,
        )


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
    slices = models.JSONField(
        default=list, help_text="Per slice: group, label, n, n_videos, delta, low, high."
    )
    preference = models.JSONField(
        default=dict, help_text="Blind votes: tasks better, worse and even, with p of the signs."
    )
    basis = models.ForeignKey(
        MetricBasis, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    frozen = models.JSONField(
        default=dict,
        help_text="Engine, encoder, refit and seed that the metrics were computed with.",
    )
    grounds = models.CharField(
        max_length=8, choices=Grounds, blank=True, help_text="On what a promotion would rest."
    )
    promoted_at = models.DateTimeField(null=True, blank=True)
    rejected_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=200, blank=True, help_text="Who promoted or rejected.")
    decision_reason = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = EvaluationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["job"], name="one_evaluation_per_retrain_job"),
            models.CheckConstraint(
                condition=Q(promoted_at__isnull=True) | Q(rejected_at__isnull=True),
                name="nothing_is_both_promoted_and_rejected",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.original} against {self.retrained}"

    @property
    def is_decided(self) -> bool:
        """Whether somebody promoted or rejected the model."""
        return self.promoted_at is not None or self.rejected_at is not None

    def promote(self, by: str, reason: str) -> None:
        """Note that the model was promoted; the caller saves."""
        if self.rejected_at is not None:
            raise Conflict(f"{self.retrained} was rejected by {self.decided_by}; compare it anew.")
        if self.verdict in (Verdict.REJECT, Verdict.PENDING):
            raise Conflict(f"The verdict on {self.retrained} is {self.verdict}.")
        self.promoted_at, self.decided_by, self.decision_reason = timezone.now(), by, reason

    def reject(self, by: str, reason: str) -> None:
        """Note that the model was turned down; the caller saves."""
        if self.promoted_at is not None:
            raise Conflict(f"{self.retrained} was promoted by {self.decided_by} already.")
        if self.verdict == Verdict.PENDING:
            raise Conflict(f"{self.retrained} is still being compared.")
        self.rejected_at, self.decided_by, self.decision_reason = timezone.now(), by, reason


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
    is_identical = models.BooleanField(
        default=False, help_text="Both models say the same; there is nothing to vote on."
    )
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
