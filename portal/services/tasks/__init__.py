"""Tasks open, are put in order, go to experts, and are set aside; consensus closes them.

reading (what predictions say) · ordering (the one key) · crowding (what tasks resemble) → opening
(from predictions) · requesting (by REST) · handling (escalate, park) · golds (by promotion, from a
file) · stocks (how much gold is left).
"""

from portal.services.tasks.golds import Imported, accepted_answers, import_gold, make_gold
from portal.services.tasks.handling import escalate, park, unpark
from portal.services.tasks.opening import CHUNK, open_for
from portal.services.tasks.ordering import reprioritise, set_value
from portal.services.tasks.requesting import open_one
from portal.services.tasks.stocks import Stock, stock_of

__all__ = [
    "CHUNK",
    "Imported",
    "Stock",
    "accepted_answers",
    "escalate",
    "import_gold",
    "make_gold",
    "open_for",
    "open_one",
    "park",
    "reprioritise",
    "set_value",
    "stock_of",
    "unpark",
]
