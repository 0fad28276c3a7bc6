"""One transaction that puts a refit in force: parameters, residuals and everybody's skill."""

from collections.abc import Iterator, Sequence

from django.db import transaction
from django.db.models import F, Sum

from portal.algorithms.reliability import Refit as Fit
from portal.algorithms.reliability import skill
from portal.models import Annotator, Consensus, Project, Refit, Residual, Task
from portal.models.members import STATED
from portal.services.refits.evidence import CHUNK, Evidence

SUMS = ("n_residuals", "sum_residuals", "sum_squares")


@transaction.atomic
def swap(
    project: Project, *, after: int, evidence: Evidence, fitted: Fit, n_labels: int
) -> Refit | None:
    """Write the next version unless another came first; None then, with nothing changed.

    Locks go project → tasks → people, each in the order of their keys, as crediting takes them.
    A task that has got a newer consensus meanwhile keeps the residuals that came with it.
    """
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    before = Refit.objects.current_of(project.pk)
    if (before.number if before else 0) != after:
        return None
    _restate_residuals(evidence, fitted)
    _restate_people(project, fitted)
    return Refit.objects.create(
        project=project,
        number=after + 1,
        parameters=fitted.parameters.to_json(),
        n_captions=sum(len(task) for task in evidence.captions),
        n_labels=n_labels,
        newest_consensus=evidence.newest_consensus,
    )


def _restate_residuals(evidence: Evidence, fitted: Fit) -> None:
    """Let what people are credited with be what the fit found; when it happened stays."""
    by_task: dict[int, list[Residual]] = {}
    for row in _residuals(evidence, fitted):
        by_task.setdefault(row.task_id, []).append(row)
    task_ids = sorted(by_task)
    for first in range(0, len(task_ids), CHUNK):
        unmoved = _unmoved(task_ids[first : first + CHUNK], evidence)
        Residual.objects.restate(row for task_id in unmoved for row in by_task[task_id])


def _unmoved(task_ids: Sequence[int], evidence: Evidence) -> list[int]:
    """Lock these tasks and keep those whose consensus is the one that was fitted."""
    locked = [task.pk for task in Task.objects.lock_all(task_ids).only("pk")]
    standing = Consensus.objects.standing().filter(task_id__in=locked)
    now = dict(standing.values_list("task_id", "pk"))
    return [task_id for task_id in locked if now.get(task_id) == evidence.versions[task_id]]


def _residuals(evidence: Evidence, fitted: Fit) -> Iterator[Residual]:
    """Deal each person's residuals back to the captions that they were fitted to."""
    dealt = {person: iter(values) for person, values in fitted.residuals.items()}
    for task_id, captions in zip(evidence.task_ids, evidence.captions, strict=True):
        if len({caption.author for caption in captions}) < 2:
            continue  # nobody to compare with
        for caption in captions:
            value = next(dealt[caption.author])
            yield Residual(
                task_id=task_id,
                annotator_id=caption.author,
                value=value,
                n=1,
                credited=value,
                n_credited=1,
            )


def _restate_people(project: Project, fitted: Fit) -> None:
    """Sum up everybody's residuals and give them the place that follows."""
    people = Annotator.objects.filter(project=project).order_by("pk")
    locked = list(people.select_for_update(no_key=True))
    credited = Residual.objects.filter(annotator__project=project).values("annotator_id")
    sums = {
        row["annotator_id"]: row
        for row in credited.annotate(
            n=Sum("n_credited"), total=Sum("credited"), squares=Sum(F("credited") * F("credited"))
        )
    }
    numbers = fitted.parameters
    for person in locked:
        row = sums.get(person.pk, {"n": 0, "total": 0.0, "squares": 0.0})
        person.n_residuals = row["n"]
        person.sum_residuals, person.sum_squares = row["total"], row["squares"]
        place = skill(row["n"], row["total"], numbers.sigma_e, numbers.sigma_a, numbers.mu)
        person.stand_at(
            s=place.s, se=place.se, reliability=place.reliability, low=place.low, high=place.high
        )
    Annotator.objects.bulk_update(locked, [*SUMS, *STATED], batch_size=CHUNK)
