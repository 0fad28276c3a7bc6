"""The outlines of shapes as signed distances, so that edges are smooth at any size."""

from collections.abc import Callable

import numpy as np


def _hexagon_distance(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    side = np.sqrt(3) / 2
    return np.maximum(np.abs(v), np.abs(u) * side + np.abs(v) / 2) - 0.88


# The shapes of the wider vocabulary alone.
RARE: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "diamond": lambda u, v: (np.abs(u) + np.abs(v) - 1.1) / np.sqrt(2),
    "bar": lambda u, v: np.maximum(np.abs(u) - 1.1, np.abs(v) - 0.36),
    "crescent": lambda u, v: np.maximum(np.hypot(u, v) - 1, 0.85 - np.hypot(u - 0.5, v)),
    "hexagon": _hexagon_distance,
    "dome": lambda u, v: np.maximum(np.hypot(u, v + 0.1) - 1.05, v - 0.3),
}


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
    if shape in RARE:
        return RARE[shape](u, v)
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
