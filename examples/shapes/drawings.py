"""Scenes drawn as frames, each shape before a softly lit backdrop.

Only the patch around the shape is computed; a frame costs well under a millisecond.
"""

import numpy as np

from examples.shapes.outlines import signed_distance
from examples.shapes.paths import HEIGHT, WIDTH, Path, trace
from examples.shapes.scenes import Scene

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
    "teal": (20, 160, 150),
    "lime": (178, 238, 60),
}


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
