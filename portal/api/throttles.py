"""How often one may call: fixed windows of a minute in the shared cache, keyed by who acts."""

import time

from django.conf import settings
from django.core.cache import cache
from rest_framework.exceptions import Throttled

MINUTE = 60


def count_claim(owner: str) -> None:
    """Count one claim; raise Throttled, saying when to come back, above the limit.

    Two claims at the same instant may count as one: a throttle need not be exact.
    """
    now = time.time()
    key = f"claims:{owner}:{int(now // MINUTE)}"
    n_claims = cache.get(key, 0) + 1
    if n_claims > settings.CLAIMS_A_MINUTE:
        raise Throttled(wait=MINUTE - now % MINUTE)
    cache.set(key, n_claims, timeout=2 * MINUTE)
