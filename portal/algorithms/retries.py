"""When to try again: the steps after which a message that did not arrive is sent once more.

Schedule of Standard Webhooks 1.0.0 (standardwebhooks.com, "deliverability and reliability").
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

DELIVERY_STEPS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)  # seconds
DOWNLOAD_STEPS = (10, 60, 600, 3600)
JITTER = 0.1
LONGEST_PAUSE = 86_400.0


def delay_seconds(
    n_failures: int, place: float, steps: Sequence[float] = DELIVERY_STEPS
) -> float | None:
    """Return the wait after the n-th failure in a row, None where it was the last try.

    `place` in [0, 1] chooses within ±10 % of the step, so that messages which failed together do
    not come back together. Raises ValueError for fewer than one failure or a place outside.
    """
    if n_failures < 1 or not 0.0 <= place <= 1.0:
        raise ValueError(f"There is no wait after {n_failures} failures at place {place}.")
    if n_failures > len(steps):
        return None
    return steps[n_failures - 1] * (1.0 - JITTER + 2.0 * JITTER * place)


def pause_seconds(retry_after: str, now: float) -> float:
    """Return the seconds that a Retry-After header asks for, 0–86,400; 0 for what is none.

    `now` is in Unix seconds; the header holds whole seconds or an HTTP date (RFC 9110, 10.2.3).
    """
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_PAUSE)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    wanted = (moment - datetime.fromtimestamp(now, UTC)).total_seconds()
    return min(max(wanted, 0.0), LONGEST_PAUSE)
