"""How much a clip resembles what is labelled or picked already: ten duplicates teach one thing.

Uncertainty alone saves almost nothing early, because the clips that a cold model is unsure of are
all alike.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

SIMILARITY_WEIGHT = 0.6
SAME_VIDEO = 0.5
TEXT_DIMENSIONS = 256


def crowding(similarity: float, n_same_video: int) -> float:
    """Return R = (1 - .6 s^4) * .5^n, in (0, 1]: 1 for a clip like no other.

    s is the largest cosine to labelled or picked items (negative counts as 0), n how many of those
    come from the same video. The fourth power leaves the merely similar alone.
    """
    return float(crowdings(np.asarray([similarity]), np.asarray([n_same_video]))[0])


def crowdings(similarities: Floats, n_same_video: NDArray[np.integer]) -> Floats:
    """Return the crowding factor of each item; both arrays have shape (n,)."""
    s = np.clip(similarities, 0.0, 1.0)
    return np.asarray((1.0 - SIMILARITY_WEIGHT * s**4) * SAME_VIDEO ** np.maximum(n_same_video, 0))


def text_vectors(texts: Sequence[str], dimensions: int = TEXT_DIMENSIONS) -> Floats:
    """Hash each text's words and word pairs into a unit row, shape (n, dimensions).

    Stands in where no embedding was posted. A text without words gives a zero row, similar to
    nothing. The hash is fixed, so stored rows stay comparable.
    """
    places: list[int] = []
    signs: list[float] = []
    for row, text in enumerate(texts):
        words = re.findall(r"\w+", text.casefold())
        for gram in [*words, *(f"{a} {b}" for a, b in pairwise(words))]:
            place = zlib.crc32(gram.encode())
            places.append(row * dimensions + place % dimensions)
            # One bit of the hash is the sign: collisions cancel on average instead of adding up.
            signs.append(1.0 if place & 0x80000000 else -1.0)
    size = len(texts) * dimensions
    flat = np.bincount(np.asarray(places, dtype=np.int64), np.asarray(signs), minlength=size)
    return unit_rows(flat.reshape(len(texts), dimensions).astype(np.float64))


def unit_rows(vectors: Floats) -> Floats:
    """Scale each row to length 1; zero rows stay zero."""
    rows = np.asarray(vectors, dtype=np.float64)
    if rows.ndim != 2:
        raise ValueError(f"Vectors are rows of a matrix, not of shape {rows.shape}.")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0.0))


def largest_cosine(vectors: Floats, others: Floats) -> Floats:
    """Return each row's largest cosine to any of the others, in [0, 1]; 0 where there are none."""
    if len(others) == 0:
        return np.zeros(len(vectors))
    if vectors.shape[1] != others.shape[1]:
        raise ValueError(f"Rows of {vectors.shape[1]} and {others.shape[1]} do not compare.")
    cosines = unit_rows(vectors) @ unit_rows(others).T
    return np.asarray(np.clip(cosines.max(axis=1), 0.0, 1.0))


def nearest_centroid(vectors: Floats, centroids: Floats) -> Indices:
    """Return the index of each row's nearest centroid by cosine, ties to the lowest."""
    if len(centroids) == 0:
        raise ValueError("There is no centroid to be near to.")
    return np.asarray((unit_rows(vectors) @ unit_rows(centroids).T).argmax(axis=1), dtype=np.intp)


@dataclass(frozen=True, eq=False)
class Labelled:
    """What is labelled already: unit rows and, for each item of the pool, its video's count."""

    vectors: Floats
    n_same_video: NDArray[np.integer]


def pick(
    uncertainties: Floats, vectors: Floats, videos: Sequence[object], n: int, labelled: Labelled
) -> Indices:
    """Choose up to n items one by one, each the best U * R given those before it.

    `uncertainties` (m,), `vectors` (m, d), `videos` m hashable ids. Ties go to the earlier item.
    """
    if not len(uncertainties) == len(vectors) == len(videos) == len(labelled.n_same_video):
        raise ValueError("Uncertainties, vectors, videos and counts are not of one length.")
    rows = unit_rows(vectors)
    codes = np.unique(np.asarray([str(video) for video in videos]), return_inverse=True)[1]
    similarity = largest_cosine(rows, labelled.vectors)
    counts = np.asarray(labelled.n_same_video, dtype=np.int64).copy()
    free = np.ones(len(rows), dtype=bool)
    picked: list[int] = []
    for _ in range(min(n, len(rows))):
        value = np.where(free, uncertainties * crowdings(similarity, counts), -1.0)
        best = int(value.argmax())
        picked.append(best)
        free[best] = False
        counts[codes == codes[best]] += 1
        similarity = np.maximum(similarity, np.clip(rows @ rows[best], 0.0, 1.0))
    return np.asarray(picked, dtype=np.intp)
