"""Review votes: one person's score for another person's caption."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from portal.models.annotations import Annotation
from portal.models.annotators import Annotator


class VoteQuerySet(models.QuerySet["Vote"]):
    def counted(self, task_id: int) -> "VoteQuerySet":
        """Votes on the task's standing captions, in a stable order."""
        return self.filter(annotation__task_id=task_id, annotation__state="standing").order_by("id")

    def record(
        self, annotation: Annotation, voter: Annotator, score: float, rationale: str
    ) -> "Vote":
        """Write or replace the voter's one vote on this caption and raise the task's revision."""
        vote, _ = self.update_or_create(
            annotation=annotation,
            voter=voter,
            defaults={
                "author_id": annotation.author_id,
                "score": score,
                "rationale": rationale,
                "changed_at": timezone.now(),
            },
        )
        type(annotation.task).objects.raise_revision(annotation.task_id)
        return vote


class Vote(models.Model):
    """A score 0–1 for one caption, never by its author; a second vote replaces the first."""

    annotation = models.ForeignKey(Annotation, on_delete=models.PROTECT, related_name="votes")
    voter = models.ForeignKey(Annotator, on_delete=models.PROTECT, related_name="votes")
    author = models.ForeignKey(
        Annotator, on_delete=models.PROTECT, related_name="+", help_text="Copied from the caption."
    )
    score = models.FloatField()
    rationale = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = VoteQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["annotation", "voter"], name="vote_once_per_caption"),
            models.CheckConstraint(
                condition=~Q(voter=F("author")), name="nobody_votes_on_their_own"
            ),
            models.CheckConstraint(
                condition=Q(score__gte=0, score__lte=1), name="score_is_between_0_and_1"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.score:.2f} by {self.voter}"
