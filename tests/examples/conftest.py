"""A small rendered world, made once, and a portal that speaks the API."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from examples.captioner.clips import Clip
from examples.captioner.features import measure
from examples.shapes import drawings, paths, renders, scenes
from tests.examples.portals import FakePortal, running_portal

N_CLIPS, N_SEED_LABELS = 14, 12


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of rendered clips that nobody writes into."""
    folder = tmp_path_factory.mktemp("rendered")
    renders.render(folder, n_clips=N_CLIPS, seed=5, n_seed_labels=N_SEED_LABELS)
    return folder


@pytest.fixture
def folder(rendered: Path, tmp_path: Path) -> Path:
    """A captioner's folder of its own, with the rendered clips in it."""
    return Path(shutil.copytree(rendered, tmp_path / "captioner"))


@pytest.fixture
def portal() -> Iterator[FakePortal]:
    with running_portal() as running:
        yield running


@pytest.fixture(scope="session")
def film() -> Callable[..., Clip]:
    """Draw a scene as a small clip, without a file between."""

    def draw(scene: scenes.Scene, seed: int = 0, every: int = 1) -> Clip:
        rng = np.random.default_rng(seed)
        frames = drawings.draw_frames(scene, drawings.draw_backdrop(rng), rng)
        small = np.ascontiguousarray(frames[::every, ::2, ::2])
        return Clip(small, np.arange(len(small)) * every / paths.FPS)

    return draw


@pytest.fixture(scope="session")
def world(film: Callable[..., Clip]) -> tuple[list[scenes.Scene], np.ndarray]:
    """Two hundred scenes with their features, no two of one video."""
    return shoot(film, 200)


@pytest.fixture(scope="session")
def town(film: Callable[..., Clip]) -> tuple[list[scenes.Scene], np.ndarray]:
    """Sixty of them, where learning well is not the point."""
    return shoot(film, 60)


def shoot(film: Callable[..., Clip], n_scenes: int) -> tuple[list[scenes.Scene], np.ndarray]:
    rng = np.random.default_rng(11)
    drawn = [scenes.draw(rng) for _ in range(n_scenes)]
    return drawn, np.stack([measure(film(scene, seed, 2)) for seed, scene in enumerate(drawn)])
