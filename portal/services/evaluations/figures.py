"""What the evaluation page draws: differences, pairs, slices, uncertainty's worth, labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from portal.algorithms import calibration
from portal.models import BatchItem, Evaluation, RetrainJob

MOST_POINTS = 500
MOST_EVALUATIONS = 20
N_BINS = 8
LEAST_IN_BIN = 5
LEAST_IN_SLICE = 5
Z95 = 1.96

Slice = tuple[str, int, float, float | None, float | None]  # name, n, difference, low, high
Bin = tuple[float, float, float, float, int]  # said, found, low, high, n
Point = tuple[float, float, float, float]  # labels, quality, low, high


@dataclass(frozen=True)
class Figures:
    """Everything that is drawn of one evaluation."""

    primary: str
    deltas: Sequence[float]
    points: Sequence[tuple[float, float]]
    slices: Sequence[tuple[str, Sequence[Slice]]]
    reliability: Sequence[tuple[str, Sequence[Bin]]]
    curve: Sequence[Point]

    @property
    def n_left_out(self) -> int:
        """How many items the scatter leaves out to stay light."""
        return len(self.deltas) - len(self.points)


def figures(*, evaluation: Evaluation) -> Figures:
    """Gather what is drawn of one evaluation, from its stored items alone."""
    primary = str(evaluation.frozen.get("primary", ""))
    rows = list(
        evaluation.items.order_by("pk").values_list(
            f"metrics__{primary}__original",
            f"metrics__{primary}__retrained",
            "original__uncertainty",
            "retrained__uncertainty",
            "delta",
        )
        if primary
        else ()
    )
    step = max(1, -(-len(rows) // MOST_POINTS))
    return Figures(
        primary=primary,
        deltas=[row[4] for row in rows],
        points=[(row[0], row[1]) for row in rows[::step]],
        slices=_slices(evaluation),
        reliability=[
            (evaluation.original.name, _bins([(row[2], row[0]) for row in rows])),
            (evaluation.retrained.name, _bins([(row[3], row[1]) for row in rows])),
        ],
        curve=_curve(evaluation, primary),
    )


def _slices(evaluation: Evaluation) -> list[tuple[str, list[Slice]]]:
    groups: dict[str, list[Slice]] = {}
    for row in evaluation.slices:
        if row["n"] >= LEAST_IN_SLICE:
            shown = (row["label"], row["n"], row["delta"], row["low"], row["high"])
            groups.setdefault(row["group"], []).append(shown)
    return list(groups.items())


def _bins(pairs: Sequence[tuple[float, float]]) -> list[Bin]:
    """Group items by stated uncertainty; what was found is how far the caption was from people."""
    n_bins = min(N_BINS, len(pairs) // LEAST_IN_BIN)
    if n_bins < 2:
        return []
    said, good = np.asarray(pairs, dtype=np.float64).T
    return [
        (
            each.said,
            each.found,
            each.found - Z95 * each.error,
            each.found + Z95 * each.error,
            each.n,
        )
        for each in calibration.reliability_bins(said, 1.0 - np.clip(good, 0.0, 1.0), n_bins)
    ]


def _curve(evaluation: Evaluation, primary: str) -> list[Point]:
    """Labels trained on against quality, over the project's retrained models, fewest labels first.

    Each model on the held-out clips of its time, with its own 95 % bounds.
    """
    rows = (
        Evaluation.objects.filter(project_id=evaluation.project_id, job__isnull=False)
        .filter(frozen__primary=primary, n_tasks__gt=0)
        .select_related("job")
        .order_by("-pk")[:MOST_EVALUATIONS]
    )
    return sorted(
        _point(row.job, row.metrics[primary]) for row in rows if row.job and primary in row.metrics
    )


def _point(job: RetrainJob, figures: dict[str, float | None]) -> Point:
    value = figures["retrained"] or 0.0
    low, high = figures.get("retrained_low"), figures.get("retrained_high")
    return (
        float(_n_labels(job)),
        value,
        value if low is None else low,
        value if high is None else high,
    )


def _n_labels(job: RetrainJob) -> int:
    """Return how many different tasks had been frozen into batches up to the job's own."""
    items = BatchItem.objects.filter(batch__project_id=job.project_id, batch_id__lte=job.batch_id)
    return items.values("task_id").distinct().count()
