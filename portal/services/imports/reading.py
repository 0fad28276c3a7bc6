"""A file looked through once before anything of it is stored.

What cannot be understood at all is refused here, and so is what somebody would have to guess: who
wrote texts without an author, whose version said them, whether a score is good or bad.
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from portal.adapters.formats import FORMATS, Entry, Guess, Record, Source
from portal.errors import InvalidInput, MediaRefused
from portal.models.formats import FileFormat
from portal.models.imports import ImportKind
from portal.services.imports.options import Options

HEAD_BYTES = 512
_FOREIGN = (
    (re.compile(rb"\x80[\x02-\x05]"), "a pickle"),
    (re.compile(rb"\s*<\?xml|\s*<[A-Za-z!]"), "XML or HTML"),
    (re.compile(rb"\s*(?:---|%YAML)"), "YAML"),
)


def entries_of(source: Source, format_name: str, name: str, options: Options) -> Iterator[Entry]:
    """Read the file from its beginning."""
    source.seek(0)
    read: Any = FORMATS[format_name].read
    if format_name == FileFormat.LABELSTUDIO:
        read = partial(read, prefixes=options.prefixes)
    elif format_name in (FileFormat.WEBVTT, FileFormat.SRT):
        read = partial(read, name=name)
    found: Iterator[Entry] = read(source)
    return found


def look_through(
    source: Source, format_name: str, name: str, kind: str, options: Options
) -> tuple[int, list[str]]:
    """Return how many entries the file has, and what is to be warned of.

    Raises InvalidInput (with the place) for a file that is broken or leaves something to be
    guessed, MediaRefused for another kind of file.
    """
    _refuse_foreign(source)
    look, n = _Look(kind, options), 0
    for entry in entries_of(source, format_name, name, options):
        n += 1
        if entry.record is not None:
            look.at(entry.record, entry.place)
    if not n:
        raise InvalidInput.on("file", "The file holds no captions.", "empty")
    return n, look.warnings()


def _refuse_foreign(source: Source) -> None:
    source.seek(0)
    head = source.read(HEAD_BYTES)
    for shape, what in _FOREIGN:
        if shape.match(head):
            raise MediaRefused.on("file", f"The file is {what}; no captions are read from that.")


class _Look:
    """What a file leaves open, and what looks odd."""

    def __init__(self, kind: str, options: Options) -> None:
        self._kind, self._options = kind, options
        self._scores: set[float] = set()
        self._n_scores = self._n_outside = 0

    def at(self, record: Record, place: str) -> None:
        """Look at one record; raise InvalidInput where something has to be said first."""
        if self._kind == ImportKind.ANNOTATIONS and not self._options.author:
            authors = [caption.author for caption in record.captions]
            if not all(authors) or (not authors and record.texts()):
                raise InvalidInput.on(
                    "author",
                    f"{place}: a text without an author. Give author to take such texts as that "
                    "person's, or take the file as references.",
                    "required",
                )
        if self._kind == ImportKind.PREDICTIONS:
            self._look_at_guesses(record, place)

    def _look_at_guesses(self, record: Record, place: str) -> None:
        guesses = record.predictions or [Guess("")]
        if not self._options.model_version and not all(guess.version for guess in guesses):
            raise InvalidInput.on(
                "model_version",
                f"{place}: a text without a model version. Give model_version to take such texts "
                "as that version's.",
                "required",
            )
        for guess in guesses:
            if guess.score is not None:
                self._look_at_score(guess.score, place)

    def _look_at_score(self, score: float, place: str) -> None:
        if not self._options.score:
            raise InvalidInput.on(
                "score",
                f"{place}: predictions carry a score, and the file does not say what it means. "
                "Say whether score is confidence (high is sure) or uncertainty (high is unsure).",
                "required",
            )
        self._n_scores += 1
        self._n_outside += not 0 <= score <= 1
        if len(self._scores) < 2:
            self._scores.add(score)

    def warnings(self) -> list[str]:
        """Say what looks odd in sentences."""
        found = []
        if self._n_outside:
            found.append(
                f"{self._n_outside} of {self._n_scores} scores are outside 0–1. They are left out, "
                "not clipped: those predictions count as of unknown uncertainty."
            )
        if self._n_scores > 1 and len(self._scores) == 1:
            found.append(
                f"All {self._n_scores} scores are {next(iter(self._scores)):g}: they put nothing "
                "in order. Is this a default instead of the model's own?"
            )
        return found
