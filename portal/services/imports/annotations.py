"""A block of people's captions: as if each had been submitted, but in few statements.

Tasks get a slot more where a file has more captions than they ask for. Nothing is settled here:
the tasks' revisions rise, and what is unsettled is asked for by the sweep.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Model
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from portal.adapters.formats import Caption, Record
from portal.errors import AlreadyAnswered, InvalidInput, PortalError, TaskClosed
from portal.models import (
    Annotation,
    AnnotationRevision,
    Annotator,
    Assignment,
    Guideline,
    Project,
    Task,
)
from portal.models.assignments import HOLDING, AssignmentState, Hold
from portal.models.texts import clean_caption
from portal.models.writes import insert_new, next_ids, update_each
from portal.services.imports import references, targets
from portal.services.imports.options import NOTHING, Options, Tally
from portal.services.imports.targets import Placed, Targets

MOST_SECONDS = 24 * 3600.0
IDS = 500
WHY = {"reason": "imported"}
COUNTS = ("n_taken", "n_wanted", "n_captions", "revision")
CHANGED = ("slot", "cap", "state", "leased_at", "expires_at", "submitted_at", "draft")
SLOT = ("task", "annotator", "token", "hold", "why_chosen", *CHANGED)
CAPTION = (
    "task",
    "author",
    "assignment",
    "text",
    "seconds",
    "guideline",
    "created_at",
    "changed_at",
)
WORDING = ("annotation", "number", "text", "created_at")


@dataclass
class _Said:
    """One text to be stored: by whom, for which task, what else is known."""

    place: str
    task: Task
    author: str
    text: str
    caption: Caption


def store(
    project: Project,
    block: Sequence[Placed],
    options: Options,
    pseudonyms: Mapping[str, str],
    tally: Tally,
) -> None:
    """Store a block's captions, skips and drafts; gold answers become references.

    The caller holds a transaction. What is there already is counted as unchanged.
    """
    found = targets.found_or_made(project, block)
    said: list[_Said] = []
    for place, record in block:
        try:
            targets.check_not_erased(found, record)
        except PortalError as refused:
            tally.refuse(place, refused.detail)
            continue
        said += _texts(place, record, found, options, tally)
        golden = [caption.text for caption in record.captions if caption.is_gold]
        references.add(found.task_of(record), golden, place, tally)
    unfinished = _unfinished(block, found)
    names = {each.author for each in said} | {name for _, name, _ in unfinished}
    persons = targets.people(project, names, pseudonyms)
    _Intake.for_tasks(project, {each.task.pk: each.task for each in said}).take(
        said, persons, tally
    )
    _keep_unfinished(unfinished, persons, tally)


def _texts(
    place: str, record: Record, found: Targets, options: Options, tally: Tally
) -> Iterable[_Said]:
    """Yield a record's texts with their authors, those refused counted."""
    if not (record.texts() or record.captions or record.skips or record.drafts):
        tally.refuse(place, NOTHING)
    captions = [caption for caption in record.captions if not caption.is_gold]
    if not record.captions:
        captions = [Caption(text) for text in record.texts()]
    n_nameless = 0
    for caption in captions:
        author = caption.author
        if not author:  # one person has one caption a task: the others' names are counted on
            n_nameless += 1
            author = options.author + (f"-{n_nameless}" if n_nameless > 1 else "")
        try:
            targets.check_person(author)
            if caption.seconds is not None and not 0 <= caption.seconds <= MOST_SECONDS:
                raise InvalidInput("seconds lies between 0 and 86400.")
            text = clean_caption(caption.text)
        except PortalError as refused:
            tally.refuse(place, refused.detail)
        else:
            yield _Said(place, found.task_of(record), author, text, caption)


