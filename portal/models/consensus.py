"""What stands: consensus in all its versions, and what each says of the people behind it.

A consensus row stores everything it used, so that recomputing from the row alone gives the same.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from portal.models.annotations import Annotation
from portal.models.annotators import Annotator
from portal.models.projects import Project
from portal.models.refits import Refit
from portal.models.tasks import Task
from portal.models.users import User


class ConsensusStatus(models.TextChoices):
    INTERIM = "interim", "interim, still asking"
    ACCEPTED = "accepted", "accepted, enough agreement"
    DISPUTED = "disputed", "disputed, for an expert"
    FINALISED = "finalised", "finalised by a manager"
    DECIDED = "decided", "decided by an expert"
    REJECTED = "rejected", "clip rejected by an expert"


FINAL = (ConsensusStatus.ACCEPTED, ConsensusStatus.FINALISED, ConsensusStatus.DECIDED)

# States of a retrain job (which lies downstream) whose batch counts as used.
USING = (
    "frozen",
    "dispatching",
    "dispatch_failed",
    "accepted",
    "running",
    "succeeded",
    "evaluating",
    "promoted",
    "rejected",
    "inconclusive",
)


class ConsensusQuerySet(models.QuerySet["Consensus"]):
    def standing(self) -> "ConsensusQuerySet":
        """The newest version of each task."""
        return self.filter(is_standing=True)

    def final(self) -> "ConsensusQuerySet":
        """Standing versions that a model may be trained on."""
        return self.standing().filter(status__in=FINAL)

    def retire(self, task_pk: int) -> int:
        """Let a task's consensus no longer stand; returns the number of the next version.

        The caller holds the task's row lock.
        """
        self.standing().filter(task_id=task_pk).update(is_standing=False)
        newest = self.filter(task_id=task_pk).aggregate(newest=models.Max("number"))["newest"]
        return int(newest or 0) + 1

    def uncredited(self) -> "ConsensusQuerySet":
        """Versions whose residuals have not reached the annotators: what the sweep credits."""
        return self.standing().filter(is_credited=False).exclude(status=ConsensusStatus.INTERIM)

    def contested(self) -> "ConsensusQuerySet":
        """Disputes whose task is still open, and which no expert has sent back for more."""
        return self.standing().filter(
            status=ConsensusStatus.DISPUTED, task__state="open", reviews__isnull=True
        )

    def trainable(self) -> "ConsensusQuerySet":
        """Final versions whose video may be trained on: neither held out nor erased."""
        return self.final().filter(
            Q(task__is_evaluation=False, task__video__is_evaluation=False)
            & ~Q(task__video__state="erased")
        )

    def unbatched(self) -> "ConsensusQuerySet":
        """Those that no retraining used; one that failed or was cancelled gives its tasks back."""
        return self.exclude(task__batch_items__batch__job__state__in=USING)

    def unjudged(self) -> "ConsensusQuerySet":
        """Final versions whose judge's job was lost: they have waited for a minute."""
        return self.final().filter(judge="", created_at__lt=timezone.now() - timedelta(minutes=1))


