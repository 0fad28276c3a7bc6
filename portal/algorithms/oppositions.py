"""Where two captions that sound alike contradict each other: left against right, two against three.

Sentence vectors and n-grams give such captions a high similarity, because they differ in one word
only. What tells them apart is the slot: parallel captions whose differing words exclude each other.
"""

from collections.abc import Sequence
from functools import lru_cache

from rapidfuzz.distance import Levenshtein

from portal.algorithms.opposites import FUNCTION_WORDS, NEGATIONS, exclude, is_marked
from portal.algorithms.text import tokens

Slot = tuple[Sequence[str], Sequence[str]]

PARALLEL = 0.6  # share of the words that must stand in both captions, in order
SWAPPED_ROLES = 0.6  # "a dog chases a cat" against "a cat chases a dog"
STRAY = 0.5  # opposites in captions that are built differently
STRAY_SHARED = 2  # content words that such captions must have in common
STEM = 4  # letters by which "works" is the word of "doesn't work"
SYNONYM_COSINE, SYNONYM_SLACK = 0.82, 0.12
_LISTING = frozenset({"and", "or", "with"})


@lru_cache(maxsize=65_536)
def opposition(left: str, right: str) -> float:
    """How surely two captions exclude each other, in [0, 1]; symmetric.

    1 where parallel captions fill one slot with opposites or different numbers, or differ by a
    negation alone; less for exchanged roles and for opposites in captions built differently;
    0 where nothing speaks for a contradiction.
    """
    a, b = sorted((tokens(left), tokens(right)))
    if a == b or not a or not b:
        return 0.0
    if sorted(a) == sorted(b):
        return SWAPPED_ROLES if _swaps_roles(a, b) else 0.0
    if _is_negated(a, b):
        return 1.0
    kept, slots = _align(a, b)
    if kept < PARALLEL:
        return _stray_opposition(left, right)
    marked = _marked(left) | _marked(right)
    if any(exclude(p, q) for x, y in slots for p in marked & set(x) for q in marked & set(y)):
        return 1.0
    return _stray_opposition(left, right)


@lru_cache(maxsize=65_536)
def is_substitution(left: str, right: str) -> bool:
    """Whether parallel captions differ by a content word that stands for another; symmetric.

    Synonyms do so too: what the words are worth must come from elsewhere (`by_meaning`).
    """
    a, b = sorted((tokens(left), tokens(right)))
    if a == b or not a or not b:
        return False
    kept, slots = _align(a, b)
    return kept >= PARALLEL and any(
        set(x) - FUNCTION_WORDS and set(y) - FUNCTION_WORDS for x, y in slots
    )


def by_meaning(cosine: float) -> float:
    """How surely a substitution changes the meaning, from the captions' cosine, in [0, 1].

    Parallel captions keep a cosine above .82 under a synonym and fall under .75 without.
    """
    return min(1.0, max(0.0, (SYNONYM_COSINE - cosine) / SYNONYM_SLACK))


def _align(a: Sequence[str], b: Sequence[str]) -> tuple[float, list[Slot]]:
    """The share of words kept in order, and what stands for what in the replaced places."""
    edits = Levenshtein.opcodes(a, b)
    kept = sum(edit.src_end - edit.src_start for edit in edits if edit.tag == "equal")
    slots = [
        (a[edit.src_start : edit.src_end], b[edit.dest_start : edit.dest_end])
        for edit in edits
        if edit.tag == "replace"
    ]
    return 2 * kept / (len(a) + len(b)), slots


@lru_cache(maxsize=16_384)
def _marked(text: str) -> frozenset[str]:
    """The words of a caption that can exclude others."""
    return frozenset(word for word in tokens(text) if is_marked(word))


def _is_negated(a: Sequence[str], b: Sequence[str]) -> bool:
    """Whether two captions say the same but for a negation."""
    if bool(NEGATIONS & set(a)) == bool(NEGATIONS & set(b)):
        return False
    said_a, said_b = ({w[:STEM] for w in set(x) - NEGATIONS - FUNCTION_WORDS} for x in (a, b))
    return bool(said_a) and said_a == said_b


def _stray_opposition(left: str, right: str) -> float:
    """Opposites anywhere in captions that share their subject: half a contradiction."""
    a, b = _marked(left), _marked(right)
    clash = any(exclude(p, q) for p in a - b for q in b - a)
    shared = len((set(tokens(left)) & set(tokens(right))) - FUNCTION_WORDS) if clash else 0
    return STRAY if clash and shared >= STRAY_SHARED else 0.0


def _swaps_roles(a: Sequence[str], b: Sequence[str]) -> bool:
    """Whether captions of the same words exchange two of them that are not merely listed."""
    places = [at for at, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]
    if len(places) != 2 or {a[at] for at in places} & FUNCTION_WORDS:
        return False
    between = set(a[places[0] + 1 : places[1]]) - (FUNCTION_WORDS - _LISTING)
    return bool(between - _LISTING)
