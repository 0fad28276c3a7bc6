"""What leaves: the outbox of events, endpoints, and each delivery with its attempts.

All are written by manager methods inside the transaction of the change that they tell of.
"""

import uuid
from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.models.projects import Project

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
