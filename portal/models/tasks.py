"""Tasks: one clip or segment that people are asked to caption, in the order they are asked.

`n_taken` counts slots that are leased or answered and never exceeds `n_wanted`; `revision` rises
with each piece of evidence, so that unsettled work can be asked for instead of remembered.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from portal.errors import TaskClosed
from portal.models.clusters import Cluster
from portal.models.members import Annotator
from portal.models.pools import EVERYBODY
from portal.models.predictions import Prediction
from portal.models.projects import Project
from portal.models.segments import SEGMENT_RULE
from portal.models.videos import Video


class TaskState(models.TextChoices):
    OPEN = "open"
    SETTLED = "settled"
    DISPUTED = "disputed", "disputed, for an expert"
    PARKED = "parked", "parked, for a manager"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"


# States in which captions and votes still count.
TAKES_EVIDENCE = (TaskState.OPEN, TaskState.DISPUTED)


class ParkReason(models.TextChoices):
    UNPLAYABLE = "unplayable", "does not play"
    NOTHING = "nothing", "nothing to describe"
    LANGUAGE = "language", "wrong language"
    UNSAFE = "unsafe"


class TaskQuerySet(models.QuerySet["Task"]):
    def open(self) -> "TaskQuerySet":
        return self.filter(state=TaskState.OPEN)

    def with_room(self) -> "TaskQuerySet":
        """Open tasks with a free slot."""
        return self.filter(state=TaskState.OPEN, n_taken__lt=F("n_wanted"))

    def ordinary(self) -> "TaskQuerySet":
        return self.filter(is_gold=False)

    def open_for(self, annotator_pk: int, project_id: int) -> "TaskQuerySet":
        """What this annotator could be given, most pressing first.

        A task they hold, answered or skipped is out, and so is one where they have scored a
        caption: theirs would not be blind. One whose lease expired or was released may come again.
        `slots.read_candidates` says the same by hand; a test holds the two together.
        """
        kept = Q(assignments__annotator_id=annotator_pk) & ~Q(
            assignments__state__in=("expired", "released")
        )
        return (
            self.with_room()
            .filter(project_id=project_id, is_gold=False)  # exactly the partial index
            .alias(had=models.FilteredRelation("assignments", condition=kept))
            # On the joined column, not on its id: only so does PostgreSQL see an anti join, which
            # it walks in the index's order and stops; otherwise it reads and sorts all open tasks.
            .filter(had__task__isnull=True)
            .exclude(annotations__votes__voter_id=annotator_pk)
            .order_by("virtual_due", "id")
        )

    def next_in_line(self, project_id: int) -> "TaskQuerySet":
        """A project's open tasks with room in the order in which they are asked."""
        rows = self.with_room().filter(project_id=project_id, is_gold=False)
        return rows.order_by("virtual_due", "id")

    def gold_unseen_by(self, annotator: Annotator) -> "TaskQuerySet":
        """Gold tasks of their project that this annotator was never given."""
        met = Q(assignments__annotator=annotator)
        return (
            self.with_room()
            .filter(project_id=annotator.project_id, is_gold=True)
            .alias(met=models.FilteredRelation("assignments", condition=met))
            .filter(met__task__isnull=True)
        )

    def disputed_for(self, user_pk: int, project_id: int) -> "TaskQuerySet":
        """Disputed tasks that this user may decide, the most pressing first.

        None that they captioned, and none that another expert has open just now.
        """
        return (
            self.filter(project_id=project_id, state=TaskState.DISPUTED)
            .exclude(annotations__author__user_id=user_pk)
            .free_for(user_pk)
            .order_by("virtual_due", "id")
        )

    def awaiting_audit_by(self, user_pk: int, project_id: int) -> "TaskQuerySet":
        """Settled tasks drawn for the audit that this user may judge blind, longest settled first.

        None that they captioned, scored or decided on, and none that another expert is at.
        """
        return (
            self.filter(
                project_id=project_id,
                is_audited=True,
                audited_at__isnull=True,
                state=TaskState.SETTLED,
            )
            .exclude(annotations__author__user_id=user_pk)
            .exclude(annotations__votes__voter__user_id=user_pk)
            .exclude(reviews__reviewer_id=user_pk)
            .free_for(user_pk)
            .order_by("closed_at", "id")
        )

    def free_for(self, user_pk: int) -> "TaskQuerySet":
        """Leave out what another expert has in hand."""
        return self.exclude(
            Q(review_lease__expires_at__gt=timezone.now()) & ~Q(review_lease__reviewer_id=user_pk)
        )

    def unsettled(self) -> "TaskQuerySet":
        """Tasks whose evidence no consensus has looked at: what the sweep hands to settle."""
        return self.filter(
            is_gold=False, revision__gt=F("settled_revision"), state__in=TAKES_EVIDENCE
        )

    def untouched(self) -> "TaskQuerySet":
        """Open tasks that nobody holds or has answered: a newer prediction may change them."""
        return self.filter(state=TaskState.OPEN, is_gold=False, n_taken=0, revision=0)

    def lock_followers(self, pks: Iterable[int]) -> frozenset[int]:
        """Lock these tasks in one order; ids of those that still follow what models say."""
        follows = Q(state=TaskState.SUPERSEDED) | Q(state=TaskState.OPEN, n_taken=0, revision=0)
        rows = self.lock_all(pks).filter(follows, is_gold=False)
        return frozenset(rows.values_list("pk", flat=True))

    def supersede(self, pks: Iterable[int]) -> int:
        """Close those of these that are still untouched and that nobody asked for by name."""
        rows = self.untouched().filter(pk__among=pks, is_requested=False)
        return rows.update(state=TaskState.SUPERSEDED, closed_at=timezone.now())

    def unfelt(self) -> "TaskQuerySet":
        """Settled tasks whose neighbours do not know it: what the sweep hands to `feel`."""
        return self.filter(state=TaskState.SETTLED, is_gold=False, is_felt=False)

    def neighbour_ids(self, task: "Task", most: int) -> list[int]:
        """The most pressing open tasks of this one's video, then those of its cluster."""
        rows = self.filter(state=TaskState.OPEN, is_gold=False).exclude(pk=task.pk)
        rows = rows.order_by("virtual_due", "id")
        # One question a way of being near: put as one, the database reads and sorts all open tasks.
        near = [rows.filter(project_id=task.project_id, video_id=task.video_id)]
        if task.cluster_id is not None:
            near.append(rows.filter(cluster_id=task.cluster_id))
        found = (pk for each in near for pk in each.values_list("pk", flat=True)[:most])
        return list(dict.fromkeys(found))[:most]

    def at_segments(
        self, project_id: int, video_ids: Iterable[int]
    ) -> dict[tuple[int, int, int], "Task"]:
        """The project's tasks for these videos, by (video, start, end)."""
        rows = self.filter(project_id=project_id, video__among=set(video_ids))
        return {(task.video_id, task.start_ms, task.end_ms): task for task in rows}

    def lock_free(self, pk: int) -> "Task | None":
        """Lock one task that still has room; None where it has gone or another is at it."""
        rows = self.with_room().filter(pk=pk).select_related("project", "prediction")
        # SQLite ignores the clause: its one write lock is taken when the transaction begins.
        return rows.select_for_update(skip_locked=True, of=("self",)).first()

    def lock_all(self, pks: Iterable[int]) -> "TaskQuerySet":
        """These tasks, locked in one order, so that no two who lock several wait crosswise."""
        return self.filter(pk__among=pks).order_by("pk").select_for_update(of=("self",))

    def free_slot(self, pk: int) -> None:
        """Give one slot back."""
        self.filter(pk=pk, n_taken__gt=0).update(n_taken=F("n_taken") - 1)

    def count_caption(self, pk: int, step: int) -> None:
        """Count a caption in (1) or out (-1) and note that the evidence has changed."""
        self.filter(pk=pk).update(n_captions=F("n_captions") + step, revision=F("revision") + 1)

    def raise_revision(self, pk: int) -> None:
        """Note that the task's evidence has changed."""
        self.filter(pk=pk).update(revision=F("revision") + 1)


class Task(models.Model):
    """One clip or segment to caption; opened by `services.tasks`, closed by consensus."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="tasks")
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


class GoldReference(models.Model):
    """One accepted answer of a gold task; a task may have several."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="references")
    text = models.TextField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.text[:80]


class PlantedPrediction(models.Model):
    """The wrong caption that a gold task shows on purpose, as if the model had said it.

    It measures who accepts a prediction without looking; written with the task's gold answers.
    """

    task = models.OneToOneField(Task, on_delete=models.CASCADE, related_name="planted")
    text = models.TextField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.text[:80]
