"""Tasks open, are put in order, go to experts, and are set aside; consensus closes them.

reading (what predictions say) · ordering (the one key) · crowding (what tasks resemble) → opening
(from predictions) · requesting (by REST) · handling (escalate, park, gold).
"""

from portal.services.tasks.handling import escalate, make_gold, park, unpark
from portal.services.tasks.opening import CHUNK, open_for
from portal.services.tasks.ordering import reprioritise, set_value
from portal.services.tasks.requesting import open_one

__all__ = [
    "CHUNK",
    "escalate",
    "make_gold",
    "open_for",
    "open_one",
    "park",
    "reprioritise",
    "set_value",
    "unpark",
]
