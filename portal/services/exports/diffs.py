"""What changed from one export to another, read from the indexes that were written with them.

Both indexes are in one order (the clip's row, the start, the task), so they are merged line by
line, however long they are. Words of clips that were erased since are not told again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from portal.errors import Conflict
from portal.models import Export, Task
from portal.models.exports import ExportState
from portal.models.videos import VideoState
from portal.services.exports.indexes import Line, lines

Kind = Literal["added", "removed", "changed", "unchanged"]
ERASED = "(erased)"


@dataclass(frozen=True)
class Change:
    """One segment that is in one export only, or has another caption in the other."""

    kind: Kind
    task_id: int
    video_id: str
    start: float
    end: float | None
    before: str | None
    after: str | None


@dataclass
class Diff:
    """How many segments changed, and the first of them."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    unchanged: int = 0
    changes: list[Change] = field(default_factory=list)


def diff(*, before: Export, after: Export, most: int = 1000) -> Diff:
    """Compare two finished exports of one project; list at most so many changes."""
    for export in (before, after):
        if export.state != ExportState.READY or not export.index_key:
            raise Conflict(f"{export} is not ready; only finished exports are compared.")
    if before.project_id != after.project_id:
        raise Conflict("Only exports of one project are compared.")
    found = Diff()
    for kind, old, new in _merged(lines(before), lines(after)):
        setattr(found, kind, getattr(found, kind) + 1)
        if kind != "unchanged" and len(found.changes) < most:
            found.changes.append(_change(kind, old, new))
    found.changes = _without_erased(after.project_id, found.changes)
    return found


def _merged(
    before: Iterator[Line], after: Iterator[Line]
) -> Iterator[tuple[Kind, Line | None, Line | None]]:
    """Walk both at once, whichever is behind."""
    old, new = next(before, None), next(after, None)
    while old or new:
        if new is None or (old is not None and old.place < new.place):
            yield "removed", old, None
            old = next(before, None)
        elif old is None or new.place < old.place:
            yield "added", None, new
            new = next(after, None)
        else:
            yield "unchanged" if old.caption == new.caption else "changed", old, new
            old, new = next(before, None), next(after, None)


def _change(kind: Kind, old: Line | None, new: Line | None) -> Change:
    line = new or old
    assert line is not None
    return Change(
        kind,
        line.task_id,
        line.video_id,
        line.start_ms / 1000,
        line.end_ms / 1000 if line.end_ms else None,
        old.caption if old else None,
        new.caption if new else None,
    )


def _without_erased(project_id: int, changes: list[Change]) -> list[Change]:
    erased: set[int] = set()
    ids = [change.task_id for change in changes]
    for first in range(0, len(ids), 500):
        rows = Task.objects.filter(project_id=project_id, video__state=VideoState.ERASED)
        erased |= set(rows.filter(pk__in=ids[first : first + 500]).values_list("pk", flat=True))
    return [
        replace(change, before=change.before and ERASED, after=change.after and ERASED)
        if change.task_id in erased
        else change
        for change in changes
    ]
