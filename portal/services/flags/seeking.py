"""Look through a project's newest captions for signs, and keep what is found for a manager."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from django.db import transaction

from portal.adapters import vectors
from portal.algorithms import exhibits, flags
from portal.algorithms.evidence import Caption
from portal.algorithms.parameters import Parameters
from portal.algorithms.reliability import Refit as Fit
from portal.algorithms.reliability import refit
from portal.models import Annotation, Annotator, Flag, Project, Refit
from portal.services.flags.golds import weigh_gold

NEWEST_CAPTIONS = 5000
ENOUGH_NEW = 20  # captions after which it is worth looking again
ENOUGH_LATER = 10  # of somebody's own, after a decision, before its sign may come back

Tasks = list[list[Caption]]
Sign = tuple[int, str]  # annotator, kind


def due() -> list[int]:
    """Return the projects with enough captions that no search has seen."""
    return [
        project.pk
        for project in Project.objects.order_by("pk")
        if len(_unseen(project)[:ENOUGH_NEW]) >= ENOUGH_NEW
    ]


def _unseen(project: Project) -> Sequence[int]:
    fresh = Annotation.objects.fresh_in(project.pk, after=project.flags_sought_up_to)
    return fresh.values_list("pk", flat=True)  # type: ignore[return-value]


def seek(*, project_id: int) -> int:
    """Search a project's newest captions for signs; says how many flags are new.

    Idempotent: a sign that is open is brought up to date, and one that somebody has decided comes
    back only if it shows on later captions alone. The search runs outside of any transaction.
    """
    project = Project.objects.get(pk=project_id)
    tasks = _newest_tasks(project)
    n_new = 0
    if tasks:
        fit = refit(tasks, _parameters(project))
        found = _still_news(flags.find(tasks, fit, _gold(project)), tasks, project)
        n_new = _keep(found, tasks, fit)
        newest = max(caption.key for task in tasks for caption in task)
        Project.objects.filter(pk=project_id).update(flags_sought_up_to=newest)
    for pk in Annotator.objects.filter(project=project, n_gold__gt=0).values_list("pk", flat=True):
        weigh_gold(annotator_id=pk)
    return n_new


def _newest_tasks(project: Project) -> Tasks:
    """The newest captions by task, tasks in the order in which they were begun."""
    encoder = vectors.encoder_for(project.language)
    rows = (
        Annotation.objects.fresh_in(project.pk, after=0)
        .select_related("prediction_shown")
        .order_by("-pk")[:NEWEST_CAPTIONS]
    )
    grouped: dict[int, list[Caption]] = defaultdict(list)
    for row in reversed(rows):
        grouped[row.task_id].append(
            Caption(
                key=row.pk,
                text=row.text,
                author=row.author_id,
                shown_prediction=row.prediction_shown.caption if row.prediction_shown else None,
                vector=vectors.vector(encoder, row.text) if encoder else None,
            )
        )
    return list(grouped.values())


def _parameters(project: Project) -> Parameters:
    current = Refit.objects.current_of(project.pk)
    return Parameters.from_json(current.parameters) if current else Parameters()


def _gold(project: Project) -> dict[int, list[float]]:
    """Everybody's marks on gold, in order."""
    marks: dict[int, list[float]] = defaultdict(list)
    for author_id, mark in Annotation.objects.all_gold_marks(project.pk):
        marks[author_id].append(mark)
    return dict(marks)


def _still_news(found: Iterable[flags.Flag], tasks: Tasks, project: Project) -> list[flags.Flag]:
    """Leave out signs that were decided, unless later captions show them without the earlier."""
    found = list(found)
    decided = Flag.objects.decided_up_to({flag.author for flag in found})
    old = {(flag.author, flag.kind) for flag in found} & set(decided)
    if not old:
        return found
    again = _signs_beyond({sign: decided[sign] for sign in old}, tasks, project)
    return [
        flag
        for flag in found
        if (flag.author, flag.kind) not in old or (flag.author, flag.kind) in again
    ]


def _signs_beyond(decided: dict[Sign, int], tasks: Tasks, project: Project) -> set[Sign]:
    """Search once more without the captions of these people that a decision has weighed."""
    cuts: dict[int, int] = {}
    for (author, _), up_to in decided.items():
        cuts[author] = max(up_to, cuts.get(author, 0))
    later = [[each for each in task if each.key > cuts.get(each.author, 0)] for task in tasks]
    later = [task for task in later if task]
    n_later = Counter(caption.author for task in later for caption in task)
    if not any(n_later[author] >= ENOUGH_LATER for author in cuts):
        return set()
    found = flags.find(later, refit(later, _parameters(project)), _gold(project))
    shown = {(flag.author, flag.kind) for flag in found}
    return {sign for sign in decided if sign in shown and n_later[sign[0]] >= ENOUGH_LATER}


def _keep(found: Sequence[flags.Flag], tasks: Tasks, fit: Fit) -> int:
    works = flags.by_author(tasks)
    return sum(_write(flag, works[flag.author], fit) for flag in found)


@transaction.atomic
def _write(flag: flags.Flag, own: Sequence[flags.Work], fit: Fit) -> bool:
    _, is_new = Flag.objects.see(
        annotator_id=flag.author,
        kind=flag.kind,
        evidence=flag.evidence,
        value=flag.value,
        limit=flag.limit,
        examples=exhibits.choose(flag.kind, own, fit),
        weighed_up_to=max(work.caption.key for work in own),
    )
    return is_new
