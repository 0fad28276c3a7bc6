"""An import from the file's arrival to its report.

A block of records is one transaction: what it added is there, whatever happens to the next. A bad
text is counted with its place and does not stop the others. A rerun adds nothing, so an import
that died in the middle is simply run again.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from portal import signals
from portal.adapters import stores
from portal.adapters.formats import FORMATS, Entry
from portal.adapters.stores import Readable
from portal.errors import InvalidInput, PortalError
from portal.models import AuditEntry, Event, Import, Project, User
from portal.models.imports import ImportKind, ImportState
from portal.services.imports import annotations, guesses, references, targets
from portal.services.imports.guesses import Ingest
from portal.services.imports.options import Options, Tally
from portal.services.imports.reading import entries_of, look_through
from portal.services.imports.targets import Placed
from portal.signals import announce

BLOCK = 1000
SUFFIX = ".import"


def request(*, user: User | None = None, **given: Any) -> Import:
    """Receive a file and have a job take it in; see `receive`."""
    with transaction.atomic():
        row = receive(user=user, **given)
        announce(signals.import_requested, import_id=row.pk)
    return row


def receive(
    *,
    project: Project,
    stream: Readable,
    name: str,
    format: str,  # noqa: A002 the word people look for
    kind: str,
    options: Options | None = None,
    dry_run: bool = False,
    user: User | None = None,
) -> Import:
    """Keep a file and look through it; nothing of it is stored as captions yet.

    Raises InvalidInput for a file that is broken (with the place) or leaves something open that
    nobody should guess, MediaRefused for another kind of file, TooLarge, DiskFull.
    """
    if format not in FORMATS:
        raise InvalidInput.on("format", f"format is one of {', '.join(FORMATS)}.")
    if kind not in ImportKind.values:
        kinds = ", ".join(ImportKind.values)
        raise InvalidInput.on("as", f"Say what the texts are: {kinds}. Nobody guesses it.")
    options, name = options or Options(), _shown(name)
    store = stores.configured()
    stored = store.put(stream, suffix=SUFFIX, max_bytes=settings.BULK_MAX_BYTES)
    try:
        with store.open(stored.key) as file:
            n_records, warnings = look_through(file, format, name, kind, options)
        return _kept(
            user,
            project=project,
            name=name,
            format=format,
            kind=kind,
            options=options.stored(),
            is_dry_run=dry_run,
            file_key=stored.key,
            sha256=stored.sha256,
            n_bytes=stored.bytes,
            n_records=n_records,
            warnings=warnings,
            requested_by=user,
        )
    except BaseException:
        store.delete(stored.key)
        raise


@transaction.atomic
def _kept(user: User | None, **fields: Any) -> Import:
    row = Import.objects.create(**fields)
    AuditEntry.objects.record(
        action="import.requested",
        on=row,
        project_id=row.project_id,
        actor=f"user:{user}" if user else "system",
        user=user,
        details={"kind": row.kind, "sha256": row.sha256, "dry_run": row.is_dry_run},
    )
    return row


def _shown(name: str) -> str:
    """Return a file's name as it may be shown: no path, nothing invisible."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(each for each in last if each.isprintable())[:120].strip() or "captions"


def run(
    *, import_id: int, ingest: Ingest, advance: Callable[[int], object] = lambda n: None
) -> Import | None:
    """Take a file in; None where it is finished or another process is at it.

    `ingest` is the way in for predictions; `advance` hears of each record that is done.
    """
    if not Import.objects.take(import_id):
        return None
    row = Import.objects.select_related("project").get(pk=import_id)
    options = Options(**row.options)
    tally = Tally()
    store = stores.configured()
    try:
        with store.open(row.file_key) as file:
            entries = entries_of(file, row.format, row.name, options)
            pseudonyms = targets.pseudonyms_of(row.project)
            while block := list(islice(entries, BLOCK)):
                _take_block(row, block, options, pseudonyms, ingest, tally)
                _tell(row, tally)
                advance(len(block))
    except PortalError as failed:
        _finish(row, tally, state=ImportState.FAILED, failure=failed.detail[:300])
        return row
    _finish(row, tally, state=ImportState.FINISHED)
    store.delete(row.file_key)
    return row


def _take_block(
    row: Import,
    block: Sequence[Entry],
    options: Options,
    pseudonyms: dict[str, str],
    ingest: Ingest,
    tally: Tally,
) -> None:
    for entry in block:
        if entry.problem:
            tally.refuse(entry.place, entry.problem)
    tally.n_done += len(block)
    read = [Placed(entry.place, entry.record) for entry in block if entry.record is not None]
    good = targets.checked(row.project, read, tally)
    if row.kind == ImportKind.PREDICTIONS:
        guesses.store(row.project, good, options, ingest, tally, dry_run=row.is_dry_run)
        return
    with transaction.atomic():
        if row.kind == ImportKind.ANNOTATIONS:
            annotations.store(row.project, good, options, pseudonyms, tally)
        else:
            references.store(row.project, good, tally)
        if row.is_dry_run:
            transaction.set_rollback(True)


def _tell(row: Import, tally: Tally) -> None:
    """Say how far it is, and that somebody is at it."""
    Import.objects.filter(pk=row.pk).update(touched_at=timezone.now(), **_said(tally))


def _said(tally: Tally) -> dict[str, Any]:
    return {key: value for key, value in asdict(tally).items() if key != "problems"}


@transaction.atomic
def _finish(row: Import, tally: Tally, *, state: str, failure: str = "") -> None:
    """Write the report and tell the integrations."""
    said = _said(tally) | {"problems": tally.problems, "state": state, "failure": failure}
    if state == ImportState.FINISHED:
        said |= {"file_key": ""}
    said |= {"finished_at": timezone.now()}
    Import.objects.filter(pk=row.pk).update(**said)
    for key, value in said.items():
        if key != "file_key":
            setattr(row, key, value)
    event = Event.objects.record(
        project_id=row.project_id,
        type="import.finished",
        data={
            "import": str(row.uid),
            "name": row.name,
            "format": row.format,
            "as": row.kind,
            "state": state,
            "dry_run": row.is_dry_run,
            "added": tally.n_added,
            "unchanged": tally.n_unchanged,
            "failed": tally.n_failed,
        },
    )
    announce(signals.event_recorded, event_id=event.pk)
