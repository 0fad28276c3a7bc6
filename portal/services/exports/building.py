"""Ordering an export and building it: one snapshot, one pass, one file, said when it is ready."""

import gzip
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, cast

import msgspec
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from portal import signals
from portal.adapters import signatures, stores
from portal.adapters.formats import FORMATS, About, Record
from portal.adapters.formats.spools import Gathered
from portal.adapters.snapshots import snapshot
from portal.adapters.stores import Incoming
from portal.errors import DiskFull, InvalidInput, TooLarge
from portal.models import AuditEntry, Event, Export, Project, User
from portal.models.exports import ExportState
from portal.models.formats import FileFormat
from portal.services.exports.options import Options, chosen
from portal.services.exports.records import opener, records_of
from portal.signals import announce

LINK_SECONDS = 86_400
EXPORT_BYTES = 64 << 30
ROWS_A_TICK = 2000
PROGRESS_SECONDS = 3600
NOTHING = "No task of the project that fits has settled yet."


@transaction.atomic
def request(
    *,
    project: Project,
    name: str,
    format: str = FileFormat.JSONL,  # noqa: A002 the word people look for
    options: Options | None = None,
    user: User | None = None,
) -> Export:
    """Order an export; a job builds it."""
    name = name.strip()
    if not 1 <= len(name) <= 120 or not name.isprintable():
        raise InvalidInput.on("name", "An export's name has 1 to 120 printable characters.")
    if format not in FileFormat.values:
        raise InvalidInput.on("format", f"format is one of {', '.join(FileFormat.values)}.")
    options = options or Options()
    if options.with_files and format != FileFormat.VIDEOFOLDER:
        raise InvalidInput.on("with_files", "Only a VideoFolder takes the clips' files along.")
    if options.since and options.until and options.since >= options.until:
        raise InvalidInput.on("until", "until must be after since.")
    export = Export.objects.create(
        project=project, name=name, format=format, options=options.stored(), requested_by=user
    )
    AuditEntry.objects.record(
        action="export.requested",
        on=export,
        project_id=project.pk,
        actor=f"user:{user}" if user else "system",
        user=user,
    )
    announce(signals.export_requested, export_id=export.pk)
    return export


def build(*, export_id: int) -> None:
    """Write an export's file and say that it is ready; one that is finished is left alone."""
    export = Export.objects.unbuilt().select_related("project").filter(pk=export_id).first()
    if export is None:
        return
    options = Options.of(export.options)
    Export.objects.unbuilt().filter(pk=export_id).update(
        state=ExportState.BUILDING, n_expected=chosen(export.project, options).count()
    )
    store = stores.configured()
    try:
        changes = _written(store, export, options)
    except (InvalidInput, DiskFull, TooLarge) as failed:
        _finish(export, state=ExportState.FAILED, failure=failed.detail[:300])
        return
    if not _finish(export, state=ExportState.READY, **changes):
        store.delete(changes["file_key"])
        store.delete(changes["index_key"])


def link(*, export: Export, base_url: str) -> str:
    """Return a signed address of the file that works for a day."""
    path = f"/api/v1/exports/{export.uid}/download"
    expires = int(time.time()) + LINK_SECONDS
    return base_url + signatures.sign_link(path, expires, settings.FIELD_KEY)


def progress(*, export: Export) -> float:
    """Return how far the building is, 0 to 1; a guess between two ticks."""
    if export.state == ExportState.READY:
        return 1.0
    done = cache.get(_progress_key(export), 0) if export.state == ExportState.BUILDING else 0
    return min(1.0, done / export.n_expected) if export.n_expected else 0.0


def _progress_key(export: Export) -> str:
    return f"export-progress-{export.pk}"


def _written(store: stores.LocalStore, export: Export, options: Options) -> dict[str, Any]:
    """Write file and index from one snapshot; return what the row says of them."""
    file_format = FORMATS[export.format]
    about = About(
        name=export.name,
        language=export.project.language,
        created_at=export.created_at.isoformat(),
        media=opener(store, options),
    )
    with (
        store.incoming(suffix=file_format.suffix, max_bytes=EXPORT_BYTES) as sink,
        store.incoming(suffix=".gz", max_bytes=EXPORT_BYTES) as index,
        snapshot(),
    ):
        tally = _Tally(export, index)
        gathered = Gathered(sink)
        file_format.write(tally.watching(records_of(export.project, options)), gathered, about)
        gathered.flush()
        if not tally.n_rows:
            raise InvalidInput(NOTHING)
        tally.close()
        stored, listed = sink.keep(), index.keep()
    return {
        "file_key": stored.key,
        "sha256": stored.sha256,
        "n_bytes": stored.bytes,
        "n_rows": tally.n_rows,
        "index_key": listed.key,
        "guidelines": sorted(tally.guidelines),
        "counts": tally.counts,
    }


class _Tally:
    """What went by on the way to the file: counts, guidelines, and the index that diffs read."""

    def __init__(self, export: Export, index: Incoming) -> None:
        self._export = export
        # Without a time in it, equal captions have equal indexes.
        self._index = gzip.GzipFile("", "wb", 1, cast(BinaryIO, index), mtime=0)
        self._lines = Gathered(self._index)
        self.n_rows = self.n_videos = self.n_captions = 0
        self.guidelines: set[int] = set()
        self.splits: Counter[str] = Counter()
        self._video_id = ""

    def watching(self, records: Iterable[Record]) -> Iterator[Record]:
        """Pass records on, counting."""
        for record in records:
            self._note(record)
            if self.n_rows % ROWS_A_TICK == 0:
                cache.set(_progress_key(self._export), self.n_rows, PROGRESS_SECONDS)
            yield record

    def _note(self, record: Record) -> None:
        self.n_rows += 1
        self.n_videos += self.n_rows == 1 or record.video_id != self._video_id
        self._video_id = record.video_id
        self.n_captions += len(record.captions)
        self.splits[record.split] += 1
        self.guidelines |= {each.guideline for each in record.captions if each.guideline}
        place = record.clip_row, record.start_ms, record.task_id, record.end_ms
        self._lines.write(msgspec.json.encode((*place, record.video_id, record.caption)) + b"\n")

    def close(self) -> None:
        """End the index."""
        self._lines.flush()
        self._index.close()

    @property
    def counts(self) -> dict[str, int]:
        said = {"segments": self.n_rows, "videos": self.n_videos, "captions": self.n_captions}
        return said | dict(sorted(self.splits.items()))


@transaction.atomic
def _finish(export: Export, **changes: Any) -> bool:
    """Write what became of the export; False where another builder was first."""
    owed = Export.objects.unbuilt().filter(pk=export.pk)
    if not owed.update(finished_at=timezone.now(), **changes):
        return False
    if changes["state"] == ExportState.READY:
        event = Event.objects.record(
            project_id=export.project_id,
            type="export.ready",
            data={
                "export": str(export.uid),
                "name": export.name,
                "format": export.format,
                "rows": changes["n_rows"],
                "bytes": changes["n_bytes"],
                "sha256": changes["sha256"],
            },
        )
        announce(signals.event_recorded, event_id=event.pk)
    return True
