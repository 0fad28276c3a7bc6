"""Blind votes: which of two models' captions for a clip a person prefers, sides drawn by chance."""

from django.db import models
from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Greatest, Least
from django.utils import timezone

from portal.models.annotators import Annotator, AnnotatorState
from portal.models.assignments import Assignment
from portal.models.evaluations import Evaluation, EvaluationItem
from portal.models.predictions import Prediction
from portal.models.projects import Project
from portal.models.tasks import Task


class Choice(models.TextChoices):
    FIRST = "first", "the earlier posted caption"
    SECOND = "second", "the later posted caption"
    BOTH = "both", "both are good"
    NEITHER = "neither", "neither is good"


class PreferenceQuerySet(models.QuerySet["Preference"]):
    def unweighed(self) -> "PreferenceQuerySet":
        """Votes that no verdict has taken in: what the sweep hands to `evaluations.weigh`."""
        return self.filter(is_weighed=False)

    def on_items(self) -> "PreferenceQuerySet":
        """Votes on the pair of an outer query's evaluation item, whichever model was original."""
        return self.filter(
            first_id=Least(OuterRef("original_id"), OuterRef("retrained_id")),
            second_id=Greatest(OuterRef("original_id"), OuterRef("retrained_id")),
        )


class Preference(models.Model):
    """One person's choice between two captions of one task; a second choice replaces the first.

    The pair is kept in the order of the predictions' ids, so that it is one pair in whichever
    evaluation it stands. Written by `services.preferences`.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="preferences")
    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="preferences")
    first = models.ForeignKey(Prediction, on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey(Prediction, on_delete=models.PROTECT, related_name="+")
    voter = models.ForeignKey(Annotator, on_delete=models.PROTECT, related_name="preferences")
    choice = models.CharField(max_length=8, choices=Choice)
    first_was_left = models.BooleanField(help_text="On which side the first caption stood.")
    is_weighed = models.BooleanField(
        default=False, editable=False, help_text="Whether the verdicts have taken it in."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = PreferenceQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["first", "second", "voter"], name="one_preference_per_pair_and_person"
            ),
            models.CheckConstraint(
                condition=Q(first__lt=F("second")), name="a_pair_is_kept_in_one_order"
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(is_weighed=False), name="preferences_to_weigh"),
        ]

    def __str__(self) -> str:
        return f"{self.voter}: {self.get_choice_display()}"


def pairs_open_to(voter: Annotator) -> models.QuerySet[EvaluationItem, tuple[int, int]]:
    """Pairs that this person may be asked about, (id, votes), those with the fewest votes first.

    Of models nobody has decided on, in projects that ask; not voted on yet; captions that differ;
    and none whose clip the person is captioning now. None at all for people who are paused or given
    gold only, and in a paused project. Their own words the service leaves out.
    """
    votes = Preference.objects.on_items()
    counted = votes.order_by().values("first_id").annotate(n=Count("pk")).values("n")
    captioning = Assignment.objects.live().filter(task_id=OuterRef("task_id"), annotator=voter)
    return (
        EvaluationItem.objects.filter(
            evaluation__in=Evaluation.objects.undecided().filter(
                project_id=voter.project_id,
                project__asks_preferences=True,
                project__is_paused=False,
                project__annotators__in=[voter.pk],
                project__annotators__state=AnnotatorState.ACTIVE,
            ),
            is_identical=False,
        )
        .exclude(task__video__state="erased")
        .exclude(Exists(votes.filter(voter=voter)))
        .exclude(Exists(captioning))
        .annotate(n_votes=Coalesce(Subquery(counted, output_field=IntegerField()), 0))
        .order_by("n_votes", "pk")
        .values_list("pk", "n_votes")
    )
