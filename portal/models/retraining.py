"""Mini-batches frozen from consensus, and the retrain jobs that train on them."""

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from portal.errors import Conflict
from portal.models.consensus import Consensus
from portal.models.predictions import Prediction
from portal.models.projects import BatchKind, Project
from portal.models.tasks import Task
from portal.models.users import User
from portal.models.versions import ModelVersion


class MiniBatch(models.Model):
    """A frozen set of consensus captions with its manifest; never changed once frozen."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="batches")
    mini_batch_id = models.CharField(max_length=100)
    kind = models.CharField(max_length=16, choices=BatchKind, default=BatchKind.INCREMENTAL)
    n_new = models.PositiveIntegerField(default=0, help_text="Tasks that no batch had used before.")
    ids_sha256 = models.CharField(max_length=64, help_text="Hash of the sorted task ids.")
    manifest_key = models.CharField(max_length=200, blank=True)
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    manifest_bytes = models.PositiveIntegerField(default=0)
    n_records = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "mini-batches"
        constraints = [
            models.UniqueConstraint(
                fields=["project", "mini_batch_id"], name="mini_batch_ids_are_unique_in_a_project"
            ),
        ]

    def __str__(self) -> str:
        return self.mini_batch_id


class BatchItem(models.Model):
    """One task's consensus inside a batch; the database refuses evaluation videos."""

    batch = models.ForeignKey(MiniBatch, on_delete=models.CASCADE, related_name="items")
    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="batch_items")
    consensus = models.ForeignKey(Consensus, on_delete=models.PROTECT, related_name="batch_items")
    weight = models.FloatField(default=1.0)
    is_evaluation_video = models.BooleanField(
        default=False, help_text="Copied from the video; must be false."
    )

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "task"], name="a_task_is_once_in_a_batch"),
            models.CheckConstraint(
                condition=Q(is_evaluation_video=False),
                name="evaluation_videos_are_never_trained_on",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task} in {self.batch}"


class JobState(models.TextChoices):
    FROZEN = "frozen", "frozen, manifest being written"
    DISPATCHING = "dispatching"
    DISPATCH_FAILED = "dispatch_failed", "no trainer reached"
    ACCEPTED = "accepted"
    RUNNING = "running"
    SUCCEEDED = "succeeded", "succeeded, its predictions awaited"
    EVALUATING = "evaluating", "evaluated, to be decided"
    PROMOTED = "promoted"
    REJECTED = "rejected"
    INCONCLUSIVE = "inconclusive"
    FAILED = "failed"
    TIMED_OUT = "timed_out", "timed out"
    CANCELLED = "cancelled"


ACTIVE = (
    JobState.FROZEN,
    JobState.DISPATCHING,
    JobState.DISPATCH_FAILED,
    JobState.ACCEPTED,
    JobState.RUNNING,
)
TERMINAL = (
    JobState.PROMOTED,
    JobState.REJECTED,
    JobState.INCONCLUSIVE,
    JobState.FAILED,
    JobState.TIMED_OUT,
    JobState.CANCELLED,
)
VERDICTS = (JobState.PROMOTED, JobState.REJECTED, JobState.INCONCLUSIVE)

# A trainer may skip steps, so what it says leads from any active state to any later one. A terminal
# state leads nowhere.
_ENDS = {JobState.SUCCEEDED, JobState.FAILED, JobState.TIMED_OUT, JobState.CANCELLED}
_REPORTED = {JobState.ACCEPTED, JobState.RUNNING} | _ENDS
MOVES: dict[str, set[JobState]] = {
    JobState.FROZEN: {JobState.DISPATCHING} | _REPORTED,
    JobState.DISPATCHING: {JobState.DISPATCH_FAILED} | _REPORTED,
    JobState.DISPATCH_FAILED: {JobState.DISPATCHING} | _REPORTED,
    JobState.ACCEPTED: _REPORTED,
    JobState.RUNNING: {JobState.RUNNING} | _ENDS,
    JobState.SUCCEEDED: {JobState.EVALUATING, JobState.TIMED_OUT, *VERDICTS},
    JobState.EVALUATING: set(VERDICTS),
}

