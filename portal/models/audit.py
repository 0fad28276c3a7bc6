"""Who did what to which row: written in the transaction of the act, never changed."""

from typing import Any

from django.db import models
from django.utils import timezone

from portal.models.projects import Project
from portal.models.users import User


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def record(
        self,
        *,
        action: str,
        on: models.Model,
        project_id: int | None,
        actor: str,
        user: User | None = None,
        details: dict[str, Any] | None = None,
    ) -> "AuditEntry":
        """Write who did what to which row; never captions, tokens or passwords."""
        return self.create(
            action=action,
            object_type=on._meta.model_name or "",
            object_id=str(on.pk),
            project_id=project_id,
            actor=actor[:120],
            user=user,
            details=details or {},
        )


class AuditEntry(models.Model):
    """One act worth remembering; append-only."""

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, null=True, blank=True, related_name="audit_entries"
    )
    user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    actor = models.CharField(max_length=120)
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=40)
    details = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.actor}: {self.action}"
