"""Prediction rows out of a bulk body, typed at once where that is safe, else by the strict reader.

The fast decoder is lenient where the strict one refuses: keys given twice, NUL and half characters
behind escapes, integers of 64 bits. A row in which any of that could be is read strictly, so both
ways give the same answer.
"""

from typing import Any

import msgspec

from portal.api.json import INTEGER_LIMIT
from portal.api.parsers import BulkJSONParser, NDJSONParser
from portal.services.predictions import PredictionItem

_decode = msgspec.json.Decoder(PredictionItem).decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode

KEYS = tuple(f'"{name}"'.encode() for name in PredictionItem.__struct_fields__)
LARGEST = float(INTEGER_LIMIT)


def typed(raw: bytes) -> PredictionItem | None:
    """Return the row that these bytes surely are; None where the strict reader has to say."""
    if b"\\u" in raw:
        return None
    try:
        item = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None if _may_repeat_keys(raw, item) or _may_be_large(item) else item


def elements(body: bytes) -> list[PredictionItem] | None:
    """Return the rows of a JSON array; None where any of them has to be read strictly."""
    try:
        parts = _split(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    items = []
    for part in parts:
        item = typed(bytes(part))
        if item is None:
            return None
        items.append(item)
    return items


class PredictionLines(NDJSONParser):
    """NDJSON of predictions."""

    quick = staticmethod(typed)


class PredictionArray(BulkJSONParser):
    """A JSON array of predictions (or one of them)."""

    def decode(self, raw: bytes) -> Any:
        """Return typed rows where all are surely sound, else what the strict reader says."""
        items = elements(raw) if raw.count(b",") < self.max_values else None
        return super().decode(raw) if items is None else items


def _may_repeat_keys(raw: bytes, item: PredictionItem) -> bool:
    """Whether a key could be there twice: its quoted name is, in a key or in a value."""
    if any(raw.count(key) > 1 for key in KEYS):
        return True
    tokens, candidates = item.tokens or (), item.candidates or ()
    n_logprobs = sum(token.logprob is not None for token in tokens) + len(candidates)
    n_entropies = sum(token.entropy is not None for token in tokens)
    return (
        raw.count(b'"t"') > len(tokens)
        or raw.count(b'"text"') > len(candidates)
        or raw.count(b'"logprob"') > n_logprobs
        or raw.count(b'"entropy"') > n_entropies
    )


def _may_be_large(item: PredictionItem) -> bool:
    """Whether an integer of 64 bits could have become one of the unbounded numbers."""
    numbers = [*(item.embedding or ())]
    for token in item.tokens or ():
        numbers += [token.logprob or 0.0, token.entropy or 0.0]
    numbers += [candidate.logprob for candidate in item.candidates or ()]
    return any(not -LARGEST < number < LARGEST for number in numbers)
