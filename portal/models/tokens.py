"""Machines' keys: service tokens with their scopes; a secret is kept as its hash alone."""

import hashlib
import secrets

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.models.projects import Project
from portal.models.users import User

TOKEN_PREFIX = "lp_"  # noqa: S105 a prefix, not a secret


def digest(secret: str) -> str:
    """SHA-256 of a bearer secret; the secret itself is never stored."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_secret(prefix: str = TOKEN_PREFIX) -> str:
    """Draw 256 random bits as text that can stand in a header or a link."""
    return prefix + secrets.token_urlsafe(32)


class Scope(models.TextChoices):
    READ = "read", "read tasks, videos, consensus and metrics"
    INGEST = "ingest", "post videos, predictions and tasks"
    ANNOTATE = "annotate", "claim, caption and vote on behalf of annotators"
    FINALISE = "finalise", "finalise a consensus"
    RETRAIN = "retrain", "trigger retraining, report back, read evaluations"
    EXPORT = "export", "make and download exports"
    WEBHOOKS = "webhooks", "manage webhook endpoints"


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
            .order_by("pk")  # by their default order, projects would be sorted for one row
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
