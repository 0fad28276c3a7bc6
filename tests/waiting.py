"""Wait for a condition, never for a while."""

import time
from collections.abc import Callable

PATIENCE = 180.0  # seconds; what does not come true in that time has gone wrong


def eventually(holds: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Say whether it comes true before patience ends."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return False
