"""What a caption may be: one rule for people's and models' words, before a row is written."""

import re
import unicodedata

from portal.errors import CaptionBlank, InvalidInput

MAX_CHARACTERS = 5000
MAX_MARKS = 8
OVERRIDES = re.compile("[\u202a-\u202e]")
ISOLATES = re.compile("[\u2066-\u2069\u200e\u200f\u061c]")
FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
# Letters by their category that show nothing: Hangul fillers and the empty Braille cell.
INVISIBLE = {"\u115f", "\u1160", "\u3164", "\uffa0", "\u2800", "\u034f"}


def clean_caption(text: object, field: str = "caption") -> str:
    """Return the caption as it is stored: NFC, LF line ends, no directional controls, trimmed.

    Raises CaptionBlank where nothing is visible and InvalidInput for text that cannot be shown
    safely (control characters, direction overrides, stacked marks) or is too long.
    """
    if not isinstance(text, str):
        raise InvalidInput.on(field, f"{field} must be text.", "not_text")
    if text.isascii() and text.isprintable() and len(text) <= MAX_CHARACTERS and text.strip():
        return text.strip()  # nothing of what is looked for below can be in it
    if len(text) > MAX_CHARACTERS * 2:
        raise _too_long(field)
    if FORBIDDEN.search(text.replace("\r", "")):
        raise InvalidInput.on(field, f"{field} holds control characters.", "control_characters")
    if OVERRIDES.search(text):
        raise InvalidInput.on(
            field, f"{field} holds characters that override the writing direction.", "bidi_override"
        )
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = unicodedata.normalize("NFC", ISOLATES.sub("", text)).strip()
    if not any(_is_visible(character) for character in text):
        raise CaptionBlank.on(
            field, f"{field} has no visible text; write a few words.", "caption_blank"
        )
    if len(text) > MAX_CHARACTERS:
        raise _too_long(field)
    if _stacks_marks(text):
        raise InvalidInput.on(field, f"{field} stacks marks on one letter.", "stacked_marks")
    return text


def _too_long(field: str) -> InvalidInput:
    return InvalidInput.on(
        field, f"{field} is longer than {MAX_CHARACTERS} characters.", "too_long"
    )


def _is_visible(character: str) -> bool:
    return unicodedata.category(character)[0] not in "ZC" and character not in INVISIBLE


def _stacks_marks(text: str) -> bool:
    run = 0
    for character in text:
        run = run + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if run > MAX_MARKS:
            return True
    return False
