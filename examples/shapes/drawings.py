"""Scenes drawn as frames: signed distances, so that edges are smooth at any size.

Only the patch around the shape is computed; a frame costs well under a millisecond.
"""

from dataclasses import dataclass

import numpy as np

from examples.shapes.scenes import Scene

WIDTH, HEIGHT, FPS = 320, 240, 12
SHORT_FRAMES, LONG_FRAMES = 24, 36

PAINT = {
    "red": (226, 48, 52),
    "blue": (52, 110, 240),
    "green": (50, 190, 90),
    "yellow": (246, 214, 50),
    "white": (244, 244, 244),
    "purple": (150, 74, 214),
    "orange": (246, 140, 36),
    "pink": (250, 128, 190),
}
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


def draw_backdrop(rng: np.random.Generator) -> np.ndarray:
    """Return a muted, dark, softly lit backdrop; shape (HEIGHT, WIDTH, 3), float in 0–255."""
    corner = rng.uniform(16, 58, size=3)
    tint = rng.uniform(0, 26, size=3)
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    slope = np.cos(angle) * columns / WIDTH + np.sin(angle) * rows / HEIGHT
    slope = (slope - slope.min()) / np.ptp(slope)
    return corner + slope[..., None] * tint


def draw_frames(scene: Scene, backdrop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a scene before its backdrop; shape (frames, HEIGHT, WIDTH, 3), uint8."""
    n_frames = int(rng.choice((SHORT_FRAMES, LONG_FRAMES)))
    path = trace(scene, n_frames, rng)
    paint = np.clip(np.array(PAINT[scene.colour]) + rng.normal(0, 7, size=3), 0, 255)
    tilt = rng.uniform(-0.25, 0.25)
    frames = np.repeat(np.rint(backdrop).astype(np.uint8)[None], n_frames, axis=0)
    for index in range(n_frames):
        if path.visible[index] > 0:
            _stamp(frames[index], backdrop, scene.shape, path, index, paint, tilt)
    return frames


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
    if scene.ending == "disappears":
        visible = np.clip(1 - (np.arange(n_frames) - begin) / 2, 0, 1)
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


def _stamp(
    frame: np.ndarray,
    backdrop: np.ndarray,
    shape: str,
    path: Path,
    index: int,
    paint: np.ndarray,
    tilt: float,
) -> None:
    """Blend the shape into one frame, in place."""
    x, y, radius = path.x[index], path.y[index], path.radius[index]
    reach = int(radius * 1.25) + 3
    left, right = max(int(x) - reach, 0), min(int(x) + reach, WIDTH)
    top, bottom = max(int(y) - reach, 0), min(int(y) + reach, HEIGHT)
    if left >= right or top >= bottom:
        return
    across = (np.arange(left, right) + 0.5 - x)[None, :]
    down = (np.arange(top, bottom) + 0.5 - y)[:, None]
    u = (np.cos(tilt) * across + np.sin(tilt) * down) / radius
    v = (np.cos(tilt) * down - np.sin(tilt) * across) / radius
    distance = signed_distance(shape, u, v) * radius
    alpha = (np.clip(0.5 - distance, 0, 1) * path.visible[index])[..., None]
    shade = 1 - 0.16 * np.clip((v + u) * 0.6, -1, 1)
    behind = backdrop[top:bottom, left:right]
    blended = behind + alpha * (np.clip(paint * shade[..., None], 0, 255) - behind)
    frame[top:bottom, left:right] = np.rint(blended)


def signed_distance(shape: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the distance to a shape of radius 1 at (u, v), negative inside; v points down."""
    if shape == "circle":
        return np.hypot(u, v) - 1.0
    if shape == "ring":
        return np.abs(np.hypot(u, v) - 0.78) - 0.24
    if shape == "square":
        return np.maximum(np.abs(u), np.abs(v)) - 0.86
    if shape == "cross":
        bar, length = 0.32, 1.05
        upright = np.maximum(np.abs(u) - bar, np.abs(v) - length)
        return np.minimum(upright, np.maximum(np.abs(u) - length, np.abs(v) - bar))
    if shape == "triangle":
        side = np.sqrt(3) / 2
        return np.maximum(np.abs(u) * side - v * 0.5 - 0.58, v - 0.62)
    if shape == "star":
        return _star_distance(u, v)
    raise ValueError(f"No shape is called {shape!r}.")


def _star_distance(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the distance to a five-pointed star, folded into one half of one of its arms."""
    angle = np.arctan2(u, -v)
    sector = 2 * np.pi / 5
    folded = np.abs((angle + sector / 2) % sector - sector / 2)
    length = np.hypot(u, v)
    along, aside = length * np.cos(folded), length * np.sin(folded)
    # The arm's edge runs from the tip (1.12, 0) to the notch at radius 0.46 and half a sector.
    tip, notch = 1.12, 0.46
    edge = np.array([notch * np.cos(sector / 2) - tip, notch * np.sin(sector / 2)])
    normal = np.array([edge[1], -edge[0]]) / np.hypot(*edge)
    return (along - tip) * normal[0] + aside * normal[1]
