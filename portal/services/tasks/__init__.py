"""Tasks open, are put in order, go to experts, and are set aside; consensus closes them.

reading (what predictions say) · ordering (the one key) · vectors (what stands for a clip) ·
crowding (what tasks resemble) → opening (from predictions) · requesting (by REST) · handling
(escalate, park) · golds (by promotion, from a file) · stocks (how much gold is left) · neighbours
(what a consensus changes nearby) · repricing (whole queues) · doubts (what uncertainty has meant).
"""

from portal.services.tasks.doubts import Doubts, doubts
from portal.services.tasks.golds import Imported, accepted_answers, import_gold, make_gold
from portal.services.tasks.handling import escalate, park, unpark
from portal.services.tasks.neighbours import feel
from portal.services.tasks.opening import CHUNK, open_for
from portal.services.tasks.ordering import reprioritise
from portal.services.tasks.repricing import reconsider, reprice, reprice_all
from portal.services.tasks.requesting import open_one
from portal.services.tasks.stocks import Stock, stock_of
from portal.services.tasks.valuing import MOST_VALUED, set_value, set_values

__all__ = [
    "CHUNK",
    "MOST_VALUED",
    "Doubts",
    "Imported",
    "Stock",
    "accepted_answers",
    "doubts",
    "escalate",
    "feel",
    "import_gold",
    "make_gold",
    "open_for",
    "open_one",
    "park",
    "reconsider",
    "reprice",
    "reprice_all",
    "reprioritise",
    "set_value",
    "set_values",
    "stock_of",
    "unpark",
]
