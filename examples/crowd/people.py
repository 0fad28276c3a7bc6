"""Who they are: what each kind of person gets wrong, how they put it and how long they take."""

import zlib
from dataclasses import dataclass

import numpy as np

from examples.shapes import scenes, wordings
from examples.shapes.scenes import OPTIONS

SKIPPED = frozenset({"size", "speed", "ending"})  # a sentence is still one without them
PASTED = "a red circle moves"


@dataclass(frozen=True)
class Kind:
    """A kind of person.

    slip and omission: chance a slot to be said wrong, or not at all. habits: how often each of
    wordings.WORDINGS is used. seconds: the median time a caption takes. reviews: the chance to
    score somebody's caption after writing one; noise: the error of that score.
    """

    slip: float
    omission: float
    habits: tuple[float, ...]
    seconds: float
    reviews: float
    noise: float
    looks: bool = True  # a spammer does not


KINDS = {
    "expert": Kind(0.005, 0.0, (0.74, 0.14, 0.09, 0.03, 0.0, 0.0), 14, 0.8, 0.04),
    "regular": Kind(0.02, 0.01, (0.60, 0.16, 0.12, 0.06, 0.04, 0.02), 18, 0.6, 0.10),
    "careless": Kind(0.09, 0.20, (0.40, 0.10, 0.20, 0.20, 0.05, 0.05), 7, 0.3, 0.25),
    "spammer": Kind(0.0, 0.0, (1.0, 0.0, 0.0, 0.0, 0.0, 0.0), 2, 0.6, 0.0, looks=False),
}


@dataclass(frozen=True)
class Person:
    """One simulated annotator. What they do depends on the seed and the task, not on the order."""

    annotator_id: str
    kind: str
    seed: int

    @property
    def traits(self) -> Kind:
        return KINDS[self.kind]

    def rng(self, task_id: int, act: int) -> np.random.Generator:
        """Return the chance of this person in this task; act tells writing from reviewing."""
        return np.random.default_rng(
            [self.seed, zlib.crc32(self.annotator_id.encode()), task_id, act]
        )

    def describe(self, task_id: int, slots: dict[str, str]) -> tuple[str, float]:
        """Return what the person writes about a clip, and the seconds it took."""
        rng, traits = self.rng(task_id, 0), self.traits
        seconds = round(float(traits.seconds * np.exp(rng.normal(0, 0.35))), 1)
        if not traits.looks:
            return PASTED, seconds
        seen = {slot: _perceive(slot, value, traits, rng) for slot, value in slots.items()}
        wording = wordings.WORDINGS[int(rng.choice(len(wordings.WORDINGS), p=traits.habits))]
        return wordings.say(seen, wording), seconds

    def score(self, task_id: int, caption: str, slots: dict[str, str]) -> tuple[float, str]:
        """Return the score that the person gives another's caption, and why."""
        rng, traits = self.rng(task_id, 1), self.traits
        if not traits.looks:
            return 1.0, "good"
        share = wordings.agreement(caption, slots) + rng.normal(0, traits.noise)
        wrong = wordings.wrong_slots(caption, slots)
        why = f"Check the {' and the '.join(wrong)}." if wrong else "Says all that happens."
        return round(float(np.clip(share, 0, 1)), 2), why


def _perceive(slot: str, value: str, traits: Kind, rng: np.random.Generator) -> str:
    """Return what a person makes of one slot."""
    slipped, omitted = rng.random() < traits.slip, rng.random() < traits.omission
    if omitted and slot in SKIPPED:
        return ""
    if not slipped:
        return value
    # People mistake things for what they are used to seeing.
    others = [option for option in OPTIONS[slot] if option != value]
    usual = scenes.option_weights(slot, len(OPTIONS[slot]))
    weights = np.array([usual[OPTIONS[slot].index(other)] for other in others])
    return others[int(rng.choice(len(others), p=weights / weights.sum()))]
