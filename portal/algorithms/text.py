"""Captions as tokens: normal forms, words or characters by script, n-gram counts.

A run of letters without word spaces (Han, Kana, Thai, Lao, Khmer, Burmese) is read character by
character wherever it stands, so a mixed caption needs no language tag; every emoji is a token.
"""

import re
import unicodedata
from collections import Counter
from functools import lru_cache

# Scripts written without spaces between words; Hangul has spaces and is absent.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
# Direction marks, zero-width characters, tatweel and Arabic vowel signs change no meaning here.
_INVISIBLE = re.compile(
    "[\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufe0e\ufe0f\ufeff\u0640\u064b-\u0652"
    "\U0001f3fb-\U0001f3ff]"
)
_APOSTROPHES = "'’ʼ"
_DECIMAL_MARKS = ".,:/"

WORD_ORDERS = (1, 2, 3, 4)
CHARACTER_ORDERS = (1, 2, 3, 4, 5, 6)


def normal(text: str) -> str:
    """Fold compatibility forms, case, invisible marks and white space."""
    folded = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


@lru_cache(maxsize=65_536)
def tokens(text: str) -> tuple[str, ...]:
    """Split a caption into folded words, or characters where its script has no word spaces.

    Punctuation is dropped; a text of nothing else gives no tokens.
    """
    found: list[str] = []
    is_open = False  # whether the last token may still grow
    folded = normal(text)
    for at, character in enumerate(folded):
        kind = unicodedata.category(character)
        if kind[0] == "M" and found:
            found[-1] += character
        elif _stands_alone(character, kind):
            found.append(character)
            is_open = False
        elif kind[0] in "LN" or (is_open and _joins(folded, at)):
            if is_open:
                found[-1] += "'" if character in _APOSTROPHES else character
            else:
                found.append(character)
            is_open = True
        else:
            is_open = False
    return tuple(found)


def spaced(text: str) -> str:
    """Return the caption's tokens joined by spaces, as metrics that split at spaces want it."""
    return " ".join(tokens(text))


def _stands_alone(character: str, kind: str) -> bool:
    """Whether a character is a token by itself: emoji, signs, arrows, letters of such scripts."""
    if kind == "So" or "\u2190" <= character <= "\u21ff":
        return True
    return kind[0] in "LN" and _UNSPACED.match(character) is not None


def _joins(text: str, at: int) -> bool:
    """Whether a mark inside a word belongs to it: don't, 3.5, 1:30."""
    before, after = text[at - 1], text[at + 1 : at + 2]
    if text[at] in _APOSTROPHES:
        return after.isalpha()
    return text[at] in _DECIMAL_MARKS and before.isdigit() and after.isdigit()


def comparison_key(text: str) -> str:
    """The form in which two captions count as the same: tokens only, else the folded text."""
    return " ".join(tokens(text)) or normal(text)


@lru_cache(maxsize=16_384)
def word_grams(text: str) -> Counter[tuple[str, ...]]:
    """Count the token n-grams of orders 1–4; callers must not change the counter."""
    words = tokens(text)
    return Counter(
        words[start : start + order]
        for order in WORD_ORDERS
        for start in range(len(words) - order + 1)
    )


def n_characters(text: str) -> int:
    """How many characters a caption's tokens have."""
    return sum(map(len, tokens(text)))


@lru_cache(maxsize=16_384)
def character_grams(text: str) -> Counter[str]:
    """Count the character n-grams of orders 1–6, spaces left out; callers must not change it."""
    joined = "".join(tokens(text))
    return Counter(
        joined[start : start + order]
        for order in CHARACTER_ORDERS
        for start in range(len(joined) - order + 1)
    )
