"""The whole loop through the real API: rows T1 and T2, labels saved against random order.

Run as `python -m benchmarks.loop`. Clips of moving shapes are drawn, encoded, decoded and measured.
For each seed captioners learn from random labels offline, in six orders, and two more learn from
what the portal chose to ask: with all that a prediction can carry (T1), with caption and
uncertainty alone (T2).
The portal is `manage.py portal` in a folder of its own, spoken to over HTTP: predictions in bulk,
work asked for, captions submitted, consensus read, the first random labels included. People's
labels are wrong one time in twenty. The embedding is what a frozen encoder gives: a clip's features
on the scale of all clips, whichever model speaks.
"""

import os
import pickle
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.films import FIRST, Clip, World, shoot, world_of
from benchmarks.portals import running_portal
from benchmarks.rows import Report, options
from examples.captioner import captioners, predictions
from examples.captioner.captioners import Captioner, Label
from examples.captioner.features import N_FEATURES
from examples.captioner.networks import Recipe
from examples.captioner.pictures import Place
from examples.portals import Json, Portal

BATCH, MOST = 40, 400
TRAININGS = 3  # behind each F1 of the portal's order
RANDOM_ORDERS = 6  # each trained once; what one of them happens to need spreads by 5 to 38 labels
CANDIDATES = 700  # clips that each new version says something about
WANTED = 0.86  # token F1 on the test clips
FURTHER = (0.88, 0.90, 0.92)
COMPARED = 240  # random labels whose F1 the portal's order is to reach with fewer
FARTHEST = 4.0  # standard deviations
HARDNESS = (20, 100, 200, 400, 1584)  # random labels after which the world's hardness is told
OTHER_SEEDS = range(100, 103)  # splits that no saving is measured on
PERSON = "labeller"
# As the reference's captioner: nothing holds it back; no clip is without a picture here.
RECIPE = Recipe(batch=512, epochs=240, decay=0.0, noise=0.0, blindfold=0.0)

Curves = dict[str, list[float]]
T = TypeVar("T")


def learn(world: World, labels: Sequence[tuple[int, str]], seed: int) -> tuple[Captioner, float]:
    """Train on labels (clip of the pool, caption); return a model and the F1 on the test.

    The F1 is the mean over trainings that differ in their first parameters alone: what one of them
    happens to reach is not what the labels are worth.
    """
    models = [train(world, labels, seed + 1_000 * number) for number in range(TRAININGS)]
    return models[0], float(np.mean([measured_f1(model, world) for model in models]))


def train(world: World, labels: Sequence[tuple[int, str]], seed: int) -> Captioner:
    """Train one model on labels (clip of the pool, caption)."""
    taught = [Label(world.pool[clip].features, caption) for clip, caption in labels]
    return captioners.train(taught, N_FEATURES, seed=seed, recipe=RECIPE)


def measured_f1(model: Captioner, world: World) -> float:
    """Return the model's mean token F1 on the test clips."""
    found = model.caption([clip.features for clip in world.test])
    pairs = zip(found, world.test, strict=True)
    return float(np.mean([token_f1(each, clip.caption) for each, clip in pairs]))


def token_f1(found: Sequence[object], truth: str) -> float:
    """Return how far the best candidate's words are the truth's, in [0, 1]."""
    said = Counter(getattr(found[0], "caption", "").split() if found else [])
    meant = Counter(truth.split())
    return 2 * sum((said & meant).values()) / max(1, sum(said.values()) + sum(meant.values()))


def at_random(world: World, seed: int, most: int) -> list[float]:
    """Learn from labels in random order: F1 after 40, 80, … labels, the mean over orders.

    Each order begins with the first labels, goes its own way and trains from its own parameters.
    """
    rng = np.random.default_rng(2_000 + seed)
    curves = []
    for number in range(RANDOM_ORDERS):
        rest = [clip for clip in rng.permutation(len(world.pool)) if clip not in set(world.first)]
        labels = [(clip, world.said[clip]) for clip in [*world.first, *rest][:most]]
        models = [
            train(world, labels[:n], seed + 1_000 * number) for n in range(FIRST, most + 1, BATCH)
        ]
        curves.append([measured_f1(model, world) for model in models])
    return [float(f1) for f1 in np.mean(curves, axis=0)]


