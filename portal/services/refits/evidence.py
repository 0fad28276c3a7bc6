"""What a refit is fitted to: the captions of weighed tasks, and what experts said of people."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from django.db.models import Max, Sum

from portal.adapters import vectors
from portal.adapters.encoders import Encoder
from portal.algorithms.evidence import Caption
from portal.algorithms.parameters import Parameters
from portal.models import Annotation, Consensus, Project, Refit, Residual
from portal.models.consensus import FINAL, ConsensusStatus

# The newest tasks that a fit looks at: their captions and vectors lie in memory at once.
MOST_TASKS = 20_000
CHUNK = 500
# Where people were compared with one another; an expert's decision compares them with the expert.
WEIGHED = (ConsensusStatus.ACCEPTED, ConsensusStatus.FINALISED, ConsensusStatus.DISPUTED)


@dataclass(frozen=True)
class Evidence:
    """Weighed tasks in ascending order with their captions, and the versions that stood then.

    `said` holds, for each annotator, the sum and number of their residuals against experts' words.
    """

    task_ids: Sequence[int]
    captions: Sequence[Sequence[Caption]]
    versions: dict[int, int]  # task → the consensus that stood
    said: dict[int, tuple[float, float]]
    newest_consensus: int


def gather(project: Project, encoder: Encoder | None) -> Evidence:
    """Read what there is, outside of any transaction: encoding takes its time."""
    newest = Consensus.objects.filter(project=project, is_standing=True, status__in=FINAL)
    newest_consensus = newest.aggregate(newest=Max("id"))["newest"] or 0
    standing = (
        Consensus.objects.standing()
        .filter(project=project, status__in=WEIGHED, task__is_gold=False)
        .order_by("-id")
    )
    versions = dict(sorted(standing.values_list("task_id", "id")[:MOST_TASKS]))
    grouped = _captions(list(versions), encoder)
    task_ids = [task_id for task_id in versions if task_id in grouped]
    return Evidence(
        task_ids=task_ids,
        captions=[grouped[task_id] for task_id in task_ids],
        versions=versions,
        said=_said_by_experts(project),
        newest_consensus=newest_consensus,
    )


def _captions(task_ids: Sequence[int], encoder: Encoder | None) -> dict[int, list[Caption]]:
    grouped: dict[int, list[Caption]] = defaultdict(list)
    for task_id, caption in standing_captions(task_ids, encoder):
        grouped[task_id].append(caption)
    return grouped


def standing_captions(
    task_ids: Sequence[int], encoder: Encoder | None
) -> Iterator[tuple[int, Caption]]:
    """The captions that stand on these tasks, each with its task, in the order they came."""
    for first in range(0, len(task_ids), CHUNK):
        rows = list(
            Annotation.objects.standing()
            .filter(task_id__in=task_ids[first : first + CHUNK])
            .select_related("prediction_shown")
            .order_by("task_id", "id")
        )
        rows_vectors = vectors.many(encoder, [row.text for row in rows]) if encoder else []
        for at, row in enumerate(rows):
            yield row.task_id, _caption(row, rows_vectors[at] if encoder else None)


def _caption(row: Annotation, vector: vectors.Vector | None) -> Caption:
    """A caption as the algorithms see it; its author's skill is what the fit finds out."""
    return Caption(
        key=row.pk,
        text=row.text,
        author=row.author_id,
        shown_prediction=row.prediction_shown.caption if row.prediction_shown else None,
        vector=vector,
    )


def _said_by_experts(project: Project) -> dict[int, tuple[float, float]]:
    """Residuals of tasks that an expert decided: they stay as they are and count like gold."""
    rows = Residual.objects.filter(
        annotator__project=project,
        n_credited=1,
        task__consensuses__is_standing=True,
        task__consensuses__status=ConsensusStatus.DECIDED,
    )
    summed = rows.values("annotator_id").annotate(total=Sum("credited"), n=Sum("n_credited"))
    return {row["annotator_id"]: (row["total"], float(row["n"])) for row in summed}


def parameters_before(project: Project, encoder: Encoder | None) -> tuple[int, Parameters]:
    """The number and the parameters of the refit in force; 0 and the defaults before the first."""
    refit = Refit.objects.current_of(project.pk)
    parameters = Parameters.from_json(refit.parameters) if refit else Parameters()
    name = encoder.name if encoder else ""
    number = refit.number if refit else 0
    return number, replace(parameters, encoder=name, language=project.language)
