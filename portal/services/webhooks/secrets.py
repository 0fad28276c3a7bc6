"""Endpoint secrets: sealed in the database, opened to sign and to check what comes in."""

import time
from collections.abc import Mapping
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone

from portal.adapters import signatures
from portal.errors import SignatureInvalid
from portal.models import Endpoint, Project


class Sender(NamedTuple):
    """Who sent a message that came in, and under which id; no endpoint for a run's own token."""

    endpoint: Endpoint | None
    webhook_id: str


def authenticate(*, project: Project, headers: Mapping[str, str], body: bytes) -> Sender:
    """Return who signed a message from outside: one of the project's active endpoints.

    Raises SignatureInvalid, whatever is wrong with it.
    """
    refusal = SignatureInvalid("No endpoint of this project has signed this message.")
    for endpoint in Endpoint.objects.active().filter(project=project):
        try:
            webhook_id = signatures.verify(secrets_of(endpoint), headers, body, now=time.time())
        except SignatureInvalid as refused:
            refusal = refused
            continue
        return Sender(endpoint, webhook_id)
    raise refusal


def authenticate_run(*, run_id: str, authorization: str) -> None:
    """Check a Bearer header for the token of one run. Raises SignatureInvalid."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise SignatureInvalid("A run's token comes as Authorization: Bearer run_….")
    signatures.check_run_token(run_id, token.strip(), settings.FIELD_KEY)


def sealed(secret: str) -> str:
    """Return a secret as its row holds it."""
    return signatures.encrypt(secret, settings.FIELD_KEY)


def secrets_of(endpoint: Endpoint) -> list[str]:
    """Return the secrets that sign now: the endpoint's own, and for a day the one before."""
    sealed = [endpoint.secret]
    if endpoint.previous_until is not None and endpoint.previous_until > timezone.now():
        sealed.append(endpoint.previous_secret)
    return [signatures.decrypt(text, settings.FIELD_KEY) for text in sealed]