# Longer than all attempts of a delivery together.
DISPATCH_PATIENCE = timedelta(days=5)
# How long after its success a run's predictions may begin to come in.
PREDICTION_PATIENCE = timedelta(minutes=30)


class RetrainJobQuerySet(models.QuerySet["RetrainJob"]):
    def active(self) -> "RetrainJobQuerySet":
        """Jobs that the trainer still owes an answer for."""
        return self.filter(state__in=ACTIVE)

    def unwritten(self) -> "RetrainJobQuerySet":
        """Jobs whose manifest is still owed: what the sweep freezes."""
        return self.active().filter(batch__manifest_key="")

    def unevaluated(self) -> "RetrainJobQuerySet":
        """Jobs whose new version has spoken and has not been compared: what the sweep evaluates."""
        spoken = Prediction.objects.filter(version=OuterRef("new_version"))
        return self.filter(Exists(spoken), state=JobState.SUCCEEDED, evaluations__isnull=True)

    def speechless(self, now: datetime) -> "RetrainJobQuerySet":
        """Jobs that succeeded long ago and whose new version has predicted nothing."""
        spoken = Prediction.objects.filter(version=OuterRef("new_version"))
        return self.filter(
            ~Exists(spoken),
            state=JobState.SUCCEEDED,
            evaluations__isnull=True,
            heard_at__lt=now - PREDICTION_PATIENCE,
        )

    def undecided(self) -> "RetrainJobQuerySet":
        """Jobs that were compared and wait for somebody's decision, and do not say so yet."""
        return self.filter(state=JobState.SUCCEEDED, evaluations__isnull=False).distinct()


class RetrainJob(models.Model):
    """One retraining of one model version on one batch; written by `services.retraining`."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="retrain_jobs")
    batch = models.OneToOneField(MiniBatch, on_delete=models.PROTECT, related_name="job")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="retrain_jobs")
    new_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="made_by"
    )
    state = models.CharField(max_length=16, choices=JobState, default=JobState.FROZEN)
    reason = models.CharField(
        max_length=16, default="manual", help_text="count, drift, schedule or manual"
    )
    requested_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    seq = models.PositiveIntegerField(default=0, help_text="The newest callback that counted.")
    progress = models.FloatField(default=0.0)
    external_run = models.JSONField(default=dict, blank=True)
    metrics = models.JSONField(default=dict, blank=True)
    error = models.JSONField(default=dict, blank=True)
    heartbeat_seconds = models.PositiveIntegerField(default=60)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    heard_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = RetrainJobQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project"],
                condition=Q(
                    state__in=["frozen", "dispatching", "dispatch_failed", "accepted", "running"]
                ),
                name="one_open_retrain_job_per_project",
            ),
        ]

    def __str__(self) -> str:
        return f"Retraining {self.pk} of {self.version}"

    @property
    def is_terminal(self) -> bool:
        return self.state in TERMINAL

    def is_silent(self, now: datetime) -> bool:
        """Whether the trainer missed twice its interval, or no trainer came in days."""
        if self.state in (JobState.DISPATCHING, JobState.DISPATCH_FAILED):
            return self.created_at < now - DISPATCH_PATIENCE
        if self.state not in (JobState.ACCEPTED, JobState.RUNNING):
            return False
        return (self.heard_at or self.created_at) < now - 2 * timedelta(
            seconds=self.heartbeat_seconds
        )

    def move(self, state: JobState) -> None:
        """Go to another state by one of `MOVES`; a terminal one is never left. The caller saves."""
        if self.is_terminal:
            raise Conflict(f"{self} is {self.get_state_display()} and stays so.")
        if state not in MOVES[self.state]:
            raise Conflict(f"{self} is {self.get_state_display()}; it cannot become {state.label}.")
        self.state = state
        if self.is_terminal:
            self.finished_at = timezone.now()
