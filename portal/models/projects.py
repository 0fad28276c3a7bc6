"""Projects own everything: their rules for asking, stopping, serving and retraining."""

import secrets
from calendar import day_name
from datetime import time
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from portal.models.users import User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

DEFAULT_SLUG = "default"
RESERVED_SLUGS = ("admin", "api", "static", "media", "docs", "con", "nul", "aux", "prn")


def new_salt() -> str:
    """Draw the salt that decides which videos a project keeps for evaluation."""
    return secrets.token_hex(8)


class ShownTo(models.TextChoices):
    NOBODY = "nobody", "nobody (blind)"
    EXPERTS = "experts", "experts only"
    EVERYONE = "everyone", "everyone"


class Audio(models.TextChoices):
    REQUIRED = "required"
    OPTIONAL = "optional"
    MUTED = "muted"


class ExamFeedback(models.TextChoices):
    NONE = "none", "nothing until the end"
    VERDICT = "verdict", "whether each answer was right"
    ANSWERS = "answers", "that, and the accepted answers"


class Mode(models.TextChoices):
    CAPTION = "caption"
    TRANSCRIPTION = "transcription"


class BatchKind(models.TextChoices):
    INCREMENTAL = "incremental", "incremental: captions that no batch has used"
    CUMULATIVE = "cumulative", "cumulative: all captions so far"


WEEKDAYS = tuple(enumerate(day_name))


class ProjectQuerySet(models.QuerySet["Project"]):
    def default(self) -> "Project":
        """The project that callers mean when they name none; made on first use."""
        project, _ = self.get_or_create(slug=DEFAULT_SLUG, defaults={"name": "Default project"})
        return project

    def visible_to(self, user: "User | AnonymousUser") -> "ProjectQuerySet":
        """The projects in which the user has any role; all of them for a superuser."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self.all()
        return self.filter(memberships__user=user, memberships__is_active=True)

    def repricing(self) -> "ProjectQuerySet":
        """Projects with open tasks that await their new place: the weights were changed."""
        return self.exclude(repricing_from=None)

    def managed_by(self, user: "User | AnonymousUser") -> "ProjectQuerySet":
        """The projects that the user manages; all of them for a superuser."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self.all()
        return self.filter(
            memberships__user=user, memberships__is_active=True, memberships__role="manager"
        )


def share(default: float, text: str) -> Any:
    """A column for a fraction of a whole, 0–1."""
    return models.FloatField(
        default=default, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)], help_text=text
    )


