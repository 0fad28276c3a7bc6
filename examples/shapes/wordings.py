"""How people would say it: the same scene in several sentences, and what a sentence claims."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from examples.shapes.scenes import OPTIONS, Scene

SAYINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "size": {"small": ("small", "little", "tiny"), "large": ("large", "big", "huge")},
    "colour": {colour: (colour,) for colour in OPTIONS["colour"]},
    "shape": {
        "circle": ("circle", "disc", "ball"),
        "square": ("square", "box"),
        "triangle": ("triangle",),
        "star": ("star",),
        "cross": ("cross", "plus sign"),
        "ring": ("ring", "hoop"),
    },
    "motion": {
        "moves left": ("moves left", "slides to the left", "goes left"),
        "moves right": ("moves right", "slides to the right", "goes right"),
        "moves up": ("moves up", "rises", "goes up"),
        "moves down": ("moves down", "sinks", "goes down"),
        "bounces": ("bounces", "hops up and down"),
        "zigzags": ("zigzags", "moves in a zigzag"),
        "circles around": ("circles around", "goes round in circles"),
        "pulses": ("pulses", "swells and shrinks"),
    },
    "speed": {"slowly": ("slowly",), "quickly": ("quickly", "fast")},
    "ending": {
        "": ("",),
        "stops": ("stops", "halts", "comes to a stop"),
        "disappears": ("disappears", "vanishes"),
        "grows": ("grows", "gets bigger"),
    },
}


@dataclass(frozen=True)
class Wording:
    """A habit of speech: a sentence, its joint before the ending, and which synonyms it takes."""

    sentence: str
    joint: str
    synonym: int  # 0 is the guidelines' own word; a slot with fewer takes its last


WORDINGS: tuple[Wording, ...] = (
    Wording("a {size} {colour} {shape} {motion} {speed}", " then {ending}", 0),
    Wording("A {size} {colour} {shape} {motion} {speed}", ", then {ending}", 0),
    Wording("a {size} {colour} {shape} {speed} {motion}", " and then {ending}", 0),
    Wording("the {size} {colour} {shape} {motion} {speed}", " and {ending}", 1),
    Wording("There is a {size} {colour} {shape} that {motion} {speed}", " before it {ending}", 0),
    Wording("{speed}, a {size} {colour} {shape} {motion}", " and finally {ending}", 2),
)


def say(slots: dict[str, str], wording: Wording) -> str:
    """Put a scene's slots into words; slots that are missing are left unsaid."""
    words = {slot: _synonym(slot, slots.get(slot, ""), wording.synonym) for slot in OPTIONS}
    ending = words.pop("ending")
    sentence = wording.sentence.format(**words)
    if ending:
        sentence += wording.joint.format(ending=ending)
    return re.sub(r"\s+", " ", sentence).strip(" ,")


def paraphrases(scene: Scene) -> list[str]:
    """Return the scene in every wording, the guidelines' own first."""
    return [say(scene.slots(), wording) for wording in WORDINGS]


def claims(sentence: str) -> dict[str, str]:
    """Return what a sentence says about each slot, "" where it says nothing.

    The longest saying wins, so that "plus sign" is a cross and "moves in a zigzag" no direction.
    """
    text = f" {re.sub(r'[^a-z ]', ' ', sentence.lower())} "
    text = re.sub(r"\s+", " ", text)
    return {slot: _claim(slot, text) for slot in OPTIONS}


def _claim(slot: str, text: str) -> str:
    found = [
        (len(saying), option)
        for option, sayings in SAYINGS[slot].items()
        for saying in sayings
        if saying and f" {saying} " in text
    ]
    return max(found)[1] if found else ""


def agreement(sentence: str, slots: dict[str, str]) -> float:
    """Return the share of slots that a sentence has right, in [0, 1]."""
    said = claims(sentence)
    return sum(said[slot] == value for slot, value in slots.items()) / len(slots)


def wrong_slots(sentence: str, slots: dict[str, str]) -> Sequence[str]:
    """Return the slots that a sentence has wrong or leaves out, in the world's order."""
    said = claims(sentence)
    return [slot for slot, value in slots.items() if said[slot] != value]


def _synonym(slot: str, option: str, number: int) -> str:
    if not option:
        return ""
    sayings = SAYINGS[slot][option]
    return sayings[min(number, len(sayings) - 1)]
