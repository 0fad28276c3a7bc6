"""Which clips of a project the captioner is to caption, and what it can see of them."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from examples.captioner.pictures import Pictures, Place
from examples.portals import Json, Portal

GONE = "erased"


@dataclass(frozen=True)
class Target:
    """One clip of a project: where it lies and the file that shows it ("": none yet)."""

    place: Place
    sha256: str
    link: str
    tags: tuple[str, ...]

    def features(self, pictures: Pictures, portal: Portal) -> np.ndarray | None:
        """Return what is to be seen of it, or None."""
        return pictures.features(self.sha256, self.place, portal, self.link)


def find(portal: Portal, pictures: Pictures) -> list[Target]:
    """Return every clip of a project: all videos, cut where tasks or the catalogue cut them."""
    cuts: dict[str, set[Place]] = defaultdict(set)
    for task in portal.pages("/tasks", {"page_size": "200"}):
        place = Place.of(task | {"video_id": task["video"]["video_id"]})
        cuts[place.video_id].add(place)
    own: dict[str, list[Json]] = defaultdict(list)
    for row in pictures.catalogue:
        own[str(row["sha256"])].append(row)
    targets: list[Target] = []
    for video in portal.pages("/videos", {"page_size": "200"}):
        if video["state"] == GONE:
            continue
        video_id, sha256 = str(video["video_id"]), str(video.get("sha256") or "")
        clips = own.get(sha256, [])
        places = cuts[video_id] | {Place.of(row | {"video_id": video_id}) for row in clips}
        targets += [
            Target(place, sha256, str(video.get("media_url") or ""), tuple(video["tags"]))
            for place in sorted(places or {Place(video_id)}, key=_order)
        ]
    return targets


def _order(place: Place) -> tuple[float, float]:
    return (place.start or 0.0, place.end or 0.0)
