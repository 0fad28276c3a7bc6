"""The list of what is in an export, kept beside its file: a JSON array a segment, in one order."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass

from portal.adapters import stores
from portal.models import Export
from portal.models.exports import ExportState


@dataclass(frozen=True)
class Line:
    """One segment of an export; times in milliseconds, the end 0 where it is the clip's."""

    clip_row: int
    start_ms: int
    task_id: int
    end_ms: int
    video_id: str
    caption: str

    @property
    def place(self) -> tuple[int, int, int]:
        return self.clip_row, self.start_ms, self.task_id


def lines(export: Export) -> Iterator[Line]:
    """Read a finished export's list, ordered by `place`."""
    with stores.configured().open(export.index_key) as file, gzip.open(file) as rows:
        for row in rows:
            yield Line(*json.loads(row))


def holding(*, project_id: int, video_id: str) -> list[Export]:
    """The finished exports that hold a video, oldest first: an erasure does not reach them."""
    finished = Export.objects.filter(project_id=project_id, state=ExportState.READY)
    listed = finished.exclude(index_key="").order_by("pk")
    return [each for each in listed if any(line.video_id == video_id for line in lines(each))]
