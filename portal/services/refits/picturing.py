"""What a project's confidence has meant so far, beside what experts found."""

from dataclasses import dataclass

import numpy as np

from portal.algorithms.calibration import Bin, calibration_error, reliability_bins
from portal.models import Project, Refit
from portal.services.refits.calibrating import judged

POINTS_A_BIN, MOST_BINS = 8, 10


@dataclass(frozen=True)
class Meaning:
    """Reviewed tasks in bins of what was said, each weighing as many as it was drawn from.

    `said` and `right` are means over all of them, `error` the mean distance between the two.
    """

    n: int
    n_audits: int
    said: float
    right: float
    error: float
    bins: tuple[Bin, ...]
    refit: Refit | None


def meaning_of_confidence(*, project: Project) -> Meaning:
    """Compare what the portal said of tasks with what experts found in them."""
    labels = list(judged(project))
    said = np.array([label.said for label in labels])
    found = np.array([label.outcome for label in labels])
    weights = np.array([1 / label.probability for label in labels])
    n_bins = min(MOST_BINS, max(1, len(labels) // POINTS_A_BIN))
    bins = reliability_bins(said, found, n_bins, weights)
    whole = reliability_bins(said, found, 1, weights)
    return Meaning(
        n=len(labels),
        n_audits=sum(label.is_audit for label in labels),
        said=whole[0].said if whole else 0.0,
        right=whole[0].found if whole else 0.0,
        error=calibration_error(bins),
        bins=bins,
        refit=Refit.objects.current_of(project.pk),
    )
