"""Captions as word numbers: people write freely, so the vocabulary comes from what they wrote."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PADDING, END, UNKNOWN = 0, 1, 2
SPECIAL = ("<s>", "</s>", "<unk>")
LONGEST_CAPTION = 24  # words; what comes after is not learned
LARGEST_VOCABULARY = 400

# A run of letters, digits and marks; scripts that write without spaces go by the character.
_UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])\w)+(?:['’](?:(?![{_UNSPACED}])\w)+)*")


def split(caption: str) -> list[str]:
    """Split a caption into comparable words: NFKC, lower case, no punctuation."""
    return _WORD.findall(unicodedata.normalize("NFKC", caption).casefold())


@dataclass(frozen=True)
class Vocabulary:
    """Words and their numbers; the first three are SPECIAL."""

    words: tuple[str, ...]

    @classmethod
    def of(cls, captions: Iterable[str]) -> "Vocabulary":
        """Collect the words of captions, the most frequent first, ties by the alphabet."""
        counts = Counter(word for caption in captions for word in split(caption))
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        return cls(SPECIAL + tuple(ranked[: LARGEST_VOCABULARY - len(SPECIAL)]))

    def encode(self, caption: str) -> list[int]:
        """Return a caption's word numbers, closed by END; a strange word is UNKNOWN."""
        numbers = {word: number for number, word in enumerate(self.words)}
        known = [numbers.get(word, UNKNOWN) for word in split(caption)[:LONGEST_CAPTION]]
        return [*known, END]

    def decode(self, numbers: Sequence[int]) -> list[str]:
        """Return the words of word numbers, the special ones left out."""
        return [self.words[number] for number in numbers if number > UNKNOWN]


def join(words: Sequence[str]) -> str:
    """Write words as one line, without spaces between characters of unspaced scripts."""
    line = " ".join(words)
    return re.sub(rf"(?<=[{_UNSPACED}]) (?=[{_UNSPACED}])", "", line)