def by_the_portal(
    world: World, seed: int, most: int, portal: Portal, tell: Callable[[list[Json]], list[Json]]
) -> list[float]:
    """Learn from what the portal asks about: F1 after 40, 80, … labels.

    `tell` says how much of a prediction is posted.
    """
    numbers = {clip.place: number for number, clip in enumerate(world.pool)}
    seen = embeddings(world)
    rng = np.random.default_rng(3_000 + seed)
    post(portal, tell([unpredicted(world, clip) for clip in world.first]), seen, numbers)
    labels = ask(world, portal, numbers)
    reached = []
    for n in range(FIRST, most + 1, BATCH):
        model, f1 = learn(world, labels, seed)
        reached.append(f1)
        if n < most:
            known = {clip for clip, _ in labels}
            unknown = [number for number in range(len(world.pool)) if number not in known]
            left = [world.pool[number] for number in rng.permutation(unknown)[:CANDIDATES]]
            places, features = [clip.place for clip in left], [clip.features for clip in left]
            rows = predictions.predict(model, f"captioner-{n}", places, features, [()] * len(left))
            post(portal, tell(rows), seen, numbers)
            labels += ask(world, portal, numbers)
    return reached


def unpredicted(world: World, clip: int) -> Json:
    """Return what is posted of a clip before there is a model."""
    place = world.pool[clip].place
    return {
        "video_id": place.video_id, "start": place.start, "end": place.end, "caption": "a clip",
        "uncertainty": 1.0, "model_version": "none", "embedding": [],
    }  # fmt: skip


def embeddings(world: World) -> NDArray[np.float64]:
    """Return each clip's features on the scale of all clips, as unit rows."""
    features = np.stack([clip.features for clip in world.pool]).astype(np.float64)
    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(spread > 0.0, spread, np.inf)
    scaled = np.clip(scaled, -FARTHEST, FARTHEST)
    return np.asarray(scaled / np.linalg.norm(scaled, axis=1, keepdims=True))


def post(
    portal: Portal, rows: list[Json], seen: NDArray[np.float64], numbers: dict[Place, int]
) -> None:
    """Post predictions; those that carry an embedding carry the frozen encoder's."""
    for row in rows:
        if "embedding" in row:
            clip = numbers[Place(row["video_id"], row["start"], row["end"])]
            row["embedding"] = np.round(seen[clip], 4).tolist()
    report = portal.post_lines("/predictions/bulk", rows)
    if report["errors"]:
        raise RuntimeError(f"The portal refused predictions: {report['errors'][0]}")


def ask(world: World, portal: Portal, numbers: dict[Place, int]) -> list[tuple[int, str]]:
    """Let the person do a batch of what the portal gives them; return what now stands."""
    labelled = []
    for _ in range(BATCH):
        given = portal.post("/tasks/assign", {"annotator_id": PERSON})
        if given is None:
            raise RuntimeError("The portal has no work left.")
        place = Place(
            given["task"]["video"]["video_id"], given["task"]["start"], given["task"]["end"]
        )
        clip = numbers[place]
        body = {
            "annotator_id": PERSON, "caption": world.said[clip], "lease": given["lease"]["token"],
        }  # fmt: skip
        portal.post(f"/tasks/{given['task_id']}/annotations", body)
        stands = portal.get(f"/tasks/{given['task_id']}/consensus")
        labelled.append((clip, stands["consensus_caption"]))
    return labelled


def everything(rows: list[Json]) -> list[Json]:
    """Post log-probabilities, candidates and the embedding."""
    return rows


def least(rows: list[Json]) -> list[Json]:
    """Post what the smallest integration has."""
    names = ("video_id", "start", "end", "caption", "uncertainty", "model_version")
    return [{name: row[name] for name in names if name in row} for row in rows]


TOLD = {"T1": everything, "T2": least}
CURVES = ("random", *TOLD)


def needed(reached: Sequence[float], wanted: float) -> float:
    """Return the labels at which F1 first is as wanted; beyond the last, drawn on in a line."""
    counts = FIRST + BATCH * np.arange(len(reached), dtype=float)
    rising = np.maximum.accumulate(np.asarray(reached))
    if rising[-1] < wanted:
        slope = max((rising[-1] - rising[-4]) / (3 * BATCH), 1e-5)
        return float(counts[-1] + (wanted - rising[-1]) / slope)
    return float(np.interp(wanted, rising, counts))


def measure(videos: list[list[Clip]], most: int, name: str, seed: int) -> list[float]:
    """Return a seed's curve: in random order, or by a portal that is told what the row says."""
    world = world_of(videos, seed)
    if name == "random":
        found = at_random(world, seed, most)
    else:
        with running_portal() as installation:
            portal = installation.portal_of(name.lower())
            found = by_the_portal(world, seed, most, portal, TOLD[name])
            portal.close()
    told = " ".join(f"{f1:.3f}" for f1 in found)
    print(f"seed {seed}, {name}: {told}", file=sys.stderr, flush=True)
    return found


