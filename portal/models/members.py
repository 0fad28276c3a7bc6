"""Who takes part: the roles of users in projects, and invitations into them."""

from datetime import datetime, timedelta

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.models.projects import Project
from portal.models.tokens import digest
from portal.models.users import User


class Role(models.TextChoices):
    MANAGER = "manager"
    EXPERT = "expert"
    ANNOTATOR = "annotator"
    READER = "reader", "read-only"


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
