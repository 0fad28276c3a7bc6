"""What leaves and what came: outbox, endpoints, deliveries, callbacks, audit, idempotency.

All are written by manager methods inside the transaction of the change that they tell of.
"""

import uuid
from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.models.projects import Project
from portal.models.retraining import RetrainJob
from portal.models.users import User

EVENT_TYPES = (
    "retraining.requested",
    "consensus.reached",
    "task.disputed",
    "evaluation.finished",
    "export.ready",
    "import.finished",
    "project.completed",
    "ping",
)


class EventQuerySet(models.QuerySet["Event"]):
    def record(
        self,
        *,
        project_id: int,
        type: str,  # noqa: A002 the word of the webhook standard
        data: dict[str, Any],
    ) -> "Event":
        """Write the event and one pending delivery for each endpoint that wants it."""
        event = self.create(project_id=project_id, type=type, data=data)
        wanting = [
            e for e in Endpoint.objects.active().filter(project_id=project_id) if e.wants(type)
        ]
        Delivery.objects.bulk_create([Delivery(event=event, endpoint=e) for e in wanting])
        return event

    def newest_completion(self, project_id: int) -> "Event | None":
        """The last time that a project ran out of open tasks."""
        rows = self.filter(project_id=project_id, type="project.completed")
        return rows.order_by("-id").first()


class Event(models.Model):
    """Something an integration may want to hear; the payload is `{type, timestamp, data}`."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="events")
    type = models.CharField(max_length=40)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["project", "id"],
                condition=Q(type="project.completed"),
                name="completions_by_project",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.uid}"

    @property
    def payload(self) -> dict[str, Any]:
        """The body that is signed and sent, the same at each attempt."""
        return {"type": self.type, "timestamp": self.created_at.isoformat(), "data": self.data}


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def active(self) -> "EndpointQuerySet":
        return self.filter(is_active=True)


class Endpoint(models.Model):
    """Where a project's events go; its secret is encrypted at rest and shown once."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="endpoints")
    url = models.URLField(max_length=500)
    events = models.JSONField(default=list, blank=True, help_text="Types wanted; empty is all.")
    secret = models.TextField(editable=False, help_text="Encrypted.")
    previous_secret = models.TextField(blank=True, editable=False)
    previous_until = models.DateTimeField(null=True, blank=True, editable=False)
    is_active = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=200, blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        ordering = ["project", "id"]

    def __str__(self) -> str:
        return self.url

    def wants(self, event_type: str) -> bool:
        return not self.events or event_type in self.events


class DeliveryState(models.TextChoices):
    PENDING = "pending"
    DELIVERED = "delivered"
    EXHAUSTED = "exhausted"
    CANCELLED = "cancelled"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def due(self) -> "DeliveryQuerySet":
        """Pending, due, and not in a living sender's hands, oldest first."""
        now = timezone.now()
        return (
            self.filter(
                state=DeliveryState.PENDING, next_attempt_at__lte=now, endpoint__is_active=True
            )
            .filter(Q(held_until__isnull=True) | Q(held_until__lte=now))
            .order_by("next_attempt_at", "id")
        )

    def take(self, pk: int, *, seconds: float = 60) -> bool:
        """Hold one due delivery for this sender; False when another has it."""
        # Conditions on this very row alone: a join would become a subquery, which PostgreSQL does
        # not evaluate again after waiting for the other sender's update, and both would have it.
        now = timezone.now()
        unheld = Q(held_until__isnull=True) | Q(held_until__lte=now)
        free = self.filter(unheld, pk=pk, state=DeliveryState.PENDING, next_attempt_at__lte=now)
        return bool(free.update(held_until=now + timedelta(seconds=seconds)))


class Delivery(models.Model):
    """One event's way to one endpoint, retried until it arrives; written by `services.webhooks`."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=16, choices=DeliveryState, default=DeliveryState.PENDING)
    n_attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    held_until = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["event", "endpoint"], name="an_event_reaches_an_endpoint_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(state="pending"), name="pending_deliveries"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event.type} to {self.endpoint}"


class DeliveryAttempt(models.Model):
    """One try: when, how long, what the receiver answered (its status; never its body)."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    milliseconds = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["delivery", "number"]

    def __str__(self) -> str:
        return f"Attempt {self.number}: {self.status or self.error}"


class CallbackOutcome(models.TextChoices):
    COUNTED = "counted"
    OVERTAKEN = "overtaken", "overtaken by a newer one"
    UNKNOWN = "unknown", "unknown to this portal"


class Callback(models.Model):
    """A message that a trainer sent us, kept so that a replay changes nothing, and as a log.

    `endpoint` is whose secret signed it; none for one that came with its run's own token.
    """

    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.CASCADE, null=True, blank=True, related_name="callbacks"
    )
    job = models.ForeignKey(
        RetrainJob, on_delete=models.CASCADE, null=True, blank=True, related_name="callbacks"
    )
    webhook_id = models.CharField(max_length=255)
    body_sha256 = models.CharField(max_length=64)
    seq = models.PositiveIntegerField(null=True, blank=True)
    status = models.CharField(max_length=40, blank=True, help_text="As the trainer put it.")
    progress = models.FloatField(null=True, blank=True)
    outcome = models.CharField(
        max_length=16, choices=CallbackOutcome, default=CallbackOutcome.COUNTED
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "webhook_id"], name="a_callback_counts_once"
            ),
        ]

    def __str__(self) -> str:
        return self.webhook_id


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


class IdempotencyKeyQuerySet(models.QuerySet["IdempotencyKey"]):
    def claim(
        self, *, owner: str, route: str, key: str, body_sha256: str
    ) -> "tuple[IdempotencyKey, bool]":
        """Return the key's row and whether it is new; of two claims at once the second waits."""
        return self.get_or_create(
            owner=owner, route=route, key=key, defaults={"body_sha256": body_sha256}
        )


class IdempotencyKey(models.Model):
    """The stored answer of one keyed POST, replayed when the call comes again."""

    owner = models.CharField(max_length=80, help_text="Who called: a user or a token.")
    route = models.CharField(max_length=200)
    key = models.CharField(max_length=255)
    body_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    body = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = IdempotencyKeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "route", "key"], name="a_key_is_used_once"),
        ]

    def __str__(self) -> str:
        return self.key

    def answer(self, status: int, body: Any) -> None:
        """Keep the answer that a repeat will get."""
        self.status, self.body = status, body
        self.save(update_fields=["status", "body"])

    def forget(self) -> None:
        """Free the key of a call that was refused."""
        self.delete()
