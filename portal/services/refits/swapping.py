"""One transaction that puts a refit in force: parameters, residuals and everybody's skill."""

from collections.abc import Sequence

from django.db import transaction

from portal.algorithms.reliability import Refit as Fit
from portal.algorithms.reliability import skill
from portal.models import Annotator, Consensus, Project, Refit, Residual, Task
from portal.models.annotators import STATED, SUMS
from portal.models.writes import update_each
from portal.services.refits.evidence import CHUNK, Evidence

RESTATED = ("value", "n", "credited", "n_credited")  # when it happened stays
Restated = tuple[int, float, int, float, int]  # the residual's id, and those


def swap(
    project: Project, *, after: int, evidence: Evidence, fitted: Fit, n_labels: int
) -> Refit | None:
    """Write the next version unless another came first; None then, with nothing changed.

    What can be laid out beforehand is, so that others wait for a second at most.
    """
    by_task = _residuals(evidence, fitted)
    return _swap(project, after, evidence, by_task, fitted, n_labels)


def _residuals(evidence: Evidence, fitted: Fit) -> dict[int, list[Restated]]:
    """Deal each person's residuals back to the captions that they were fitted to, by task."""
    dealt = {person: iter(values) for person, values in fitted.residuals.items()}
    places = Residual.objects.places(evidence.task_ids)
    by_task: dict[int, list[Restated]] = {}
    for task_id, captions in zip(evidence.task_ids, evidence.captions, strict=True):
        if len({caption.author for caption in captions}) < 2:
            continue  # nobody to compare with
        values = [(caption.author, next(dealt[caption.author])) for caption in captions]
        by_task[task_id] = [
            (places[task_id, author], value, 1, value, 1)
            for author, value in values
            if (task_id, author) in places
        ]
    return by_task


@transaction.atomic
def _swap(
    project: Project,
    after: int,
    evidence: Evidence,
    by_task: dict[int, list[Restated]],
    fitted: Fit,
    n_labels: int,
) -> Refit | None:
    """Locks go project → tasks → people, each in the order of their keys, as crediting takes them.

    A task that has got a newer consensus meanwhile keeps the residuals that came with it.
    """
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    before = Refit.objects.current_of(project.pk)
    if (before.number if before else 0) != after:
        return None
    unmoved = _unmoved(sorted(by_task), evidence)
    update_each(Residual, RESTATED, [row for task_id in unmoved for row in by_task[task_id]])
    _restate_people(project, fitted)
    return Refit.objects.create(
        project=project,
        number=after + 1,
        parameters=fitted.parameters.to_json(),
        n_captions=sum(len(task) for task in evidence.captions),
        n_labels=n_labels,
        newest_consensus=evidence.newest_consensus,
    )


def _unmoved(task_ids: Sequence[int], evidence: Evidence) -> list[int]:
    """Lock these tasks and keep those whose consensus is the one that was fitted."""
    unmoved = []
    for first in range(0, len(task_ids), CHUNK):
        some = task_ids[first : first + CHUNK]
        locked = list(Task.objects.lock_all(some).values_list("pk", flat=True))
        standing = Consensus.objects.standing().filter(task_id__in=locked)
        now = dict(standing.values_list("task_id", "pk"))
        unmoved += [pk for pk in locked if now.get(pk) == evidence.versions[pk]]
    return unmoved


def _restate_people(project: Project, fitted: Fit) -> None:
    """Sum up everybody's residuals and give them the place that follows."""
    people = Annotator.objects.filter(project=project).order_by("pk")
    locked = list(people.select_for_update(no_key=True).values_list("pk", flat=True))
    sums = Residual.objects.summed(project.pk)
    numbers = fitted.parameters
    rows = []
    for pk in locked:
        n, total, squares = sums.get(pk, (0, 0.0, 0.0))
        at = skill(n, total, numbers.sigma_e, numbers.sigma_a, numbers.mu)
        rows.append((pk, n, total, squares, at.s, at.se, at.reliability, at.low, at.high))
    update_each(Annotator, (*SUMS, *STATED), rows)