@dataclass
class _Intake:
    """What a block meets in the database, and what it adds."""

    project: Project
    tasks: dict[int, Task]
    guidelines: dict[int, Guideline]
    texts: dict[tuple[int, int], str]
    rows: dict[tuple[int, int], Assignment]
    used: dict[int, set[int]]
    fresh: list[Assignment] = field(default_factory=list)
    revived: list[Assignment] = field(default_factory=list)
    made: list[Annotation] = field(default_factory=list)
    touched: dict[int, Task] = field(default_factory=dict)

    @classmethod
    def for_tasks(cls, project: Project, tasks: dict[int, Task]) -> "_Intake":
        guidelines = {row.number: row for row in Guideline.objects.filter(project=project)}
        intake = cls(project, tasks, guidelines, {}, {}, defaultdict(set))
        ids = sorted(tasks)
        for first in range(0, len(ids), IDS):
            part = ids[first : first + IDS]
            rows = Annotation.objects.filter(task_id__in=part)
            for task_id, author_id, text in rows.values_list("task_id", "author_id", "text"):
                intake.texts[task_id, author_id] = text
            for row in Assignment.objects.filter(task_id__in=part):
                intake.rows[row.task_id, row.annotator_id] = row
                if row.state in HOLDING:
                    intake.used[row.task_id].add(row.slot)
        return intake

    def take(self, said: Iterable[_Said], persons: Mapping[str, Annotator], tally: Tally) -> None:
        """Decide on every text and write what is new."""
        for each in said:
            try:
                is_new = self._admit(each, persons[each.author])
            except PortalError as refused:
                tally.refuse(each.place, refused.detail)
            else:
                tally.n_added += is_new
                tally.n_unchanged += not is_new
        self._write()

    def _admit(self, said: _Said, author: Annotator) -> bool:
        """Say whether a text is new; raise PortalError where it cannot be taken."""
        key = (said.task.pk, author.pk)
        if (known := self.texts.get(key)) is not None:
            if known == said.text:
                return False
            raise AlreadyAnswered(f"{said.author} has another caption here; nothing is replaced.")
        if not said.task.takes_evidence:
            state = said.task.get_state_display()
            raise TaskClosed(f"Its task is {state} and takes no more captions.")
        self.texts[key] = said.text
        at = _moment(said.caption.created_at)
        self.made.append(
            Annotation(
                task=said.task,
                author=author,
                assignment=self._slot(said.task, author, at),
                text=said.text,
                seconds=said.caption.seconds,
                guideline=self.guidelines.get(said.caption.guideline or 0),
                created_at=at,
                changed_at=at,
            )
        )
        return True

    def _slot(self, task: Task, author: Annotator, at: datetime) -> Assignment:
        """Give the author a slot that is theirs and answered."""
        row = self.rows.get((task.pk, author.pk))
        if row is None or row.state not in HOLDING:
            task.n_taken += 1
            task.n_wanted = max(task.n_wanted, task.n_taken)
            slot = next(
                n for n in range(len(self.used[task.pk]) + 1) if n not in self.used[task.pk]
            )
            self.used[task.pk].add(slot)
        else:
            slot = row.slot
        task.n_captions += 1
        task.revision += 1
        self.touched[task.pk] = task
        if row is None:
            row = Assignment(task=task, annotator=author, why_chosen=WHY, hold=Hold.DIRECT)
            self.fresh.append(row)
        else:
            self.revived.append(row)
        row.slot, row.cap, row.state = slot, max(task.n_wanted, slot + 1), AssignmentState.SUBMITTED
        row.leased_at = row.expires_at = row.submitted_at = at
        row.draft = ""
        return row

    def _write(self) -> None:
        """Write it all in few statements; the tasks are locked, so their counts are ours."""
        tasks = [self.touched[pk] for pk in sorted(self.touched)]
        update_each(Task, COUNTS, [(task.pk, *_values(task, COUNTS)) for task in tasks])
        _insert(Assignment, SLOT, self.fresh)
        update_each(Assignment, CHANGED, [(row.pk, *_values(row, CHANGED)) for row in self.revived])
        _insert(Annotation, CAPTION, self.made)
        _insert(AnnotationRevision, WORDING, [_first_wording(row) for row in self.made])


def _first_wording(row: Annotation) -> AnnotationRevision:
    return AnnotationRevision(
        annotation_id=row.pk, number=1, text=row.text, created_at=row.created_at
    )


def _values(row: Model, names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row.serializable_value(name) for name in names)


def _insert(model: type[Model], names: Sequence[str], rows: Sequence[Any]) -> None:
    """Insert rows whose foreign rows may just have got their ids; under a lock none can clash."""
    if not rows:
        return
    for row, pk in zip(rows, next_ids(model, len(rows)), strict=True):
        row.pk = pk
        if isinstance(row, Annotation):
            row.assignment_id = row.assignment.pk
    if insert_new(model, ["id", *names], [(row.pk, *_values(row, names)) for row in rows]) < len(
        rows
    ):
        raise RuntimeError(f"Some {model._meta.verbose_name_plural} were there already.")


def _moment(stored: str | None) -> datetime:
    """Read when a caption was written; now, where the file does not say or is wrong."""
    try:
        at = parse_datetime(stored) if stored else None
    except ValueError:
        at = None
    now = timezone.now()
    if at is None or at.tzinfo is None or at > now or at.year < 1990:
        return now
    return at


def _unfinished(block: Iterable[Placed], found: Targets) -> list[tuple[Task, str, str]]:
    """Return what people skipped and began: the task, the person, and the draft if there is one."""
    rows = []
    for _, record in block:
        if record.key not in found.tasks:
            continue
        task = found.task_of(record)
        rows += [(task, name, "") for name in record.skips]
        rows += [(task, draft.author, draft.text) for draft in record.drafts]
    return [row for row in rows if row[1].strip() and row[1].isprintable() and len(row[1]) <= 100]


def _keep_unfinished(
    rows: Iterable[tuple[Task, str, str]], persons: Mapping[str, Annotator], tally: Tally
) -> None:
    """Keep skips as skips and drafts as drafts, where the person has no row on the task."""
    now, made = timezone.now(), dict[tuple[int, int], Assignment]()
    for task, name, draft in rows:
        made[task.pk, persons[name].pk] = Assignment(
            task=task,
            annotator=persons[name],
            slot=0,
            cap=max(task.n_wanted, 1),
            state=AssignmentState.RELEASED if draft else AssignmentState.SKIPPED,
            leased_at=now,
            expires_at=now,
            draft=draft[:10_000].replace("\x00", ""),
            why_chosen=WHY,
        )
    tally.n_skipped += len(made)
    Assignment.objects.bulk_create(made.values(), batch_size=500, ignore_conflicts=True)
