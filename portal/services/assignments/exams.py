"""Who still has to pass the project's exam before ordinary work."""

from collections import defaultdict
from collections.abc import Iterable

from portal.algorithms import gold
from portal.algorithms.exams import Rules, Standing, standing
from portal.models import Annotation, Annotator, Project, Task


def rules_of(project: Project, annotator: Annotator) -> Rules:
    """Return the exam's rules for one person: a manager may have granted more attempts."""
    n_attempts = project.exam_attempts + annotator.extra_attempts
    return Rules(project.exam_size, project.exam_pass, n_attempts)


def exam_of(annotator: Annotator) -> Standing:
    """Say where somebody stands in their project's exam; without an exam it asks nothing."""
    rules = rules_of(annotator.project, annotator)
    if rules.n_clips <= 0:
        return standing((), rules)
    return standing([mark >= gold.RIGHT for _, mark in _marks(annotator)], rules)


def _marks(annotator: Annotator) -> list[tuple[int, float]]:
    return Annotation.objects.gold_marks(annotator.pk)


def exam_waits(annotator: Annotator, exam: Standing) -> bool:
    """Whether the exam keeps somebody from ordinary work now.

    An empty pool never blocks anybody who has attempts left; who has none waits for a manager.
    """
    if not exam.bars_ordinary_work:
        return False
    return not exam.is_open or Task.objects.gold_unseen_by(annotator).exists()


def exams_of(project: Project, people: Iterable[Annotator]) -> dict[int, Standing]:
    """Say the same of many people of one project in one question."""
    marks: dict[int, list[bool]] = defaultdict(list)
    if project.exam_size > 0:
        for author_id, mark in Annotation.objects.all_gold_marks(project.pk):
            marks[author_id].append(mark >= gold.RIGHT)
    return {each.pk: standing(marks[each.pk], rules_of(project, each)) for each in people}