def tell_savings(report: Report, measured: Sequence[Curves]) -> None:
    """Report what the portal's order saves beside random order, over the seeds."""
    for row, must, aim in (("T1", 0.25, ">= .35"), ("T2", 0.20, ">= .30")):
        saved = savings(measured, row, WANTED)
        report.add(row, f"labels saved to token F1 {WANTED}", saved, least=must, aim=aim)
        if row == "T1" and len(saved) > 1:
            half = 1.96 * np.std(saved, ddof=1) / len(saved) ** 0.5
            report.add(row, "the saving's lower bound", float(np.mean(saved) - half), least=0.15)
        for wanted in within_reach(measured):
            report.add(row, f"labels saved to {wanted:.2f}", savings(measured, row, wanted))
        late = [
            1 - needed(curves[row], curves["random"][COMPARED // BATCH - 1]) / COMPARED
            for curves in measured
        ]
        report.add(row, f"labels saved to the F1 of {COMPARED} random ones", late)
    for wanted in (WANTED, *within_reach(measured)):
        plain = [needed(curves["random"], wanted) for curves in measured]
        report.add("T1", f"labels to token F1 {wanted:.2f}, random order", plain)


def within_reach(measured: Sequence[Curves]) -> list[float]:
    """Return the further F1s that random order reaches with the labels there were."""
    last = np.mean([curves["random"][-1] for curves in measured])
    return [wanted for wanted in FURTHER if last >= wanted]


def savings(measured: Sequence[Curves], row: str, wanted: float) -> list[float]:
    """Return each seed's share of labels that the portal's order saves to a token F1."""
    return [1 - needed(each[row], wanted) / needed(each["random"], wanted) for each in measured]


def tell_curve(report: Report, videos: list[list[Clip]]) -> None:
    """Report how hard the world is: captions exactly right after labels in random order."""
    for n in HARDNESS:
        right = [exactly_right(world_of(videos, seed), n, seed) for seed in OTHER_SEEDS]
        report.add("T1", f"captions exactly right after {n} random labels", right)


def exactly_right(world: World, n_labels: int, seed: int) -> float:
    """Return the share of the test's clips whose caption is the truth, after random labels."""
    order = np.random.default_rng(2_000 + seed).permutation(len(world.pool))[:n_labels]
    model = train(world, [(clip, world.said[clip]) for clip in order], seed)
    found = model.caption([clip.features for clip in world.test])
    hits = [bool(a) and a[0].caption == b.caption for a, b in zip(found, world.test, strict=True)]
    return float(np.mean(hits))


def kept(folder: Path | None, name: str, make: Callable[[], T]) -> T:
    """Return what an earlier run has left in the folder, else make it and leave it there."""
    if folder is None:
        return make()
    path = folder / f"{name}.pickle"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial_path = path.with_suffix(".partial")
        partial_path.write_bytes(pickle.dumps(make()))
        partial_path.replace(path)
    return cast(T, pickle.loads(path.read_bytes()))


def kept_curve(
    folder: Path | None, videos: list[list[Clip]], most: int, name: str, seed: int
) -> list[float]:
    """Measure a curve, or find it where an earlier run has left it."""
    return kept(folder, f"{name}-{most}-{seed}", partial(measure, videos, most, name, seed))


def main() -> int:
    """Measure both rows over the seeds."""
    parser = options(__doc__ or "", seeds=10)
    parser.add_argument("--clips", type=int, default=2_600, help="drawn once, split by each seed")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="curves at a time")
    parser.add_argument("--first-seed", type=int, default=0, help="others than those reported")
    parser.add_argument("--keep", type=Path, help="a folder: go on where an earlier run stopped")
    parser.add_argument("--curves", nargs="+", choices=CURVES, default=CURVES, help="only these")
    parser.add_argument(
        "--labels", type=int, choices=range(COMPARED, MOST + 1, BATCH), default=MOST
    )
    asked = parser.parse_args()
    videos = kept(asked.keep, "videos", partial(shoot, asked.clips, seed=0))
    report = Report()
    seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
    with ProcessPoolExecutor(asked.workers, mp_context=get_context("spawn")) as pool:
        curve = partial(kept_curve, asked.keep, videos, asked.labels)
        found = {name: pool.map(partial(curve, name), seeds) for name in asked.curves}
        curves = {name: list(each) for name, each in found.items()}
    if len(curves) < len(CURVES):
        return 0
    measured = [dict(zip(curves, each, strict=True)) for each in zip(*curves.values(), strict=True)]
    tell_curve(report, videos)
    tell_savings(report, measured)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
