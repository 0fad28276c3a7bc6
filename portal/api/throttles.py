"""How often one may call: fixed windows of a minute, keyed by who acts.

Counted in Redis where there is one, else by each web server for itself.
"""

import time

from django.conf import settings
from django.core.cache import caches
from rest_framework.exceptions import Throttled

MINUTE = 60


def count_claim(owner: str) -> None:
    """Count one claim; raise Throttled, saying when to come back, above the limit."""
    now = time.time()
    key = f"claims:{owner}:{int(now // MINUTE)}"
    counts = caches["counts"]
    counts.add(key, 0, timeout=2 * MINUTE)
    if counts.incr(key) > settings.CLAIMS_A_MINUTE:
        raise Throttled(wait=MINUTE - now % MINUTE)
