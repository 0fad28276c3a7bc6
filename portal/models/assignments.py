"""Leases: who has which slot of which task until when, fenced by a token."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import ExpressionWrapper, F, Q
from django.db.models.functions import Now
from django.utils import timezone

from portal.models.annotators import Annotator
from portal.models.golds import PlantedPrediction
from portal.models.predictions import Prediction
from portal.models.slots import TakenSlot, database_clock, holds_any, read_slots, take_first
from portal.models.tasks import Task
from portal.models.taskstates import TAKES_EVIDENCE, ParkReason


class AssignmentState(models.TextChoices):
    LEASED = "leased"
    SUBMITTED = "submitted"
    EXPIRED = "expired"
    RELEASED = "released"
    SKIPPED = "skipped"
    WITHDRAWN = "withdrawn"


class Hold(models.TextChoices):
    """How a lease is held. A person has one active and one reserved, and what a manager gave."""

    ACTIVE = "active", "at work on it"
    RESERVED = "reserved", "their next"
    PUSHED = "pushed", "assigned by a manager"
    DIRECT = "direct", "submitted without a lease"


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
        return database_clock()

    def held_by(self, annotator_pk: int) -> list[tuple["Assignment", bool]]:
        """Their leases, the one at work first, each with whether it is over.

        Nothing can come any more of one that ran out or whose task has closed.
        """
        if not holds_any(annotator_pk):  # as mostly, where somebody asks for the next
            return []
        is_over = Q(expires_at__lte=Now()) | ~Q(task__state__in=TAKES_EVIDENCE)
        rows = self.filter(annotator_id=annotator_pk, state=AssignmentState.LEASED)
        found: Any = rows.annotate(over=ExpressionWrapper(is_over, models.BooleanField()))
        held = [(row, bool(row.over)) for row in found.select_related("prediction_shown")]
        return sorted(held, key=lambda pair: pair[0].place_in_line)

    def lease(
        self,
        task: Task,
        annotator: Annotator,
        *,
        lasts: timedelta,
        why: dict[str, object],
        hold: Hold = Hold.ACTIVE,
    ) -> "Assignment | None":
        """Give this annotator a free slot of a locked task; None where there is none for them.

        The caller holds the task's row lock.
        """
        taken = take_first([task.pk], waits=True)
        if taken is None:
            return None
        shows = task.project.shows_prediction_to(is_expert=annotator.is_expert)
        return self.fill(taken, annotator, lasts=lasts, why=why, hold=hold, shows=shows)

    def fill(
        self,
        taken: TakenSlot,
        annotator: Annotator,
        *,
        lasts: timedelta,
        why: dict[str, object],
        hold: Hold,
        shows: bool,
    ) -> "Assignment | None":
        """Write the lease of a slot that was just counted; None gives the slot back.

        A row of theirs whose lease ran out or was released revives with a new token; any other
        means that they have had the task. `shows` is whether the project shows them predictions.
        """
        slot, mine = self._free_slot(taken, annotator)
        if mine is not None and mine.state not in REVIVABLE:
            Task.objects.free_slot(taken.task_id)
            return None
        row = mine or Assignment(task_id=taken.task_id, annotator=annotator)
        row.slot, row.cap = slot, taken.n_wanted
        row.token, row.state, row.hold = uuid.uuid4(), AssignmentState.LEASED, hold
        row.leased_at, row.expires_at = taken.now, taken.now + lasts
        row.opened_at = taken.now if hold == Hold.ACTIVE else None
        row.why_chosen = why
        # The first caption of every task is written blind, whatever the project shows.
        # Gold shows what was planted alone: a model's words there may be right or wrong.
        is_shown = shows and slot > 0 and not taken.is_gold
        row.prediction_shown_id = taken.prediction_id if is_shown else None
        row.shows_planted = (
            shows
            and taken.is_gold
            and PlantedPrediction.objects.filter(task_id=taken.task_id).exists()
        )
        row.save(force_insert=mine is None)
        return row

    def open_held(self, row: "Assignment", *, lasts: timedelta) -> bool:
        """Begin work on a lease that was reserved or pushed: its clock starts now.

        False where it has ended.
        """
        now = self.clock()
        until = now + lasts if row.hold == Hold.RESERVED else max(row.expires_at, now + lasts)
        changes: dict[str, Any] = {"opened_at": now, "leased_at": now, "expires_at": until}
        if row.hold == Hold.RESERVED:
            changes["hold"] = Hold.ACTIVE
        if not self.live().filter(pk=row.pk, token=row.token).update(**changes):
            return False
        for name, value in changes.items():
            setattr(row, name, value)
        return True

    def _free_slot(self, taken: TakenSlot, annotator: Annotator) -> tuple[int, "Assignment | None"]:
        """The lowest free slot of a task, and the row that this annotator has on it."""
        if taken.is_gold:  # answered by everybody: its rows are too many to read
            highest = self.filter(task_id=taken.task_id).aggregate(n=models.Max("slot"))["n"]
            mine = self.filter(task_id=taken.task_id, annotator=annotator).first()
            return 0 if highest is None else int(highest) + 1, mine
        rows = read_slots(taken.task_id)
        used = {row.number for row in rows if row.state in HOLDING}
        had = [row.pk for row in rows if row.annotator_pk == annotator.pk]
        free = next(number for number in range(taken.n_wanted) if number not in used)
        return free, self.get(pk=had[0]) if had else None

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

    # Without indexes of their own: one constraint and one index below begin with them.
    task = models.ForeignKey(
        Task, on_delete=models.PROTECT, related_name="assignments", db_index=False
    )
    annotator = models.ForeignKey(
        Annotator, on_delete=models.PROTECT, related_name="assignments", db_index=False
    )
    slot = models.PositiveSmallIntegerField()
    cap = models.PositiveSmallIntegerField()
    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    state = models.CharField(max_length=16, choices=AssignmentState, default=AssignmentState.LEASED)
    hold = models.CharField(max_length=16, choices=Hold, default=Hold.PUSHED)
    leased_at = models.DateTimeField(default=timezone.now)
    opened_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True, blank=True)
    prediction_shown = models.ForeignKey(
        Prediction, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    shows_planted = models.BooleanField(
        default=False, help_text="A wrong prediction was shown on purpose (gold)."
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
            models.UniqueConstraint(
                fields=["annotator", "hold"],
                condition=Q(state="leased", hold__in=["active", "reserved"]),
                name="one_active_and_one_reserved_lease",
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

    @property
    def shown_caption(self) -> str | None:
        """The caption that is shown as the model's under this lease, if any is."""
        if self.shows_planted:
            planted = PlantedPrediction.objects.filter(task_id=self.task_id)
            return planted.values_list("text", flat=True).first()
        return self.prediction_shown.caption if self.prediction_shown else None

    @property
    def place_in_line(self) -> tuple[bool, bool, datetime]:
        """Its place among its holder's leases: the one at work, then the longest held."""
        return self.hold != Hold.ACTIVE, self.opened_at is None, self.leased_at
