"""Stored answers of keyed calls are kept as long as a client may still repeat them."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from portal.models import IdempotencyKey

KEPT = timedelta(days=7)


@transaction.atomic
def forget_old() -> int:
    """Delete the answers that nobody will ask for again; return how many."""
    n_deleted, _ = IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
    return n_deleted
