"""Who captions in a project, with what their answers say of them."""

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from portal.models.projects import Project
from portal.models.users import User


class AnnotatorState(models.TextChoices):
    ACTIVE = "active"
    PAUSED = "paused"
    QUARANTINED = "quarantined", "gold only"


# What `move_to` changes.
MOVED = ("state", "state_changed_at", "state_note")


# An annotator's sums of residuals, and what follows from them.
SUMS = ("n_residuals", "sum_residuals", "sum_squares")
STATED = ("skill", "skill_error", "reliability", "reliability_low", "reliability_high")


class AnnotatorQuerySet(models.QuerySet["Annotator"]):
    def working(self) -> "AnnotatorQuerySet":
        """Those who may be given work."""
        return self.exclude(state=AnnotatorState.PAUSED)

    def holding_too_much(self) -> "AnnotatorQuerySet":
        """Those on gold only who still hold a lease on something else."""
        return self.filter(
            state=AnnotatorState.QUARANTINED,
            assignments__state="leased",
            assignments__task__is_gold=False,
        ).distinct()

    def count_gold(self, pk: int, *, is_right: bool) -> None:
        """Count one marked gold answer."""
        self.filter(pk=pk).update(n_gold=F("n_gold") + 1, sum_gold=F("sum_gold") + int(is_right))


class Annotator(models.Model):
    """A person (or machine) who captions in one project, with what their answers say of them.

    `skill` is on the scale of semantic agreement: how much more than others their captions agree
    with the field. `reliability` is its percentile within the project, with a 90 % interval; gold
    accuracy is absolute and kept apart. Written by `services.annotators`, and by each refit.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="annotators")
    annotator_id = models.CharField(max_length=100, help_text="The id that integrations use.")
    user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="annotators"
    )
    name = models.CharField(max_length=120, blank=True)
    state = models.CharField(max_length=16, choices=AnnotatorState, default=AnnotatorState.ACTIVE)
    state_changed_at = models.DateTimeField(null=True, blank=True, editable=False)
    state_note = models.CharField(
        max_length=200, blank=True, editable=False, help_text="Why, as their own page tells them."
    )
    is_expert = models.BooleanField(default=False)
    languages = models.CharField(
        max_length=200,
        blank=True,
        validators=[RegexValidator(r"^[A-Za-z0-9 ,-]*$", "BCP 47 tags such as en, de-CH.")],
        help_text="What they can caption in, as BCP 47 tags with commas. Empty: the project's own.",
    )
    skills = models.CharField(
        max_length=400,
        blank=True,
        help_text="With commas. Clips tagged needs:… go only to people who have what is named.",
    )
    daily_limit = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Captions a day (UTC); empty is no limit."
    )
    open_limit = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Tasks held at one time, those a manager handed out included; empty is no limit.",
    )
    look_from = models.DateTimeField(
        null=True,
        editable=False,
        help_text="Before this due time nothing was for them when a long look was last taken.",
    )
    look_until = models.DateTimeField(null=True, editable=False, help_text="How long that is used.")
    extra_attempts = models.PositiveSmallIntegerField(
        default=0, editable=False, help_text="Exam attempts that a manager has granted."
    )
    n_residuals = models.PositiveIntegerField(default=0, editable=False)
    sum_residuals = models.FloatField(default=0.0, editable=False)
    sum_squares = models.FloatField(default=0.0, editable=False)
    skill = models.FloatField(default=0.0, editable=False)
    skill_error = models.FloatField(default=0.0, editable=False)
    reliability = models.FloatField(default=0.5, editable=False)
    reliability_low = models.FloatField(default=0.0, editable=False)
    reliability_high = models.FloatField(default=1.0, editable=False)
    n_gold = models.PositiveIntegerField(default=0, editable=False)
    sum_gold = models.FloatField(
        default=0.0, editable=False, help_text="Gold answered well, summed."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AnnotatorQuerySet.as_manager()

    class Meta:
        ordering = ["project", "annotator_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "annotator_id"], name="annotator_ids_are_unique_in_a_project"
            ),
            models.UniqueConstraint(
                fields=["project", "user"],
                condition=Q(user__isnull=False),
                name="one_annotator_per_user_and_project",
            ),
            models.CheckConstraint(
                condition=Q(reliability__gte=0, reliability__lte=1),
                name="reliability_is_between_0_and_1",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.annotator_id

    def move_to(self, state: str, *, note: str = "") -> bool:
        """Put them into a state, with the words that they are told; the caller saves.

        False where they were in it.
        """
        if self.state == state:
            return False
        self.state = AnnotatorState(state)
        self.state_changed_at = timezone.now()
        self.state_note = note
        return True

    def add(self, *, residual: float, square: float, n: int) -> None:
        """Add to what agreement says of them; the caller holds the row's lock and saves `SUMS`."""
        self.n_residuals += n
        self.sum_residuals += residual
        self.sum_squares += square

    @property
    def language_list(self) -> list[str]:
        return named(self.languages)

    @property
    def skill_list(self) -> list[str]:
        return named(self.skills)

    @property
    def is_provisional(self) -> bool:
        """Whether too little is known for the reliability to mean much."""
        return self.n_residuals < 10

    @property
    def gold_accuracy(self) -> float | None:
        return self.sum_gold / self.n_gold if self.n_gold else None


def named(listed: str) -> list[str]:
    """Read names separated by commas, in lower case."""
    return [name.strip().lower() for name in listed.split(",") if name.strip()]
