"""Idempotency-Key: its row and the change commit together; a repeat gets the stored answer.

The row goes first, so that of two calls at once the second waits for the first. A refusal keeps
nothing: the key is free again. Not for calls that leave the database (bulk, uploads, the judge);
those are idempotent by what they name.
"""

import functools
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from django.db import transaction
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.base import Late, PortalView
from portal.errors import InvalidInput, KeyReused, PortalError
from portal.models import IdempotencyKey

HEADER = "Idempotency-Key"
SECRETS = ("secret",)  # shown once: a replay has them no more

Handler = Callable[..., Response]

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def keyed(handler: Handler) -> Handler:
    """Let a POST be repeated safely under a key that the caller chose."""

    @functools.wraps(handler)
    def answer(view: PortalView, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER)
        if key is None:
            return handler(view, request, *args, **kwargs)
        if not _KEY.fullmatch(key):
            raise InvalidInput.on(HEADER, "A key is 1 to 255 visible ASCII characters.")
        return _answer_once(functools.partial(handler, view, request, *args, **kwargs), view, key)

    answer.is_keyed = True  # type: ignore[attr-defined]
    return answer


def _answer_once(handler: Callable[[], Response], view: PortalView, key: str) -> Response:
    request = view.request
    digest = _digest(request)
    refusal: Exception | None
    with transaction.atomic():
        row, is_new = IdempotencyKey.objects.claim(
            owner=view.caller.owner,
            route=request.path.rstrip("/")[:200],
            key=key,
            body_sha256=digest,
        )
        if not is_new:
            return _replay(row, digest)
        try:
            response = handler()
        except (PortalError, APIException) as error:
            # Committed, not rolled back: a refused text that a service kept as a draft must stay.
            row.forget()
            refusal = error
        else:
            row.answer(response.status_code, _without_secrets(response.data))
            refusal = None
    if refusal is not None:
        raise refusal
    if isinstance(response, Late) and response.read_again() != row.body:
        row.answer(response.status_code, response.data)
    return response


def _replay(row: IdempotencyKey, digest: str) -> Response:
    if row.body_sha256 != digest:
        raise KeyReused("This Idempotency-Key came before with another body; choose a new one.")
    return Response(row.body, status=row.status, headers={"Idempotency-Replayed": "true"})


def _digest(request: Request) -> str:
    said = json.dumps([request.META.get("QUERY_STRING", ""), request.data], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def _without_secrets(body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    return {name: None if name in SECRETS else value for name, value in body.items()}
