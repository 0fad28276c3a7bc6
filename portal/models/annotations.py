"""Captions that people wrote, with every earlier wording kept."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.models.annotators import Annotator, AnnotatorState
from portal.models.assignments import Assignment
from portal.models.predictions import Prediction
from portal.models.projects import Guideline
from portal.models.tasks import Task


class AnnotationState(models.TextChoices):
    STANDING = "standing"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"
    ERASED = "erased"


class AnnotationQuerySet(models.QuerySet["Annotation"]):
    def standing(self) -> "AnnotationQuerySet":
        return self.filter(state=AnnotationState.STANDING)

    def open_for_votes(self) -> "AnnotationQuerySet":
        """Standing captions of tasks that still take evidence."""
        return self.standing().filter(task__state__in=("open", "disputed"))

    def ungraded(self) -> "AnnotationQuerySet":
        """Gold answers that nobody has marked: what the sweep hands to the annotators' stage.

        Captions from before their task became gold were weighed by a consensus instead.
        """
        return (
            self.standing()
            .filter(task__is_gold=True, gold_score__isnull=True)
            .exclude(task__residuals__annotator=models.F("author"))
        )

    def gold_marks(
        self, annotator_id: int, *, after: int = 0, since: datetime | None = None
    ) -> list[tuple[int, float]]:
        """Someone's marked gold answers, as (id, mark), oldest first."""
        marked = self.filter(author_id=annotator_id, gold_score__isnull=False, pk__gt=after)
        if since is not None:
            marked = marked.filter(created_at__gt=since)
        rows = marked.order_by("pk").values_list("pk", "gold_score")
        return [(pk, mark) for pk, mark in rows if mark is not None]

    def all_gold_marks(self, project_id: int) -> list[tuple[int, float]]:
        """Everybody's marked gold answers in a project, as (author, mark), oldest first."""
        marked = self.filter(author__project_id=project_id, gold_score__isnull=False)
        rows = marked.order_by("pk").values_list("author_id", "gold_score")
        return [(author_id, mark) for author_id, mark in rows if mark is not None]

    def fresh_in(self, project_id: int, *, after: int) -> "AnnotationQuerySet":
        """Standing captions of ordinary tasks beyond one, in the order they were written."""
        rows = self.standing().filter(task__project_id=project_id, task__is_gold=False)
        return rows.filter(pk__gt=after).order_by("pk")

    def reviewable_by(self, annotator: Annotator) -> "AnnotationQuerySet":
        """Others' captions this person may score.

        Nobody's while they are paused or on gold only. Not their own, not scored yet, and not on a
        task that they might still be asked to caption blind: they have answered it, or it has no
        room.
        """
        if annotator.state != AnnotatorState.ACTIVE:
            return self.none()
        answered = Annotation.objects.filter(task_id=models.OuterRef("task_id"), author=annotator)
        return (
            self.open_for_votes()
            .filter(task__project_id=annotator.project_id, task__is_gold=False)
            .exclude(author=annotator)
            .exclude(votes__voter=annotator)
            .filter(models.Exists(answered) | Q(task__n_taken__gte=models.F("task__n_wanted")))
        )


class Annotation(models.Model):
    """One person's caption for one task: evidence, written by `services.annotations` alone."""

    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="annotations")
    author = models.ForeignKey(Annotator, on_delete=models.PROTECT, related_name="annotations")
    assignment = models.OneToOneField(
        Assignment, on_delete=models.PROTECT, related_name="annotation"
    )
    text = models.TextField()
    state = models.CharField(
        max_length=16, choices=AnnotationState, default=AnnotationState.STANDING
    )
    number = models.PositiveIntegerField(default=1, help_text="Rises with each correction.")
    seconds = models.FloatField(null=True, blank=True, help_text="Time spent, where known.")
    guideline = models.ForeignKey(
        Guideline, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    prediction_shown = models.ForeignKey(
        Prediction, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    gold_score = models.FloatField(null=True, blank=True, help_text="How well a gold answer was.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AnnotationQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["task", "author"], name="one_caption_per_annotator_and_task"
            ),
            models.CheckConstraint(
                condition=Q(seconds__isnull=True) | Q(seconds__gte=0),
                name="seconds_are_not_negative",
            ),
        ]
        indexes = [
            models.Index(
                fields=["author", "id"],
                condition=Q(gold_score__isnull=False),
                name="gold_answers_by_author",
            ),
        ]

    def __str__(self) -> str:
        return self.text[:80]


class AnnotationRevision(models.Model):
    """One wording of a caption; row `number` is what stood from then on."""

    annotation = models.ForeignKey(Annotation, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    text = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["annotation", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["annotation", "number"], name="revision_numbers_are_unique"
            ),
        ]

    def __str__(self) -> str:
        return self.text[:80]
