"""What trainers sent us, kept so that a replay changes nothing."""

from django.db import models
from django.utils import timezone

from portal.models.events import Endpoint
from portal.models.retraining import RetrainJob


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
