"""Who takes part: roles of users, annotators with their reliability, invitations, tokens."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import AnonymousUser
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from portal.models.projects import Project
from portal.models.users import User

TOKEN_PREFIX = "lp_"  # noqa: S105 a prefix, not a secret


def digest(secret: str) -> str:
    """SHA-256 of a bearer secret; the secret itself is never stored."""
    return hashlib.sha256(secret.encode()).hexdigest()


def named(listed: str) -> list[str]:
    """Read names separated by commas, in lower case."""
    return [name.strip().lower() for name in listed.split(",") if name.strip()]


def new_secret(prefix: str = TOKEN_PREFIX) -> str:
    """Draw 256 random bits as text that can stand in a header or a link."""
    return prefix + secrets.token_urlsafe(32)


class Role(models.TextChoices):
    MANAGER = "manager"
    EXPERT = "expert"
    ANNOTATOR = "annotator"
    READER = "reader", "read-only"


class Scope(models.TextChoices):
    READ = "read", "read tasks, videos, consensus and metrics"
    INGEST = "ingest", "post videos, predictions and tasks"
    ANNOTATE = "annotate", "claim, caption and vote on behalf of annotators"
    FINALISE = "finalise", "finalise a consensus"
    RETRAIN = "retrain", "trigger retraining, report back, read evaluations"
    EXPORT = "export", "make and download exports"
    WEBHOOKS = "webhooks", "manage webhook endpoints"


class MembershipQuerySet(models.QuerySet["Membership"]):
    def active(self) -> "MembershipQuerySet":
        return self.filter(is_active=True, user__is_active=True)

    def role_of(self, user: User | AnonymousUser, project_id: int) -> str | None:
        """The user's role in the project; a superuser manages everywhere."""
        if not user.is_authenticated:
            return None
        if user.is_superuser:
            return Role.MANAGER
        return (
            self.active()
            .filter(user=user, project_id=project_id)
            .values_list("role", flat=True)
            .first()
        )


class Membership(models.Model):
    """A user's role in one project; written by invitations and managers."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        ordering = ["project", "user"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "user"], name="one_role_per_user_and_project"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}, {self.get_role_display()} in {self.project}"


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


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def usable(self, secret: str) -> "Invitation | None":
        """The unused, unexpired invitation that this secret opens."""
        return self.filter(
            token_hash=digest(secret), accepted_at__isnull=True, expires_at__gt=timezone.now()
        ).first()


def in_two_weeks() -> datetime:
    """When an invitation stops working."""
    return timezone.now() + timedelta(days=14)


class Invitation(models.Model):
    """A one-time link into a project with a role, or, without a project, to the first set-up."""

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, null=True, blank=True, related_name="invitations"
    )
    role = models.CharField(max_length=16, choices=Role, blank=True)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    note = models.CharField(
        max_length=120, blank=True, help_text="For whom; shown to managers only."
    )
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(default=in_two_weeks)
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)
    accepted_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(project__isnull=True, role="")
                | (Q(project__isnull=False) & ~Q(role="")),
                name="invitation_names_a_project_with_a_role_or_neither",
            ),
        ]

    def __str__(self) -> str:
        return f"Invitation to {self.project}" if self.project else "Set-up link"

    @property
    def is_open(self) -> bool:
        return self.accepted_at is None and self.expires_at > timezone.now()


class ServiceTokenQuerySet(models.QuerySet["ServiceToken"]):
    def valid(self, secret: str) -> "ServiceToken | None":
        """The live token that this secret is; None for unknown, expired and revoked alike.

        Switching a person off switches off the tokens they issued.
        """
        now = timezone.now()
        return (
            self.select_related("project")
            .filter(token_hash=digest(secret), revoked_at__isnull=True)
            .filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now))
            .filter(Q(created_by__isnull=True) | Q(created_by__is_active=True))
            .first()
        )


class ServiceToken(models.Model):
    """A machine's key to one project, with scopes; stored as a hash and shown once."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=12, editable=False)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=list)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ServiceTokenQuerySet.as_manager()

    class Meta:
        ordering = ["project", "name"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    # DRF treats whatever authenticates as the request's user.
    is_authenticated = True
    is_anonymous = False
    is_superuser = False
    is_staff = False
    is_active = True

    def may(self, scope: str) -> bool:
        """Whether the token carries the scope; `read` comes with any."""
        return scope == Scope.READ or scope in self.scopes
