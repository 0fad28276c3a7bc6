"""What somebody is told when they are kept from ordinary clips, or may have them again."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from portal.algorithms import gold
from portal.algorithms.exams import Standing as Exam
from portal.algorithms.exams import State
from portal.models import Annotation, Annotator
from portal.models.annotators import AnnotatorState
from portal.models.projects import ExamFeedback
from portal.pages.desks import EXAM_FAILED
from portal.services import assignments

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

    kind: str  # warning, info or success
    sentences: tuple[str, ...]


def standing_of(annotator: Annotator | None) -> Standing | None:
    """Say in plain words what holds for this person, where it is not the ordinary."""
    if annotator is None:
        return None
    if annotator.state == AnnotatorState.QUARANTINED:
        return Standing("warning", (*_note(annotator), CHECKS, _so_far(annotator)))
    if annotator.state == AnnotatorState.PAUSED:
        return Standing("warning", (*_note(annotator), PAUSED))
    exam = exam_notice(annotator)
    if exam is not None:
        return exam
    if annotator.state_note and _is_recent(annotator):
        return Standing("success", (*_note(annotator), "You are given ordinary clips again."))
    return None


def exam_notice(annotator: Annotator) -> Standing | None:
    """Say where somebody stands in the exam, while it lies before them."""
    exam = assignments.exam_of(annotator)
    rules = assignments.rules_of(annotator.project, annotator)
    if exam.state is State.FAILED:
        return Standing("warning", (EXAM_FAILED,))
    if not exam.is_open:
        return None
    asked = (
        f"Entrance exam: {rules.n_needed} of {rules.n_clips} clips have to be right before you are "
        f"given others. Attempt {exam.attempt} of {rules.n_attempts}, {exam.n_answered} answered."
    )
    tells = annotator.project.exam_feedback != ExamFeedback.NONE
    so_far = (f"{exam.n_right} of them right so far.",) if tells and exam.n_answered else ()
    return Standing("info", (asked, *so_far))


def exam_verdict(annotation: Annotation, before: Exam) -> str:
    """Say what the project lets people know after one answer of the exam; else nothing."""
    project = annotation.task.project
    if not before.is_open or not annotation.task.is_gold or annotation.gold_score is None:
        return ""
    now = assignments.exam_of(annotation.author)
    if now.state is State.PASSED:
        return "You have passed the exam: from now on you are given ordinary clips."
    if project.exam_feedback == ExamFeedback.NONE:
        return ""
    if annotation.gold_score >= gold.RIGHT:
        return "That was right."
    answers = [f"“{text}”" for text in annotation.task.references.values_list("text", flat=True)]
    shown = f" Accepted are: {', '.join(answers[:3])}."
    return "That was not right." + (shown if project.exam_feedback == ExamFeedback.ANSWERS else "")


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
