"""How far a project's model has drifted from its people: the dashboard's control chart."""

from dataclasses import dataclass
from typing import Any

from portal.algorithms.control import WINDOW, Chart
from portal.models import ModelVersion, Project, Surprise
from portal.services import retraining, surprises

SHOWN = 400


@dataclass(frozen=True)
class Drift:
    """A version, how many of its captions were measured, and its chart where there are enough."""

    version: ModelVersion
    n_points: int
    chart: Chart | None

    @property
    def means(self) -> list[float]:
        """The newest moving means; none before there are two windows."""
        return [] if self.chart is None else self.chart.means[-SHOWN:].tolist()

    @property
    def n_missing(self) -> int:
        """How many more captions it takes until there is something to compare."""
        return max(0, 2 * WINDOW - self.n_points)

    @property
    def newest(self) -> float | None:
        """The newest mean."""
        return self.means[-1] if self.means else None


def of_project(project: Project) -> Drift | None:
    """Return the drift of the version that would be retrained; None where no model has spoken."""
    version = retraining.base_of(project)
    if version is None:
        return None
    points: Any = Surprise.objects.filter(version=version)
    return Drift(version, points.count(), surprises.chart(version=version))
