"""Keyed answers are forgotten when nobody repeats the call any more."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.models import IdempotencyKey
from portal.services import idempotency


@pytest.mark.django_db
def test_only_old_answers_are_forgotten():
    for days in (1, 8):
        IdempotencyKey.objects.create(
            owner="token:1",
            route="/predictions",
            key=f"{days} days",
            body_sha256="",
            created_at=timezone.now() - timedelta(days=days),
        )
    assert idempotency.forget_old() == 1
    assert IdempotencyKey.objects.get().key == "1 days"
