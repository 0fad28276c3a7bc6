"""Tasks: one clip or segment that people are asked to caption, in the order they are asked.

`n_taken` counts slots that are leased or answered and never exceeds `n_wanted`; `revision` rises
with each piece of evidence, so that unsettled work can be asked for instead of remembered.
"""

from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from portal.errors import TaskClosed
from portal.models.clusters import Cluster
from portal.models.pools import EVERYBODY
from portal.models.predictions import Prediction
from portal.models.projects import Project
from portal.models.segments import SEGMENT_RULE
from portal.models.taskqueries import TaskQuerySet
from portal.models.taskstates import TAKES_EVIDENCE, ParkReason, TaskState
from portal.models.videos import Video


class Task(models.Model):
    """One clip or segment to caption; opened by `services.tasks`, closed by consensus."""

    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="tasks", db_index=False
    )  # several indexes below begin with it
    video = models.ForeignKey(Video, on_delete=models.PROTECT, related_name="tasks")
    prediction = models.ForeignKey(
        Prediction,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="tasks",
        help_text="The prediction that opened it; the one shown where the project shows any.",
    )
    start_ms = models.PositiveIntegerField(default=0)
    end_ms = models.PositiveIntegerField(default=0, help_text="0 is the end of the clip.")
    state = models.CharField(max_length=16, choices=TaskState, default=TaskState.OPEN)
    park_reason = models.CharField(max_length=16, choices=ParkReason, blank=True)
    is_gold = models.BooleanField(default=False, help_text="Its right answers are known.")
    is_evaluation = models.BooleanField(default=False, editable=False)
    is_control = models.BooleanField(
        default=False, help_text="Drawn at random, whatever its priority."
    )
    is_audited = models.BooleanField(default=False, help_text="Drawn for the blind expert audit.")
    audit_probability = models.FloatField(
        default=0.0, help_text="Chance with which it was drawn for the audit."
    )
    audited_at = models.DateTimeField(null=True, blank=True)

    pool = models.PositiveIntegerField(
        default=EVERYBODY,
        editable=False,
        help_text="Number of the pool whose language and skills it asks for; 0 asks for none.",
    )
    uncertainty = models.FloatField(default=0.5, help_text="Rank-normalised, 0–1.")
    difficulty = models.FloatField(default=0.0, help_text="Logits: −1 easy … +1 hard.")
    difficulty_level = models.PositiveSmallIntegerField(
        null=True, blank=True, choices=[(1, "low"), (5, "medium"), (10, "high")]
    )
    business_value = models.FloatField(default=1.0, help_text="¼ … 4")
    due_at = models.DateTimeField(null=True, blank=True)
    priority = models.FloatField(default=0.0, help_text="Score S of the key; higher is sooner.")
    virtual_due = models.DateTimeField(
        default=timezone.now, help_text="Tasks are served in this order."
    )
    why_next = models.JSONField(default=dict, editable=False)
    is_requested = models.BooleanField(
        default=False, editable=False, help_text="Asked for by name; no model closes it."
    )
    cluster = models.ForeignKey(
        Cluster, on_delete=models.SET_NULL, null=True, editable=False, db_index=False,
        related_name="tasks", help_text="The tasks that it resembles.",
    )  # fmt: skip
    similarity = models.FloatField(
        default=0.0, editable=False, help_text="To the nearest task labelled or picked before it."
    )
    n_same_video = models.PositiveSmallIntegerField(
        default=0, editable=False, help_text="Tasks of its video labelled or picked before it."
    )
    is_felt = models.BooleanField(
        default=False, editable=False, help_text="Whether its neighbours know that it is settled."
    )

    n_wanted = models.PositiveSmallIntegerField(default=3)
    n_taken = models.PositiveSmallIntegerField(default=0)
    n_captions = models.PositiveSmallIntegerField(default=0)
    revision = models.PositiveIntegerField(
        default=0, help_text="Rises with each piece of evidence."
    )
    settled_revision = models.PositiveIntegerField(
        default=0, help_text="The revision last settled."
    )
    created_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = TaskQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "video", "start_ms", "end_ms"], name="one_task_per_segment"
            ),
            models.CheckConstraint(
                condition=Q(n_taken__lte=F("n_wanted")), name="no_more_slots_taken_than_wanted"
            ),
            models.CheckConstraint(condition=SEGMENT_RULE, name="task_ends_after_it_starts"),
            models.CheckConstraint(
                condition=Q(uncertainty__gte=0, uncertainty__lte=1),
                name="task_uncertainty_is_between_0_and_1",
            ),
        ]
        indexes = [
            models.Index(
                fields=["project", "virtual_due", "id"],
                condition=Q(state="open", is_gold=False, n_taken__lt=F("n_wanted")),
                name="tasks_with_room_by_due",
            ),
            models.Index(
                fields=["project", "pool", "virtual_due", "id"],
                condition=Q(state="open", is_gold=False, n_taken__lt=F("n_wanted")),
                name="tasks_with_room_by_pool",
            ),
            models.Index(
                fields=["project", "is_gold", "id"], condition=Q(is_gold=True), name="gold_tasks"
            ),
            models.Index(
                fields=["id"],
                condition=Q(is_gold=False, revision__gt=F("settled_revision")),
                name="unsettled_tasks",
            ),
            models.Index(fields=["project", "state", "id"], name="tasks_by_state"),
            models.Index(
                fields=["project", "closed_at", "id"],
                condition=Q(is_audited=True, audited_at__isnull=True, state="settled"),
                name="tasks_awaiting_audit",
            ),
            models.Index(
                fields=["cluster", "virtual_due"],
                condition=Q(state="open", is_gold=False, cluster__isnull=False),
                name="open_tasks_by_cluster",
            ),
            models.Index(
                fields=["id"],
                condition=Q(state="settled", is_gold=False, is_felt=False),
                name="settled_tasks_not_felt",
            ),
        ]

    def __str__(self) -> str:
        return f"Task {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state == TaskState.OPEN

    @property
    def is_untouched(self) -> bool:
        """Open, and nobody holds or has answered it: a newer prediction may still take it over."""
        return self.is_open and not self.is_gold and self.n_taken == 0 and self.revision == 0

    @property
    def follows_models(self) -> bool:
        """Untouched, or closed because a model was sure: a newer prediction may say otherwise."""
        return self.is_untouched or self.state == TaskState.SUPERSEDED

    @property
    def awaits_audit(self) -> bool:
        """Whether an expert is still to judge blind what its captions agreed on."""
        return self.is_audited and self.audited_at is None and self.state == TaskState.SETTLED

    @property
    def takes_evidence(self) -> bool:
        """Whether captions may still be corrected and voted on."""
        return self.state in TAKES_EVIDENCE

    @property
    def segment(self) -> tuple[float, float | None]:
        """Start and end in seconds; None is the end of the clip."""
        return self.start_ms / 1000, self.end_ms / 1000 if self.end_ms else None

    def close(self, state: TaskState, *, at: datetime) -> None:
        """Move an open or disputed task to a final state; the caller saves."""
        if not self.takes_evidence and self.state != TaskState.PARKED:
            raise TaskClosed(f"{self} is {self.get_state_display()} already.")
        self.state = state
        self.closed_at = at

    def dispute(self) -> None:
        """Hand an open task to an expert; the caller saves."""
        if self.state != TaskState.OPEN:
            raise TaskClosed(
                f"{self} is {self.get_state_display()}; only an open task is disputed."
            )
        self.state = TaskState.DISPUTED

    def draw_for_audit(self, *, is_drawn: bool, probability: float) -> None:
        """Say whether a blind expert looks at what its captions agreed on; the caller saves."""
        self.is_audited = is_drawn
        self.audit_probability = probability if is_drawn else 0.0
        self.audited_at = None

    def park(self, reason: str) -> None:
        """Set an open task aside for a manager; the caller saves."""
        if self.state != TaskState.OPEN:
            raise TaskClosed(f"{self} is {self.get_state_display()}; only an open task is parked.")
        self.state = TaskState.PARKED
        self.park_reason = reason

    def reopen(self, *, more: int = 0) -> None:
        """Ask again, for `more` captions beyond those taken; the caller saves."""
        self.state = TaskState.OPEN
        self.closed_at = None
        self.park_reason = ""
        self.n_wanted = max(self.n_wanted, self.n_taken + more)
