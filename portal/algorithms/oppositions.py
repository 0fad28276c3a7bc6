"""Where two captions that sound alike contradict each other: left against right, two against three.

Sentence vectors and n-grams give such captions a high similarity, because they differ in one word
only. What tells them apart is the slot: parallel captions whose differing words exclude each other.
"""

from collections.abc import Sequence
from functools import lru_cache

from rapidfuzz.distance import Levenshtein

from portal.algorithms.opposites import FUNCTION_WORDS, NEGATIONS, exclude
from portal.algorithms.text import tokens

PARALLEL = 0.5  # share of the words that must stand in both captions, in order
UNKNOWN_SLOT = 0.15  # exchanged content words about which nothing is known
SWAPPED_ROLES = 0.6  # "a dog chases a cat" against "a cat chases a dog"
_LISTING = frozenset({"and", "or", "with", ","})


@lru_cache(maxsize=65_536)
def opposition(left: str, right: str) -> float:
    """How surely two captions exclude each other, in [0, 1]; symmetric.

    1 where parallel captions fill one slot with opposites, different numbers or a negation;
    0 where they are not parallel at all, for then similarity itself is low.
    """
    a, b = sorted((tokens(left), tokens(right)))
    if a == b or not a or not b:
        return 0.0
    edits = Levenshtein.opcodes(a, b)
    kept = sum(edit.src_end - edit.src_start for edit in edits if edit.tag == "equal")
    frame = 2 * kept / (len(a) + len(b))
    if frame < PARALLEL and len(a) > 2 < len(b):
        return _stray_opposition(a, b)
    slots = [
        (a[edit.src_start : edit.src_end], b[edit.dest_start : edit.dest_end])
        for edit in edits
        if edit.tag != "equal"
    ]
    if _swaps_roles(a, b, slots):
        return SWAPPED_ROLES
    return max((_slot_opposition(x, y) for x, y in slots), default=0.0)


def _slot_opposition(x: Sequence[str], y: Sequence[str]) -> float:
    """The opposition of what two captions put into one slot; either may be empty."""
    if bool(NEGATIONS & set(x)) != bool(NEGATIONS & set(y)):
        return 1.0
    content_x = [word for word in x if word not in FUNCTION_WORDS]
    content_y = [word for word in y if word not in FUNCTION_WORDS]
    if any(exclude(p, q) for p in x for q in y):
        return 1.0
    return UNKNOWN_SLOT if content_x and content_y else 0.0


def _stray_opposition(a: Sequence[str], b: Sequence[str]) -> float:
    """Opposites in captions that are built differently: half a contradiction where unambiguous."""
    only_a, only_b = set(a) - set(b), set(b) - set(a)
    shared = len(set(a) & set(b) - FUNCTION_WORDS)
    clash = any(exclude(p, q) for p in only_a for q in only_b)
    return 0.5 if clash and shared >= 2 else 0.0


def _swaps_roles(
    a: Sequence[str], b: Sequence[str], slots: Sequence[tuple[Sequence[str], Sequence[str]]]
) -> bool:
    """Whether the same words stand in both, two of them exchanged and not merely listed."""
    if sorted(a) != sorted(b) or not 1 < len(slots) <= 3:
        return False
    moved = {word for x, y in slots for word in (*x, *y)} - FUNCTION_WORDS
    if len(moved) != 2:
        return False
    first, last = sorted(a.index(word) for word in moved)
    between = [word for word in a[first + 1 : last] if word not in FUNCTION_WORDS - _LISTING]
    return bool(between) and not set(between) <= _LISTING