class Consensus(models.Model):
    """One version of the caption that stands for a task; written by `services.consensus`.

    `inputs` is the snapshot (annotation ids with their revision numbers, vote ids, skills, weights,
    parameters, refit id); `candidates` says why the winner won, one entry a caption.
    """

    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="consensuses")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="consensuses")
    number = models.PositiveIntegerField()
    is_standing = models.BooleanField(default=True)
    status = models.CharField(max_length=16, choices=ConsensusStatus)
    caption = models.TextField(blank=True)
    annotation = models.ForeignKey(
        Annotation, on_delete=models.PROTECT, null=True, blank=True, related_name="consensuses"
    )
    agreement = models.FloatField(default=0.0, help_text="Semantic agreement with the winner, 0–1.")
    confidence = models.FloatField(default=0.0, help_text="Calibrated, 0–1.")
    is_split = models.BooleanField(default=False, help_text="Two coherent readings of the clip.")
    judge = models.CharField(max_length=80, blank=True)
    judge_confidence = models.FloatField(null=True, blank=True)
    judge_reason = models.TextField(blank=True)
    n_judge_attempts = models.PositiveSmallIntegerField(default=0)
    method = models.CharField(max_length=80)
    inputs = models.JSONField(default=dict)
    candidates = models.JSONField(default=list)
    of_revision = models.PositiveIntegerField(help_text="The task's revision it was computed from.")
    refit = models.ForeignKey(
        Refit, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.TextField(blank=True)
    is_credited = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ConsensusQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "consensus"
        constraints = [
            models.UniqueConstraint(fields=["task", "number"], name="consensus_numbers_are_unique"),
            models.UniqueConstraint(
                fields=["task"],
                condition=Q(is_standing=True),
                name="one_standing_consensus_per_task",
            ),
            models.CheckConstraint(
                condition=Q(
                    confidence__gte=0, confidence__lte=1, agreement__gte=0, agreement__lte=1
                ),
                name="confidence_and_agreement_are_between_0_and_1",
            ),
        ]
        indexes = [
            models.Index(
                fields=["project", "id"],
                condition=Q(is_standing=True, status__in=["accepted", "finalised", "decided"]),
                name="final_consensus_by_project",
            ),
            models.Index(
                fields=["id"],
                condition=Q(is_standing=True, is_credited=False) & ~Q(status="interim"),
                name="uncredited_consensus",
            ),
            models.Index(
                fields=["task"],
                condition=Q(is_standing=True, status="disputed"),
                name="contested_consensus",
            ),
        ]

    def __str__(self) -> str:
        return self.caption[:80] or f"Consensus {self.pk}"

    @property
    def is_final(self) -> bool:
        return self.status in FINAL


PLACE = ("pk", "task_id", "annotator_id")


class ResidualQuerySet(models.QuerySet["Residual"]):
    def owed(self) -> "ResidualQuerySet":
        """Residuals whose newest value the annotator has not been credited with."""
        return self.exclude(value=F("credited"), n=F("n_credited"))

    def note(self, rows: "Iterable[Residual]") -> None:
        """Write each person's newest residual on a task; what was credited stays as it is."""
        self.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["task", "annotator"],
            update_fields=["value", "n", "disagreed", "changed_at"],
        )

    def places(self, task_ids: Sequence[int]) -> dict[tuple[int, int], int]:
        """The ids of these tasks' rows, by (task, annotator)."""
        found: dict[tuple[int, int], int] = {}
        for first in range(0, len(task_ids), 500):
            rows = self.filter(task_id__in=task_ids[first : first + 500])
            found |= {(task, person): pk for pk, task, person in rows.values_list(*PLACE)}
        return found

    def summed(self, project_pk: int) -> dict[int, tuple[int, float, float]]:
        """What each annotator has been credited with: how many, their sum and their squares'."""
        rows = self.filter(annotator__project_id=project_pk).values_list("annotator_id")
        sums = rows.annotate(
            n=models.Sum("n_credited"),
            total=models.Sum("credited"),
            squares=models.Sum(F("credited") * F("credited")),
        )
        return {person: (n, total, squares) for person, n, total, squares in sums}

    def forget(self, task_pk: int, *, but: Collection[int] = ()) -> None:
        """Take back what was noted of people whose caption no longer stands."""
        gone = self.filter(task_id=task_pk, n=1).exclude(annotator_id__in=but)
        gone.update(value=0.0, n=0, disagreed=False, changed_at=timezone.now())


class Residual(models.Model):
    """How much better an annotator agreed than the task's mean, with what was already credited.

    One row per task and annotator whatever the number of consensus versions: crediting applies
    `value - credited`, so doing it twice is harmless.
    """

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="residuals")
    annotator = models.ForeignKey(Annotator, on_delete=models.CASCADE, related_name="residuals")
    value = models.FloatField(default=0.0)
    n = models.PositiveSmallIntegerField(
        default=0, help_text="1 while it counts, 0 once withdrawn."
    )
    credited = models.FloatField(default=0.0)
    n_credited = models.PositiveSmallIntegerField(default=0)
    disagreed = models.BooleanField(default=False, help_text="The caption lost to the consensus.")
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ResidualQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["task", "annotator"], name="one_residual_per_annotator_and_task"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.annotator}: {self.value:+.3f}"
