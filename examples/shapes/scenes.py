"""What happens in a clip: the little world's slots, how often each occurs, and its caption.

A scene is the truth about a clip. The renderer draws it, the simulated crowd describes it, and
the model sees neither: it gets pixels and other people's words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace

import numpy as np

SIZES = ("small", "large")
COLOURS = ("red", "blue", "green", "yellow", "white", "purple", "orange", "pink")
SHAPES = ("circle", "square", "triangle", "star", "cross", "ring")
MOTIONS = (
    "moves left",
    "moves right",
    "moves up",
    "moves down",
    "bounces",
    "zigzags",
    "circles around",
    "pulses",
)
SPEEDS = ("slowly", "quickly")
ENDINGS = ("", "stops", "disappears", "grows")

Options = Mapping[str, tuple[str, ...]]

OPTIONS: Options = {
    "size": SIZES,
    "colour": COLOURS,
    "shape": SHAPES,
    "motion": MOTIONS,
    "speed": SPEEDS,
    "ending": ENDINGS,
}
# The wider vocabulary of a harder world, for measuring: what is added comes after, so it is rare.
MORE: Options = {
    "size": (),
    "colour": ("teal", "lime"),
    "shape": ("diamond", "bar", "crescent", "hexagon", "dome"),
    "motion": ("swings", "spirals"),
    "speed": (),
    "ending": ("shrinks", "blinks"),
}
WIDE_OPTIONS = {slot: values + MORE[slot] for slot, values in OPTIONS.items()}

ZIPF_EXPONENT = 1.1
SKEWED_SLOTS = frozenset({"colour", "shape", "motion"})
DRIFT = 0.15  # how often a near-duplicate differs from its video in one slot


@dataclass(frozen=True)
class Scene:
    """One clip's truth: a value for each slot of OPTIONS."""

    size: str
    colour: str
    shape: str
    motion: str
    speed: str
    ending: str

    def caption(self) -> str:
        """Return the sentence that the guidelines ask for."""
        ending = f" then {self.ending}" if self.ending else ""
        return f"a {self.size} {self.colour} {self.shape} {self.motion} {self.speed}{ending}"

    def slots(self) -> dict[str, str]:
        """Return the scene as a mapping from slot to value."""
        return asdict(self)


def option_weights(slot: str, n_options: int) -> np.ndarray:
    """Return how often each option of a slot occurs; shape (options,), sums to 1."""
    exponent = ZIPF_EXPONENT if slot in SKEWED_SLOTS else 0.0
    weights = np.arange(1, n_options + 1, dtype=float) ** -exponent
    return weights / weights.sum()


def draw_option(slot: str, rng: np.random.Generator, options: Options = OPTIONS) -> str:
    """Draw one option of a slot by its frequency."""
    values = options[slot]
    return values[int(rng.choice(len(values), p=option_weights(slot, len(values))))]


def draw(rng: np.random.Generator, options: Options = OPTIONS) -> Scene:
    """Draw a scene, each slot by itself."""
    return Scene(**{field.name: draw_option(field.name, rng, options) for field in fields(Scene)})


def draw_near_duplicate(
    scene: Scene, rng: np.random.Generator, options: Options = OPTIONS
) -> Scene:
    """Return the scene once more, now and then with one slot changed."""
    if rng.random() >= DRIFT:
        return scene
    slot = str(rng.choice(("motion", "speed", "ending")))
    return replace(scene, **{slot: draw_option(slot, rng, options)})


def draw_videos(
    n_clips: int,
    group_sizes: Sequence[int],
    group_weights: Sequence[float],
    rng: np.random.Generator,
    options: Options = OPTIONS,
) -> list[list[Scene]]:
    """Draw videos of near-duplicate clips until there are exactly n_clips clips."""
    videos: list[list[Scene]] = []
    missing = n_clips
    while missing > 0:
        size = min(missing, int(rng.choice(group_sizes, p=group_weights)))
        first = draw(rng, options)
        videos.append([first, *(draw_near_duplicate(first, rng, options) for _ in range(size - 1))])
        missing -= size
    return videos
