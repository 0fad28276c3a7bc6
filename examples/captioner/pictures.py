"""What the captioner has seen: features of clips, cached by the SHA-256 of their file.

The files are its own renderings (the catalogue) or downloads from the portal (media/).
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from examples.captioner import clips, features
from examples.portals import Portal, Refused

LARGEST_VIDEO = 512 * 2**20


@dataclass(frozen=True, order=True)
class Place:
    """A stretch of a video under the portal's id; start and end in seconds, None for its ends."""

    video_id: str
    start: float | None = None
    end: float | None = None

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Place":
        """Read the place that a row of the API or of a catalogue names."""
        start, end = row.get("start"), row.get("end")
        if not end:
            return cls(str(row["video_id"]))
        return cls(str(row["video_id"]), round(float(start or 0), 3), round(float(end), 3))


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Go through a JSON Lines file; one that is absent has none."""
    if path.exists():
        with path.open(encoding="utf-8") as stream:
            for line in stream:
                if line.strip():
                    yield json.loads(line)


class Pictures:
    """The folder's clips and their features."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._media, self._features = folder / "media", folder / "features"
        for part in (self._media, self._features):
            part.mkdir(parents=True, exist_ok=True)
        self.catalogue = list(read_lines(folder / "catalogue.jsonl"))
        self._own = {str(row["sha256"]): folder / str(row["file"]) for row in self.catalogue}
        self._places: dict[str, set[Place]] = defaultdict(set)
        for row in self.catalogue:
            self._places[str(row["sha256"])].add(Place.of(row))

    def is_own(self, sha256: str) -> bool:
        """Say whether a file is one of the rendered clips."""
        return sha256 in self._own

    def features(
        self, sha256: str, place: Place, portal: Portal | None = None, link: str = ""
    ) -> np.ndarray | None:
        """Return a clip's features, downloading its file where needed; None: nothing to see."""
        if not sha256:
            return None
        cached = self._cache(sha256, place)
        if not cached.exists():
            path = self._file(sha256, portal, link)
            if path is None:
                return None
            self._measure(path, sha256, {place, *self._places.get(sha256, ())})
        measured: np.ndarray = np.load(cached, allow_pickle=False)
        return measured if len(measured) else None

    def _cache(self, sha256: str, place: Place) -> Path:
        return self._features / f"{sha256}-{place.start}-{place.end}.npy"

    def _measure(self, path: Path, sha256: str, places: Iterable[Place]) -> None:
        """Measure a file's clips into the cache, for one decoding; those unreadable as empty."""
        try:
            whole = clips.decode(path)
        except clips.NoPicture:
            whole = None
        for place in places:
            cached = self._cache(sha256, place)
            partial = cached.with_suffix(".partial")
            with partial.open("wb") as stream:
                np.save(stream, _measured(whole, place), allow_pickle=False)
            partial.replace(cached)

    def _file(self, sha256: str, portal: Portal | None, link: str) -> Path | None:
        """Return the file with this hash, fetched once; None where it cannot be had."""
        if sha256 in self._own:
            return self._own[sha256]
        path = self._media / sha256
        if path.exists():
            return path
        if portal is None or not link:
            return None
        partial = path.with_suffix(".partial")
        try:
            with partial.open("wb") as sink:
                portal.download(link, sink, LARGEST_VIDEO)
        except Refused:
            partial.unlink()
            return None
        if hashlib.sha256(partial.read_bytes()).hexdigest() != sha256:
            partial.unlink()
            return None
        partial.replace(path)
        return path


def _measured(whole: clips.Clip | None, place: Place) -> np.ndarray:
    """Measure one clip of a video; an empty array where there is nothing to see."""
    try:
        if whole is not None:
            return features.measure(whole.cut(place.start, place.end))
    except clips.NoPicture:
        pass
    return np.zeros(0, dtype=np.float32)
