"""Tasks open, are put in order, go to experts, and are set aside; consensus closes them.

ordering (the one key) → opening (from predictions, by REST) · handling (escalate, park, gold).
"""

from portal.services.tasks.handling import escalate, make_gold, park, unpark
from portal.services.tasks.opening import CHUNK, open_for, open_one
from portal.services.tasks.ordering import reprioritise, set_value

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
