"""Accepts of a shown prediction: votes for the model's caption, never captions of their own."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import models
from django.db.models import Count, Q
from django.utils import timezone

from portal.models.annotators import Annotator
from portal.models.assignments import Assignment
from portal.models.predictions import Prediction
from portal.models.tasks import Task


@dataclass(frozen=True)
class PlantedRecord:
    """How somebody answered planted wrong predictions: how many were shown, how many accepted."""

    n_shown: int = 0
    n_accepted: int = 0


class VerificationQuerySet(models.QuerySet["Verification"]):
    def counted(self, task_id: int) -> "VerificationQuerySet":
        """Accepts of a task's prediction, in a stable order."""
        rows = self.filter(task_id=task_id, prediction__isnull=False)
        return rows.select_related("prediction").order_by("id")

    def records(self, annotator_ids: Collection[int]) -> dict[int, PlantedRecord]:
        """The record of each person on planted predictions; who met none is left out."""
        planted = Assignment.objects.filter(
            annotator_id__in=annotator_ids, shows_planted=True, state="submitted"
        )
        accepted = Count("verification", filter=Q(verification__isnull=False))
        rows = planted.order_by().values_list("annotator_id").annotate(n=Count("pk"), a=accepted)
        return {pk: PlantedRecord(n, a) for pk, n, a in rows}


class Verification(models.Model):
    """One person's accept of the prediction that they were shown; takes a slot as a caption does.

    `prediction` is null where what was accepted was planted on a gold task. Written by
    `services.verifications` alone.
    """

    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="verifications")
    annotator = models.ForeignKey(Annotator, on_delete=models.PROTECT, related_name="verifications")
    assignment = models.OneToOneField(
        Assignment, on_delete=models.PROTECT, related_name="verification"
    )
    prediction = models.ForeignKey(
        Prediction, on_delete=models.PROTECT, null=True, blank=True, related_name="verifications"
    )
    watched_seconds = models.FloatField(help_text="How much of the clip had been watched.")
    seconds = models.FloatField(null=True, blank=True, help_text="Time spent, where known.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = VerificationQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["task", "annotator"], name="one_accept_per_annotator_and_task"
            ),
            models.CheckConstraint(
                condition=Q(watched_seconds__gte=0), name="watched_seconds_are_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.annotator} accepts on {self.task}"
