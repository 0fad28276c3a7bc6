"""Leases: who has which slot of which task until when, fenced by a token."""

import uuid
from datetime import datetime, timedelta
from typing import cast

from django.db import connection, models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from portal.models.members import Annotator
from portal.models.predictions import Prediction
from portal.models.tasks import TAKES_EVIDENCE, ParkReason, Task


class AssignmentState(models.TextChoices):
    LEASED = "leased"
    SUBMITTED = "submitted"
    EXPIRED = "expired"
    RELEASED = "released"
    SKIPPED = "skipped"
    WITHDRAWN = "withdrawn"


HOLDING = (AssignmentState.LEASED, AssignmentState.SUBMITTED)
REVIVABLE = (AssignmentState.EXPIRED, AssignmentState.RELEASED)


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def live(self) -> "AssignmentQuerySet":
        """Leases that still run, by the database's clock."""
        return self.filter(state=AssignmentState.LEASED, expires_at__gt=Now())

    def stale(self) -> "AssignmentQuerySet":
        """Leases that ran out and still hold their slot: what the sweep expires."""
        return self.filter(state=AssignmentState.LEASED, expires_at__lte=Now())

    def ended(self) -> "AssignmentQuerySet":
        """Leases that ran out or whose task has closed: nothing can come of them any more."""
        is_over = Q(expires_at__lte=Now()) | ~Q(task__state__in=TAKES_EVIDENCE)
        return self.filter(is_over, state=AssignmentState.LEASED)

    def holding(self) -> "AssignmentQuerySet":
        """Rows that hold a slot."""
        return self.filter(state__in=HOLDING)

    def clock(self) -> datetime:
        """The database's time: machines that disagree must not expire one another's leases."""
        if connection.vendor != "postgresql":
            return timezone.now()
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            return cast(datetime, cursor.fetchone()[0])

    def lease(
        self, task: Task, annotator: Annotator, *, lasts: timedelta, why: dict[str, object]
    ) -> "Assignment | None":
        """Give this annotator a free slot of a locked task; None where there is none for them.

        The caller holds the task's row lock. A row of theirs whose lease ran out or was released
        revives with a new token; any other row means they have had the task.
        """
        mine = self.filter(task=task, annotator=annotator).first()
        if mine is not None and mine.state not in REVIVABLE:
            return None
        if not Task.objects.take_slot(task.pk):
            return None
        now = self.clock()
        row = mine or Assignment(task=task, annotator=annotator)
        row.slot = self._free_slot(task)
        row.cap = task.n_wanted
        row.token = uuid.uuid4()
        row.state = AssignmentState.LEASED
        row.leased_at, row.opened_at, row.expires_at = now, None, now + lasts
        row.why_chosen = why
        # The first caption of every task is written blind, whatever the project shows.
        shows = row.slot > 0 and task.project.shows_prediction_to(is_expert=annotator.is_expert)
        row.prediction_shown = task.prediction if shows else None
        row.save()
        return row

    def _free_slot(self, task: Task) -> int:
        if task.is_gold:
            highest = self.filter(task=task).aggregate(highest=models.Max("slot"))["highest"]
            return 0 if highest is None else int(highest) + 1
        used = set(self.holding().filter(task=task).values_list("slot", flat=True))
        return next(slot for slot in range(task.n_wanted) if slot not in used)

    def give_up(self, pk: int, state: AssignmentState, **changes: object) -> bool:
        """End one running lease and free its slot; False where it no longer ran."""
        # The task before the lease, as a submit has them: the other way round the two deadlock.
        task = Task.objects.select_for_update(of=("self",)).get(assignments=pk)
        ended = self.filter(pk=pk, state=AssignmentState.LEASED).update(state=state, **changes)
        if ended:
            Task.objects.free_slot(task.pk)
        return bool(ended)


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
