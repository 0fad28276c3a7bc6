"""What somebody is told when they are kept from ordinary clips, or may have them again."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from portal.algorithms import gold
from portal.models import Annotation, Annotator
from portal.models.members import AnnotatorState

TOLD_FOR = timedelta(days=7)
CHECKS = (
    "For now you are given check clips only: clips whose right answers are known. As soon as more "
    f"than half of your newest check clips are right, from {gold.RELEASE_AFTER} on, ordinary clips "
    "come back by themselves; nobody has to decide that."
)
PAUSED = "A manager has paused your work in this project. Ask them before you go on."


@dataclass(frozen=True)
class Standing:
    """One notice: how it looks, what it says, and how the person is doing since."""

    kind: str  # warning or success
    sentences: tuple[str, ...]


def standing_of(annotator: Annotator | None) -> Standing | None:
    """Say in plain words what holds for this person, where it is not the ordinary."""
    if annotator is None:
        return None
    if annotator.state == AnnotatorState.QUARANTINED:
        return Standing("warning", (*_note(annotator), CHECKS, _so_far(annotator)))
    if annotator.state == AnnotatorState.PAUSED:
        return Standing("warning", (*_note(annotator), PAUSED))
    if annotator.state_note and _is_recent(annotator):
        return Standing("success", (*_note(annotator), "You are given ordinary clips again."))
    return None


def _note(annotator: Annotator) -> tuple[str, ...]:
    return (annotator.state_note,) if annotator.state_note else ()


def _is_recent(annotator: Annotator) -> bool:
    changed = annotator.state_changed_at
    return changed is not None and changed > timezone.now() - TOLD_FOR


def _so_far(annotator: Annotator) -> str:
    since = annotator.state_changed_at
    marks = [mark for _, mark in Annotation.objects.gold_marks(annotator.pk, since=since)]
    newest = marks[-gold.RELEASE_WINDOW :]
    if not newest:
        return "You have not answered one since."
    n_right = sum(mark >= gold.RIGHT for mark in newest)
    return f"Of the newest {len(newest)} since then, {n_right} were right."
