"""The world that the loop is measured in: clips that are drawn, encoded, decoded and measured.

It has the demo's slots with more values in each (`scenes.WIDE_OPTIONS`), at 160 × 120 pixels. How
many more was chosen by how quickly a captioner learns from labels in random order, so that it is
about as slow as in the world that the figures' bounds were measured in.
"""

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from examples.captioner import clips
from examples.captioner.features import measure
from examples.captioner.pictures import Place
from examples.shapes import drawings, files, scenes
from examples.shapes.scenes import Scene

POOL, TEST, FIRST = 1584, 400, 40
GROUP_SIZES, GROUP_WEIGHTS = (1, 2, 4, 10), (0.4, 0.3, 0.2, 0.1)
SHRINK = 2
NOISE = 0.05  # how often a person is wrong


@dataclass(frozen=True)
class Clip:
    """One clip: where it is, what is to be seen of it, what a careful person says."""

    place: Place
    features: NDArray[np.float64]
    caption: str


@dataclass(frozen=True)
class World:
    """One seed's clips: those that may be labelled, and those of other videos for the test."""

    pool: list[Clip]
    test: list[Clip]
    said: list[str]  # what the person writes about each clip of the pool, mistakes included
    first: list[int]  # the labels that every captioner begins with


def shoot(n_clips: int, seed: int) -> list[list[Clip]]:
    """Draw, encode, decode and measure videos of near-duplicate clips, on all cores."""
    rng = np.random.default_rng(seed)
    drawn = scenes.draw_videos(n_clips, GROUP_SIZES, GROUP_WEIGHTS, rng, scenes.WIDE_OPTIONS)
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        return list(pool.map(partial(_take, seed), range(len(drawn)), drawn, chunksize=16))


def _take(seed: int, number: int, video: Sequence[Scene]) -> list[Clip]:
    """Film one video; its clips lie ten seconds apart."""
    rng = np.random.default_rng((seed, number))
    backdrop = drawings.draw_backdrop(rng)
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        for part, scene in enumerate(video):
            files.encode(_small(drawings.draw_frames(scene, backdrop, rng)), path)
            place = Place(f"video-{number:04d}", 10.0 * part, 10.0 * part + 10.0)
            taken.append(Clip(place, measure(clips.decode(path)), scene.caption()))
    return taken


def _small(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shrink frames (n, height, width, 3) to half by the mean of their pixels."""
    n, height, width, _ = frames.shape
    blocks = frames.reshape(n, height // SHRINK, SHRINK, width // SHRINK, SHRINK, 3)
    return np.rint(blocks.mean(axis=(2, 4))).astype(np.uint8)


def world_of(videos: Sequence[Sequence[Clip]], seed: int) -> World:
    """Split by video, draw the first labels and the person's mistakes."""
    rng = np.random.default_rng(1_000 + seed)
    kept: tuple[list[Clip], list[Clip]] = ([], [])
    for number in rng.permutation(len(videos)):
        is_pool = len(kept[1]) >= TEST
        kept[0 if is_pool else 1].extend(videos[number])
    pool, test = kept[0][:POOL], kept[1][:TEST]
    said = [clip.caption for clip in pool]
    for place in np.flatnonzero(rng.random(len(pool)) < NOISE):
        said[place] = pool[int(rng.integers(len(pool)))].caption
    return World(pool, test, said, rng.choice(len(pool), FIRST, replace=False).tolist())
