"""What the captioner says of a clip, in the shape that POST /predictions/bulk takes."""

from collections.abc import Sequence

import numpy as np

from examples.captioner.captioners import Captioner
from examples.captioner.pictures import Place
from examples.captioner.searches import Candidate
from examples.portals import Json

DECIMALS = 4


def predict(
    model: Captioner,
    version: str,
    places: Sequence[Place],
    clips: Sequence[np.ndarray | None],
    tags: Sequence[Sequence[str]],
) -> list[Json]:
    """Caption clips and write a prediction for each that something can be said of."""
    captioned = model.caption(clips)
    seen = model.see(clips)[:, 1:]
    return [
        _row(version, place, candidates, None if clip is None else view, words)
        for place, candidates, clip, view, words in zip(
            places, captioned, clips, seen, tags, strict=True
        )
        if candidates
    ]


def _row(
    version: str,
    place: Place,
    candidates: Sequence[Candidate],
    view: np.ndarray | None,
    tags: Sequence[str],
) -> Json:
    """Write one prediction. Without a picture it is a guess, and says so: no log-probabilities."""
    best = candidates[0]
    row: Json = {
        "video_id": place.video_id,
        "caption": best.caption,
        "model_version": version,
        "uncertainty": 1.0,
    }
    if place.end is not None:
        row |= {"start": place.start, "end": place.end}
    if tags:
        row["tags"] = list(tags)
    if view is None:
        return row
    words = [*best.words, "</s>"]
    return row | {
        "uncertainty": round(best.uncertainty, DECIMALS),
        "tokens": [
            {"t": word, "logprob": _rounded(value)}
            for word, value in zip(words, best.log_probabilities, strict=False)
        ],
        "candidates": [
            {"text": one.caption, "logprob": _rounded(one.log_probability)} for one in candidates
        ],
        "embedding": _direction(view),
    }


def _direction(view: np.ndarray) -> list[float]:
    """Return features as a vector of length one."""
    length = float(np.linalg.norm(view))
    return [round(float(value), DECIMALS) for value in view / (length or 1.0)]


def _rounded(log_probability: float) -> float:
    # Rounding a certain word may give −0.0 or slightly more than 0: neither is a log-probability.
    return min(round(log_probability, DECIMALS), 0.0) + 0.0
