"""Stored answers of keyed POSTs."""

from typing import Any

from django.db import models
from django.utils import timezone


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
