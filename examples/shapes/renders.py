"""A folder of rendered clips with their catalogue, the seed labels and the truth.

catalogue.jsonl   what there is to see: no captions; the captioner reads it
seed.jsonl        the few captions that the first model starts from; their videos never reach the
                  portal, so that nothing evaluated there was ever trained on
truth.jsonl       what really happens in each clip; only the simulated crowd reads it

A video holds one or several near-duplicate clips, one after the other, each a segment of it: a
portal that splits by video then never has one of them in training and its twin in evaluation.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from examples.shapes import drawings, files, paths, scenes, wordings
from examples.shapes.scenes import Scene

GROUP_SIZES, GROUP_WEIGHTS = (1, 2, 4), (0.7, 0.2, 0.1)
SEED_LABELS = 40
POOL, SEED = 0, 1  # two streams of random numbers, so that more clips leave the seed labels alone

Progress = Callable[[int, int], None]
Row = dict[str, object]


@dataclass(frozen=True)
class _Job:
    """One video to render, all that a worker process needs to know."""

    folder: Path
    video_id: str
    scenes: tuple[Scene, ...]
    entropy: tuple[int, ...]


def render(
    folder: Path,
    *,
    n_clips: int,
    seed: int,
    n_seed_labels: int = SEED_LABELS,
    workers: int | None = None,
    progress: Progress = lambda done, of: None,
) -> list[Row]:
    """Render clips into a folder and return their catalogue; the same seed gives the same clips."""
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    jobs = [
        *_jobs(folder, "clip", n_clips, (seed, POOL)),
        *_jobs(folder, "seed", n_seed_labels, (seed, SEED)),
    ]
    rendered: list[list[Row]] = []
    n_workers = workers or os.cpu_count() or 1
    with ProcessPoolExecutor(n_workers, mp_context=get_context("spawn")) as pool:
        for rows in pool.map(_render_video, jobs, chunksize=4):
            rendered.append(rows)
            progress(len(rendered), len(jobs))
    rows = [row for rows in rendered for row in rows]
    _write(folder, rows)
    return [_without_truth(row) for row in rows]


def _jobs(folder: Path, name: str, n_clips: int, entropy: tuple[int, ...]) -> list[_Job]:
    rng = np.random.default_rng(entropy)
    videos = scenes.draw_videos(n_clips, GROUP_SIZES, GROUP_WEIGHTS, rng)
    return [
        _Job(folder, f"{name}-{number:04d}", tuple(video), (*entropy, number))
        for number, video in enumerate(videos, start=1)
    ]


def _render_video(job: _Job) -> list[Row]:
    """Draw and encode one video; return a row for each clip in it."""
    rng = np.random.default_rng(job.entropy)
    backdrop = drawings.draw_backdrop(rng)
    takes = [drawings.draw_frames(scene, backdrop, rng) for scene in job.scenes]
    path = job.folder / "clips" / f"{job.video_id}.mp4"
    files.encode(np.concatenate(takes), path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    edges = np.cumsum([0, *(len(take) for take in takes)]) / paths.FPS
    whole = len(takes) == 1
    tags = ["long" if len(takes[0]) == drawings.LONG_FRAMES else "short"]
    return [
        {
            "video_id": job.video_id,
            "file": f"clips/{path.name}",
            "sha256": sha256,
            "start": None if whole else float(edges[number]),
            "end": None if whole else float(edges[number + 1]),
            "role": job.video_id.partition("-")[0],
            "tags": tags,
            "slots": scene.slots(),
            "caption": scene.caption(),
            "paraphrases": wordings.paraphrases(scene),
        }
        for number, scene in enumerate(job.scenes)
    ]


def _write(folder: Path, rows: Sequence[Row]) -> None:
    place = ("video_id", "start", "end")
    labels = [{key: row[key] for key in (*place, "caption")} for row in rows if _is_seed(row)]
    truth = (*place, "slots", "caption", "paraphrases")
    write_lines(folder / "seed.jsonl", labels)
    write_lines(folder / "truth.jsonl", ({key: row[key] for key in truth} for row in rows))
    # The catalogue comes last: where it is, the folder is complete.
    write_lines(folder / "catalogue.jsonl", (_without_truth(row) for row in rows))


def _is_seed(row: Row) -> bool:
    return row["role"] == "seed"


def _without_truth(row: Row) -> Row:
    hidden = ("slots", "caption", "paraphrases")
    return {key: value for key, value in row.items() if key not in hidden}


def write_lines(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as JSON Lines, all or nothing."""
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    partial.replace(path)