class Project(models.Model):
    """One body of captioning work with its own rules; written by managers in the admin."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    language = models.CharField(
        max_length=16,
        default="en",
        validators=[
            RegexValidator(r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", "A BCP 47 tag such as en.")
        ],
        help_text="BCP 47 tag of the captions' language; decides how they are split into words.",
    )
    mode = models.CharField(max_length=16, choices=Mode, default=Mode.CAPTION)
    is_paused = models.BooleanField(default=False, help_text="Nobody is given work while paused.")
    is_demo = models.BooleanField(default=False, editable=False)

    min_captions = models.PositiveSmallIntegerField(
        default=3, help_text="Captions before a task may settle."
    )
    max_captions = models.PositiveSmallIntegerField(
        default=5, help_text="Captions after which a task goes to an expert."
    )
    threshold = share(0.65, "Confidence at which a task stops asking.")
    audit_share = share(0.05, "Settled tasks drawn at random for a blind expert audit.")

    lease_minutes = models.PositiveSmallIntegerField(
        default=30, validators=[MinValueValidator(15)], help_text="At least 15."
    )
    prediction_shown_to = models.CharField(
        max_length=16,
        choices=ShownTo,
        default=ShownTo.NOBODY,
        help_text="Seeing the model's caption makes people copy it; blind is the safe choice. "
        "The first caption of each task is written blind whatever is chosen here.",
    )
    prediction_competes = models.BooleanField(
        default=False,
        help_text="The model's caption is a candidate and one voter, winning only with people's "
        "support. Where people may accept it, it competes once somebody has.",
    )
    audio = models.CharField(max_length=16, choices=Audio, default=Audio.OPTIONAL)
    registers_annotators = models.BooleanField(
        default=False, help_text="Service tokens may bring annotator ids the project does not know."
    )
    gold_first = models.PositiveSmallIntegerField(
        default=4, help_text="Gold tasks that every newcomer answers; 0 turns gold off."
    )
    gold_rate = share(0.04, "Chance of a gold task after that.")

    exam_size = models.PositiveSmallIntegerField(
        default=0, help_text="Gold clips that everybody answers before anything else; 0 is no exam."
    )
    exam_pass = share(0.75, "Share of the exam's clips that have to be right.")
    exam_attempts = models.PositiveSmallIntegerField(
        default=2, validators=[MinValueValidator(1)], help_text="How often somebody may try."
    )
    exam_feedback = models.CharField(
        max_length=16,
        choices=ExamFeedback,
        default=ExamFeedback.VERDICT,
        help_text="What people are told after each answer of the exam.",
    )

    uncertain_share = share(0.30, "The most uncertain share of predictions that opens tasks.")
    control_share = share(0.10, "Random control slice that measures what prioritising saves.")
    evaluation_share = share(0.10, "Videos kept for evaluation, never trained on.")
    evaluation_serving_share = share(
        0.20, "Part of the work reserved for evaluation tasks until each has its consensus."
    )
    evaluation_salt = models.CharField(max_length=16, default=new_salt, editable=False)
    uncertainty_weight = share(0.70, "Weight of uncertainty × novelty in a task's priority.")
    conflict_weight = share(0.20, "Weight of disagreement so far in a task's priority.")
    finish_weight = share(0.10, "Weight of finishing begun tasks in a task's priority.")
    business_weight = share(0.15, "What doubling a task's business value adds to its priority.")
    business_value = models.FloatField(
        default=1.0,
        validators=[MinValueValidator(0.25), MaxValueValidator(4.0)],
        help_text="What new tasks are worth, ¼ … 4, until a manager sets another value.",
    )
    due_hours = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0.01)],
        help_text="Every task is due so long after it opened; empty is no deadline.",
    )
    repricing_from = models.PositiveBigIntegerField(
        null=True, editable=False, help_text="Open tasks from this id on await their new place."
    )
    horizon_hours = models.FloatField(
        default=24.0,
        validators=[MinValueValidator(0.01)],
        help_text="How many hours of waiting the highest priority may overtake.",
    )

    batch_size = models.PositiveIntegerField(
        default=200, help_text="New consensuses that start a retraining."
    )
    cooldown_hours = models.FloatField(
        default=24.0,
        validators=[MinValueValidator(0.0)],
        help_text="Least time between retrainings.",
    )
    batch_kind = models.CharField(
        max_length=16,
        choices=BatchKind,
        default=BatchKind.INCREMENTAL,
        help_text="What a trainer gets: what is new, or everything that stands.",
    )
    retrains_on_drift = models.BooleanField(
        default=True,
        help_text="Retrain when the model's captions have come to lie further from people's.",
    )
    retrain_hours = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0)],
        help_text="Retrain every so many hours where a new caption stands; 0 is never.",
    )
    retrain_weekday = models.PositiveSmallIntegerField(
        choices=WEEKDAYS, null=True, blank=True, help_text="Retrain weekly on this day."
    )
    retrain_at = models.TimeField(
        default=time(3), help_text="The time of day of the weekly retraining, UTC."
    )
    promotes_automatically = models.BooleanField(
        default=False,
        help_text="Promote a retrained model by itself where it is surely better.",
    )
    asks_preferences = models.BooleanField(
        default=True,
        help_text="Ask people blindly which of two models' captions they prefer.",
    )
    flags_sought_up_to = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="The newest caption that was searched for signs."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(lease_minutes__gte=15), name="lease_is_at_least_15_minutes"
            ),
            models.CheckConstraint(
                condition=Q(min_captions__gte=1, max_captions__gte=F("min_captions")),
                name="max_captions_is_at_least_min_captions",
            ),
            models.CheckConstraint(
                condition=Q(threshold__gte=0, threshold__lte=1), name="threshold_is_between_0_and_1"
            ),
            models.CheckConstraint(condition=Q(batch_size__gte=1), name="batch_size_is_at_least_1"),
        ]

    def __str__(self) -> str:
        return self.name

    def shows_prediction_to(self, *, is_expert: bool) -> bool:
        """Whether somebody captioning here sees the model's words."""
        if self.prediction_shown_to == ShownTo.EVERYONE:
            return True
        return self.prediction_shown_to == ShownTo.EXPERTS and is_expert

    def pseudonym_of(self, annotator_id: str) -> str:
        """A name for exports that tells people apart, and nobody outside who they are."""
        key = self.evaluation_salt.encode()
        return "p-" + blake2b(annotator_id.encode(), key=key, digest_size=8).hexdigest()

    @property
    def uses_gold(self) -> bool:
        return self.gold_first > 0


class GuidelineQuerySet(models.QuerySet["Guideline"]):
    def newest_of(self, project_id: int) -> "Guideline | None":
        """The guidelines in force."""
        return self.filter(project_id=project_id).order_by("-number").first()


class Guideline(models.Model):
    """One version of a project's guidelines, in Markdown; never changed, only followed."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="guidelines")
    number = models.PositiveIntegerField()
    text = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True)

    objects = GuidelineQuerySet.as_manager()

    class Meta:
        ordering = ["project", "-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "number"], name="guideline_numbers_are_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.project} guidelines, version {self.number}"
