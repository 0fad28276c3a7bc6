"""The clips, tasks and people that a block of records is about: found, or made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.utils import timezone

from portal.adapters.formats import Record
from portal.algorithms import sampling
from portal.errors import Conflict, InvalidInput, NotFound, PortalError
from portal.models import Annotator, Project, Task, Video
from portal.models.texts import FORBIDDEN
from portal.models.videos import Registered, Sighting, check_scheme
from portal.models.writes import insert_new, next_ids
from portal.services.imports.options import Tally

NAME_CHARACTERS = 200
PEOPLE = 500
ASKED = ("is_requested", "n_wanted", "virtual_due", "created_at")


class Placed(NamedTuple):
    """A record and where it stands in its file."""

    place: str
    record: Record


@dataclass(frozen=True)
class Targets:
    """What a block is about, by the names in the file."""

    videos: dict[str, Registered]
    tasks: dict[tuple[str, int, int], Task]

    def task_of(self, record: Record) -> Task:
        return self.tasks[record.key]


def checked(project: Project, block: Iterable[Placed], tally: Tally) -> list[Placed]:
    """Return the records that this project can have; the others are counted as refused."""
    good = []
    for placed in block:
        try:
            _check(project, placed.record)
        except PortalError as refused:
            tally.refuse(placed.place, refused.detail)
        else:
            good.append(placed)
    return good


def _check(project: Project, record: Record) -> None:
    if record.project not in ("", project.slug):
        # The same words whether such a project exists or not.
        raise NotFound(f"There is no project {record.project[:60]} here; this is {project.slug}.")
    name = record.video_id
    if not 0 < len(name) <= NAME_CHARACTERS or FORBIDDEN.search(name) or name != name.strip():
        raise InvalidInput("video_id has 1 to 200 characters, none of them control characters.")
    if "\n" in name or "\t" in name:
        raise InvalidInput("video_id is a single line.")
    if not 0 <= record.start_ms < 2**31 or 0 < record.end_ms <= record.start_ms:
        raise InvalidInput("end must be after start, and start not before 0.")
    if record.end_ms >= 2**31:
        raise InvalidInput("end is beyond the longest clip.")
    if record.language and record.language.split("-")[0] != project.language.split("-")[0]:
        raise InvalidInput(
            f"This is in {record.language[:16]}; {project} is a project in {project.language}."
        )
    if record.url.startswith("http"):
        check_scheme(record.url)


def found_or_made(
    project: Project, block: Sequence[Placed], *, may_evaluate: bool = True
) -> Targets:
    """Find or make a block's clips and tasks, the tasks locked; an erased clip has none.

    A clip that is first named as gold is not drawn for evaluation: everybody sees its answers.
    """
    videos = Video.objects.register_many(
        project_id=project.pk,
        wanted={record.video_id: sighting(record) for _, record in block},
        is_evaluation=lambda name: (
            may_evaluate
            and sampling.is_for_evaluation(
                name, salt=project.evaluation_salt, share=project.evaluation_share
            )
        ),
    )
    wanted = {}
    for _, record in block:
        video = videos[record.video_id]
        if not video.is_erased:
            wanted[record.key] = (video.pk, record.start_ms, record.end_ms)
    tasks = _tasks(project, wanted.values())
    return Targets(videos, {key: tasks[segment] for key, segment in wanted.items()})


def sighting(record: Record) -> Sighting:
    """Return what a record says of its clip."""
    url = record.url if record.url.startswith(("http://", "https://")) else ""
    tags = [tag for tag in record.tags[:50] if len(tag) <= NAME_CHARACTERS]
    return Sighting(url, [tag for tag in tags if not FORBIDDEN.search(tag)])


def _tasks(
    project: Project, wanted: Iterable[tuple[int, int, int]]
) -> dict[tuple[int, int, int], Task]:
    segments = sorted(set(wanted))
    known = Task.objects.at_segments(project.pk, (video for video, _, _ in segments))
    new = [segment for segment in segments if segment not in known]
    pks = {segment: task.pk for segment, task in known.items()}
    pks |= dict(zip(new, next_ids(Task, len(new)), strict=True)) if new else {}
    if _opened(project, {segment: pks[segment] for segment in new}) < len(new):
        again = Task.objects.at_segments(project.pk, (video for video, _, _ in new))
        pks |= {segment: task.pk for segment, task in again.items()}
    locked: dict[int, Task] = {}
    ids = sorted(pks[segment] for segment in segments)
    for first in range(0, len(ids), 500):
        locked |= {task.pk: task for task in Task.objects.lock_all(ids[first : first + 500])}
    return {segment: locked[pks[segment]] for segment in segments}


def _opened(project: Project, new: Mapping[tuple[int, int, int], int]) -> int:
    """Open these tasks, whatever models say of them; return how many nobody else just opened."""
    held_out = _held_out(project, {video for video, _, _ in new})
    now = timezone.now()
    return insert_new(
        Task,
        ("id", "project", "video", "start_ms", "end_ms", "is_evaluation", *ASKED),
        [
            (pk, project.pk, *segment, segment[0] in held_out, True, project.min_captions, now, now)
            for segment, pk in new.items()
        ],
    )


def _held_out(project: Project, pks: Iterable[int]) -> set[int]:
    """Return which of these clips are kept for evaluation."""
    ids, found = sorted(pks), set[int]()
    for first in range(0, len(ids), 500):
        rows = Video.objects.filter(project=project, is_evaluation=True)
        found |= set(rows.filter(pk__in=ids[first : first + 500]).values_list("pk", flat=True))
    return found


def people(
    project: Project, names: Iterable[str], pseudonyms: Mapping[str, str]
) -> dict[str, Annotator]:
    """Return the annotators by the names that the file has for them; new names are new people.

    `pseudonyms` leads from those that our exports use back to ids.
    """
    ids = {name: pseudonyms.get(name, name) for name in names}
    wanted = sorted(set(ids.values()))
    known: dict[str, Annotator] = {}
    for first in range(0, len(wanted), PEOPLE):
        part = wanted[first : first + PEOPLE]
        rows = Annotator.objects.filter(project=project, annotator_id__in=part)
        found = {row.annotator_id: row for row in rows}
        missing = [name for name in part if name not in found]
        Annotator.objects.bulk_create(
            [Annotator(project=project, annotator_id=name) for name in missing],
            ignore_conflicts=True,
        )
        again = rows.filter(annotator_id__in=missing) if missing else ()
        known |= found | {row.annotator_id: row for row in again}
    return {name: known[annotator_id] for name, annotator_id in ids.items()}


def pseudonyms_of(project: Project) -> dict[str, str]:
    """Return the way back from the pseudonyms of our exports to annotators' ids."""
    ids = Annotator.objects.filter(project=project).values_list("annotator_id", flat=True)
    return {project.pseudonym_of(annotator_id): annotator_id for annotator_id in ids}


def check_person(name: str) -> None:
    """Refuse what cannot be an annotator's id."""
    if not name.strip() or not name.isprintable() or len(name) > 100:
        raise InvalidInput("An author's name has 1 to 100 printable characters.")


def check_not_erased(targets: Targets, record: Record) -> None:
    """Refuse captions of a clip that was erased."""
    if targets.videos[record.video_id].is_erased:
        raise Conflict(f"Video {record.video_id} was erased; it takes no more captions.")
