"""The beginning: bring the clips in, train the first model on few labels, post what it says."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from examples.captioner import captioners, predictions
from examples.captioner.captioners import Captioner
from examples.captioner.features import N_FEATURES
from examples.captioner.pictures import Pictures, Place
from examples.captioner.trainers import MODEL_NAME, seed_labels
from examples.portals import Json, Portal

FIRST_VERSION = f"{MODEL_NAME}-v1"
AT_ONCE = 4
PATIENCE_SECONDS, PAUSE_SECONDS = 120.0, 0.5
NOT_YET = "media_not_ready"

Say = Callable[[str], None]


class NotTaken(Exception):
    """The portal refused predictions that the seeding stands on."""


def begin(portal: Portal, pictures: Pictures, say: Say) -> Json:
    """Upload the catalogue's clips, train on the seed labels, post predictions; safe to repeat."""
    rows = [row for row in pictures.catalogue if row["role"] != "seed"]
    with ThreadPoolExecutor(1) as aside:  # the portal takes in what the captioner looks at
        uploaded = aside.submit(upload, portal, pictures, rows, say)
        model = first_model(pictures)
        say(f"trained {FIRST_VERSION} on {len(seed_labels(pictures))} seed labels")
        seen = look(pictures, rows)
        uploaded.result()
    places, tags = [Place.of(row) for row in rows], [row["tags"] for row in rows]
    predicted = predictions.predict(model, FIRST_VERSION, places, seen, tags)
    post(portal, predicted)
    say(f"posted {len(predicted)} predictions of {FIRST_VERSION}")
    return {"version": FIRST_VERSION, "n_clips": len(rows), "n_predictions": len(predicted)}


def upload(portal: Portal, pictures: Pictures, rows: Sequence[Json], say: Say) -> None:
    """Upload every file that the portal does not have yet."""
    had = {str(video["video_id"]) for video in portal.pages("/videos") if video.get("sha256")}
    files = {str(row["video_id"]): row for row in rows if row["video_id"] not in had}

    def send(row: Json) -> None:
        portal.upload(str(row["video_id"]), pictures.folder / str(row["file"]), row["tags"])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done, _ in enumerate(pool.map(send, files.values()), start=1):
            if done % 25 == 0 or done == len(files):
                say(f"uploaded {done} of {len(files)} videos")


def look(pictures: Pictures, rows: Sequence[Json]) -> list[np.ndarray | None]:
    """Return the features of clips, measured file by file on several threads."""
    files = {str(row["sha256"]): Place.of(row) for row in rows}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(pictures.features, files.keys(), files.values()))
    return [pictures.features(str(row["sha256"]), Place.of(row)) for row in rows]


def first_model(pictures: Pictures) -> Captioner:
    """Return the model of the seed labels, trained once."""
    path = pictures.folder / f"{FIRST_VERSION}.npz"
    if not path.exists():
        captioners.train(seed_labels(pictures), N_FEATURES, seed=0).save(path)
    return captioners.load(path)


def post(portal: Portal, rows: Sequence[Json]) -> None:
    """Post predictions, and again those whose video the portal is still looking at.

    Raises NotTaken for any other refusal, and when patience ends.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    waiting = list(rows)
    while waiting:
        errors = portal.post_lines("/predictions/bulk", waiting)["errors"]
        final = [error for error in errors if error["code"] != NOT_YET]
        if final or (errors and time.monotonic() > until):
            first = (final or errors)[0]
            raise NotTaken(f"{len(errors)} predictions were refused, the first: {first}")
        waiting = [waiting[error["index"]] for error in errors]
        if waiting:
            time.sleep(PAUSE_SECONDS)
