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
Rows = NDArray[np.float32]
Indices = NDArray[np.intp]

SIMILARITY_WEIGHT = 0.9
SAME_VIDEO = 0.5
TEXT_DIMENSIONS = 256
BLOCK = 256
LATENT_DIMENSIONS = 16
ENOUGH_TO_TELL = 200  # captions, to say which words go together
NO_SPREAD = 1e-9  # a unit row's mean square distance from the mean, where only rounding is left


def crowding(similarity: float, n_same_video: int) -> float:
    """Return R = (1 - .9 s) * .5^n, in (0, 1]: 1 for a clip like no other.

    s is the largest cosine to labelled or picked items (negative counts as 0), n how many of those
    come from the same video.
    """
    return float(crowdings(np.asarray([similarity]), np.asarray([n_same_video]))[0])


def crowdings(similarities: Floats, n_same_video: NDArray[np.integer]) -> Floats:
    """Return the crowding factor of each item; both arrays have shape (n,)."""
    s = np.clip(similarities, 0.0, 1.0)
    return np.asarray((1.0 - SIMILARITY_WEIGHT * s) * SAME_VIDEO ** np.maximum(n_same_video, 0))


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


def weigh_by_rarity(rows: Rows, others: Rows) -> tuple[Rows, Rows]:
    """Weigh both matrices' dimensions by log(1 + n / n with it) over all n rows, as unit rows.

    Captions of one kind of clip share most of their words: what tells them apart is the rest
    (inverse document frequency, Spärck Jones 1972).
    """
    both = np.concatenate([rows, others])
    n_with = np.maximum((both != 0.0).sum(axis=0), 1)
    weighed = unit_rows(both * np.log(1.0 + len(both) / n_with)).astype(np.float32)
    return weighed[: len(rows)], weighed[len(rows) :]


def in_what_they_vary(rows: Rows, others: Rows) -> tuple[Rows, Rows]:
    """Project both matrices onto the directions in which all rows vary most, as unit rows.

    Words that go together come to stand for one another, and a word that came up by chance counts
    little (latent semantic analysis, Deerwester et al. 1990, about the mean). Too few rows, or rows
    that are all the same, say nothing of what goes together and stay as they are; zero rows stay
    zero.
    """
    both = np.concatenate([rows, others])
    says_something = both.any(axis=1)
    if says_something.sum() < ENOUGH_TO_TELL:
        return rows, others
    both = both - both[says_something].mean(axis=0)
    both[~says_something] = 0.0
    spread = (both.T @ both).astype(np.float64)
    if np.trace(spread) < NO_SPREAD * says_something.sum():
        return rows, others
    _, directions = np.linalg.eigh(spread)
    found = unit_rows(both @ directions[:, -LATENT_DIMENSIONS:]).astype(np.float32)
    return found[: len(rows)], found[len(rows) :]


def largest_cosine(rows: Rows, others: Rows) -> Floats:
    """Return each unit row's largest cosine to the others, in [0, 1]; 0 where there are none."""
    if len(others) == 0:
        return np.zeros(len(rows))
    if rows.shape[1] != others.shape[1]:
        raise ValueError(f"Rows of {rows.shape[1]} and {others.shape[1]} do not compare.")
    nearest = (rows @ others.T).max(axis=1)
    return np.asarray(np.clip(nearest, 0.0, 1.0), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Standing:
    """What n items resemble of what came before them.

    `similarity` (n,) is the largest cosine to any of it, `n_same_video` (n,) how many of it are of
    the same video.
    """

    similarity: Floats
    n_same_video: NDArray[np.integer]

    def values(self, uncertainties: Floats, which: Indices) -> Floats:
        """Return U * R of some of the items."""
        return uncertainties[which] * crowdings(self.similarity[which], self.n_same_video[which])

    def note(self, which: Indices, chosen: Indices, rows: Rows, videos: Indices) -> None:
        """Let some of the items know that others have been chosen."""
        if len(which) and len(chosen):
            cosines = largest_cosine(rows[which], rows[chosen])
            self.similarity[which] = np.maximum(self.similarity[which], cosines)
            self.n_same_video[which] += (videos[which, None] == videos[chosen]).sum(axis=1)


def line_up(
    uncertainties: Floats, rows: Rows, videos: Indices, before: Standing, most: int
) -> tuple[Indices, Standing]:
    """Choose up to `most` items one by one, each the best U * R given all that came before it.

    `uncertainties` (n,) in [0, 1], unit `rows` (n, d), `videos` (n,) numbers, `before` what they
    resemble of what is labelled. Returns the chosen, in their turn, and what everybody resembles:
    the chosen as their turn came, the others in the end. Ties go to the earlier item. R only
    falls as more is chosen, so a value once computed bounds all later ones: items are compared
    only as far down as one may still be the best (Minoux 1978, "Accelerated greedy algorithms").
    """
    if not len(uncertainties) == len(rows) == len(videos) == len(before.similarity):
        raise ValueError("Uncertainties, rows, videos and what came before are not of one length.")
    now = Standing(before.similarity.copy(), before.n_same_video.copy())
    bounds = now.values(uncertainties, np.arange(len(rows)))
    order = np.argsort(-bounds, kind="stable")
    values = np.full(len(rows), -1.0)  # of those that are compared and not chosen
    chosen: list[int] = []
    n_compared = 0
    while len(chosen) < min(most, len(rows)):
        best = int(values.argmax())
        if n_compared < len(order) and values[best] <= bounds[order[n_compared]]:
            more = order[n_compared : n_compared + BLOCK]
            now.note(more, np.asarray(chosen, dtype=np.intp), rows, videos)
            values[more] = now.values(uncertainties, more)
            n_compared += len(more)
            continue
        chosen.append(best)
        values[best] = -1.0
        waiting = np.flatnonzero(values >= 0.0)
        now.note(waiting, np.asarray([best]), rows, videos)
        values[waiting] = now.values(uncertainties, waiting)
    picked = np.asarray(chosen, dtype=np.intp)
    now.note(order[n_compared:], picked, rows, videos)
    return picked, now


def n_earlier(videos: Indices) -> Indices:
    """Return how many earlier items are of each item's video; `videos` (n,) are numbers."""
    order = np.argsort(videos, kind="stable")
    alike = videos[order]
    n = np.empty(len(videos), dtype=np.intp)
    n[order] = np.arange(len(videos)) - np.searchsorted(alike, alike)
    return n


def likeness_at(uncertainties: Floats, others: Floats) -> Floats:
    """Return the similarity with which items of these uncertainties keep their places among others.

    `uncertainties` (m,) in [0, 1]; `others` (n, 3) are uncertainties, similarities and counts of
    the same video. Who stands between two of the others by U is to stand between the same places
    by U * R: with v the U * R found there, it is the s of 1 - .9 s = v / u, within [0, 1]; 0
    without others.
    """
    if not len(others):
        return np.zeros(len(uncertainties))
    values = others[:, 0] * crowdings(others[:, 1], others[:, 2].astype(np.intp))
    by_u, by_value = (np.concatenate([[0.0], np.sort(each)]) for each in (others[:, 0], values))
    shares = np.interp(uncertainties, by_u, by_value) / np.maximum(uncertainties, 1e-9)
    return np.asarray(np.clip((1.0 - shares) / SIMILARITY_WEIGHT, 0.0, 1.0))
