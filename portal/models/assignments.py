"""Leases: who has which slot of which task until when, fenced by a token."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from portal.models.members import Annotator
from portal.models.predictions import Prediction
from portal.models.tasks import ParkReason, Task


class AssignmentState(models.TextChoices):
    LEASED = "leased"
    SUBMITTED = "submitted"
    EXPIRED = "expired"
    RELEASED = "released"
    SKIPPED = "skipped"
    WITHDRAWN = "withdrawn"


HOLDING = (AssignmentState.LEASED, AssignmentState.SUBMITTED)


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def live(self) -> "AssignmentQuerySet":
        """Leases that still run, by the database's clock."""
        return self.filter(state=AssignmentState.LEASED, expires_at__gt=Now())

    def stale(self) -> "AssignmentQuerySet":
        """Leases that ran out and still hold their slot: what the sweep expires."""
        return self.filter(state=AssignmentState.LEASED, expires_at__lte=Now())

    def holding(self) -> "AssignmentQuerySet":
        """Rows that hold a slot."""
        return self.filter(state__in=HOLDING)


class Assignment(models.Model):
    """One annotator's place on one task; written by `services.assignments` and by a submit.

    An expired lease revives in the same row with a new token, so nobody ever has two rows on a
    task. `cap` copies the task's `n_wanted` under its lock: with `slot < cap` the database itself
    refuses one person too many.
    """

    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="assignments")
    annotator = models.ForeignKey(Annotator, on_delete=models.PROTECT, related_name="assignments")
    slot = models.PositiveSmallIntegerField()
    cap = models.PositiveSmallIntegerField()
    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    state = models.CharField(max_length=16, choices=AssignmentState, default=AssignmentState.LEASED)
    leased_at = models.DateTimeField(default=timezone.now)
    opened_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True, blank=True)
    prediction_shown = models.ForeignKey(
        Prediction, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    skip_reason = models.CharField(max_length=16, choices=ParkReason, blank=True)
    draft = models.TextField(blank=True, help_text="Text that was refused or left; given back.")
    why_chosen = models.JSONField(default=dict, editable=False)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["task", "slot"],
                condition=Q(state__in=["leased", "submitted"]),
                name="one_holder_per_slot",
            ),
            models.UniqueConstraint(fields=["task", "annotator"], name="nobody_gets_a_task_twice"),
            models.CheckConstraint(
                condition=Q(slot__gte=0, slot__lt=F("cap")), name="slot_is_below_the_cap"
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"], condition=Q(state="leased"), name="running_leases_by_expiry"
            ),
            models.Index(fields=["annotator", "state"], name="assignments_by_annotator"),
        ]

    def __str__(self) -> str:
        return f"{self.annotator} on {self.task} ({self.get_state_display()})"
