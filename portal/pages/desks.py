"""What waits for one person in one project, and, where nothing does, the true reason."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Count

from portal.algorithms.exams import State
from portal.models import Annotation, Assignment, Evaluation, Task, preferences
from portal.models.annotators import AnnotatorState
from portal.models.evaluations import Verdict
from portal.models.taskqueries import TaskQuerySet
from portal.models.versions import VersionState
from portal.pages.seats import Seat
from portal.services import assignments

EXAM_FAILED = (
    "You have used every attempt of the entrance exam. A manager of this project sees that and can "
    "let you try once more; ask them."
)
MOST_COUNTED = 100  # shown as 99+: nobody needs more, and counting a million rows takes seconds


@dataclass(frozen=True)
class Desk:
    """One project on the home page."""

    seat: Seat
    n_to_caption: int
    n_to_review: int
    n_disputed: int
    n_to_audit: int
    n_to_compare: int
    n_to_promote: int
    n_captions: int
    running: Assignment | None
    why_empty: str

    @property
    def is_empty(self) -> bool:
        captions = (self.n_to_caption, self.n_to_review, self.n_to_compare)
        decisions = (self.n_disputed, self.n_to_audit, self.n_to_promote)
        return not (any(captions) or any(decisions) or self.running)


def desk_of(seat: Seat) -> Desk:
    """Count what waits for the person, each count up to MOST_COUNTED."""
    if not seat.may_caption:
        return Desk(
            seat, 0, 0, 0, 0, 0, 0, 0, None, "You may read here; captioning needs another role."
        )
    annotator = seat.known_annotator
    pk = annotator.pk if annotator else 0  # nobody yet: no task is theirs
    waiting = Task.objects.open_for(pk, seat.project.pk)
    n_to_caption = _fitting(seat, waiting)[:MOST_COUNTED].count()
    is_shut = seat.project.is_paused or (annotator and annotator.state == AnnotatorState.PAUSED)
    return Desk(
        seat=seat,
        n_to_caption=0 if is_shut else n_to_caption,
        n_to_review=_n_to_review(seat),
        n_disputed=_count(Task.objects.disputed_for, seat),
        n_to_audit=_count(Task.objects.awaiting_audit_by, seat),
        n_to_compare=_n_to_compare(seat),
        n_to_promote=_n_to_promote(seat),
        n_captions=Annotation.objects.filter(author_id=pk).count(),
        running=Assignment.objects.live().filter(annotator_id=pk).first(),
        why_empty=why_empty(seat),
    )


def _count(waiting: Callable[[int, int], TaskQuerySet], seat: Seat) -> int:
    """How many tasks wait for this expert; annotators are asked for none."""
    if not seat.may_decide:
        return 0
    return waiting(seat.user.pk, seat.project.pk)[:MOST_COUNTED].count()


def _fitting(seat: Seat, waiting: TaskQuerySet) -> TaskQuerySet:
    """Leave out what asks for a language or skill that the person does not have."""
    pools = assignments.pools_of(seat.known_annotator) if seat.known_annotator else None
    return waiting if pools is None else waiting.filter(pool__in=pools)


def _n_to_compare(seat: Seat) -> int:
    if seat.known_annotator is None:
        return 0
    return preferences.pairs_open_to(seat.known_annotator)[:MOST_COUNTED].count()


def _n_to_promote(seat: Seat) -> int:
    """How many retrained models were found better and wait for a manager's word."""
    if not seat.may_manage:
        return 0
    better = Evaluation.objects.undecided().filter(
        verdict=Verdict.PROMOTE, project=seat.project, retrained__state=VersionState.CANDIDATE
    )
    return better.aggregate(n=Count("retrained", distinct=True))["n"]


def _n_to_review(seat: Seat) -> int:
    if seat.known_annotator is None:
        return 0
    return Annotation.objects.reviewable_by(seat.known_annotator)[:MOST_COUNTED].count()


def why_empty(seat: Seat) -> str:
    """Say why this person is given nothing to caption just now."""
    annotator = seat.known_annotator
    if seat.project.is_paused:
        return "This project is paused. A manager can open it again."
    if annotator is not None and annotator.state == AnnotatorState.PAUSED:
        return "A manager has paused your work in this project. Ask them before you go on."
    if annotator is not None and annotator.state == AnnotatorState.QUARANTINED:
        return "At the moment you are given check clips only, and you have answered all of them."
    if annotator is not None and assignments.exam_of(annotator).state is State.FAILED:
        return EXAM_FAILED
    tasks = Task.objects.filter(project=seat.project).ordinary()
    if tasks.with_room().exists() and not _fitting(seat, tasks.with_room()).exists():
        return (
            "The clips that wait ask for another language, or for a skill that is not noted on "
            "you. A manager of this project can note what you speak and know."
        )
    return _why_no_task(tasks)


def _why_no_task(tasks: TaskQuerySet) -> str:
    if not tasks.exists():
        return "No clips have been posted to this project yet."
    if tasks.with_room().exists():
        return (
            "You have captioned or skipped every clip that still has room. "
            "The rest is for other people; your view would not be independent a second time."
        )
    if tasks.open().exists():
        return (
            "Every open clip has as many people on it as it asks for. "
            "If somebody gives one back, it appears here."
        )
    return "Every clip has been settled. New ones come when the model is unsure again."
