"""Where a scene's shape is in every frame: its motion, then its ending."""

from dataclasses import dataclass

import numpy as np

from examples.shapes.scenes import Scene

WIDTH, HEIGHT, FPS = 320, 240, 12
RADIUS = {"small": 19.0, "large": 37.0}
PIXELS_PER_FRAME = {"slowly": 2.6, "quickly": 5.6}
TURNS_PER_SECOND = {"slowly": 0.45, "quickly": 1.1}
ENDING_BEGINS = 0.68  # the share of the clip after which its ending happens


@dataclass(frozen=True)
class Path:
    """Where the shape is and how large, frame by frame; visible is an alpha in [0, 1]."""

    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray
    visible: np.ndarray


def trace(scene: Scene, n_frames: int, rng: np.random.Generator) -> Path:
    """Return the path of a scene's shape: its motion, then its ending."""
    begin = round(ENDING_BEGINS * n_frames)
    clock = np.arange(n_frames, dtype=float)
    if scene.ending == "stops":
        clock = np.minimum(clock, begin)
    radius = np.full(n_frames, RADIUS[scene.size] * rng.uniform(0.9, 1.1))
    x, y, swell = _move(scene, clock, radius[0], rng)
    radius = radius * swell
    visible = np.ones(n_frames)
    after = np.clip((np.arange(n_frames) - begin) / max(n_frames - begin - 1, 1), 0, 1)
    if scene.ending == "grows":
        radius = radius * (1 + 0.8 * after)
    if scene.ending == "shrinks":
        radius = radius * (1 - 0.5 * after)
    if scene.ending == "disappears":
        visible = np.clip(1 - (np.arange(n_frames) - begin) / 2, 0, 1)
    if scene.ending == "blinks":
        since = np.maximum(np.arange(n_frames) - begin, -1)
        visible = (since // 2 % 2).astype(float)
    return Path(x=x, y=y, radius=radius, visible=visible)


def _move(
    scene: Scene, clock: np.ndarray, radius: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x, y and the factor on the radius over time, kept inside the frame."""
    pace = PIXELS_PER_FRAME[scene.speed] * rng.uniform(0.88, 1.12)
    travelled = pace * clock
    turns = 2 * np.pi * TURNS_PER_SECOND[scene.speed] * rng.uniform(0.9, 1.1) * clock / FPS
    still, ones = np.zeros_like(clock), np.ones_like(clock)
    swing = np.abs(np.sin(turns / 2 + 0.4))
    sway = 2 * np.abs((turns / (2 * np.pi) * 1.6) % 2 - 1) - 1
    widening = 16 + 48 * clock / clock.max()
    heading = rng.choice((-1.0, 1.0))
    dx, dy, swell = {
        "moves left": (-travelled, still, ones),
        "moves right": (travelled, still, ones),
        "moves up": (still, -0.8 * travelled, ones),
        "moves down": (still, 0.8 * travelled, ones),
        "bounces": (still, -95 * swing, ones),
        "zigzags": (heading * 0.7 * travelled, 34 * sway, ones),
        "circles around": (52 * np.cos(turns), heading * 52 * np.sin(turns), ones),
        "pulses": (still, still, 1 + 0.32 * np.sin(turns * 1.3)),
        "swings": (80 * np.sin(turns), -30 * np.sin(turns) ** 2, ones),
        "spirals": (widening * np.cos(turns), heading * widening * np.sin(turns), ones),
    }[scene.motion]
    return (
        _inside(dx, radius, WIDTH, rng),
        _inside(dy, radius, HEIGHT, rng),
        swell,
    )


def _inside(offset: np.ndarray, radius: float, extent: int, rng: np.random.Generator) -> np.ndarray:
    """Shift a track so that it stays in the frame, and centre it where there is no room."""
    lowest = radius + 4 - offset.min()
    highest = extent - radius - 4 - offset.max()
    if highest <= lowest:
        return offset + (lowest + highest) / 2
    middle, half = (lowest + highest) / 2, (highest - lowest) / 2
    return offset + middle + rng.uniform(-0.8, 0.8) * half
