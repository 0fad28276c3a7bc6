"""What a claim has to know of a whole project; kept for a minute, because it moves slowly.

Reading five hundred people for each of a thousand claims would cost more than the claims.
"""

from dataclasses import dataclass

import numpy as np
from django.core.cache import cache
from numpy.typing import NDArray

from portal.algorithms import skills
from portal.models import Annotation, Annotator, Project
from portal.services.assignments.trust import trust

KEPT_SECONDS = 60
MOST_PEOPLE = 500
RECENT_CAPTIONS = 200
LEAST_CAPTIONS = 20


@dataclass(frozen=True, eq=False)
class Statistics:
    """Three imagined people to compare with, and the median seconds from lease to caption."""

    references: NDArray[np.float64]
    lead_seconds: float | None


def of(project: Project) -> Statistics:
    """Return the project's statistics, at most a minute old."""
    key = f"claims/{project.pk}/statistics"
    known = cache.get(key)
    if isinstance(known, Statistics):
        return known
    read = Statistics(_references(project), _lead_seconds(project))
    cache.set(key, read, timeout=KEPT_SECONDS)
    return read


def _references(project: Project) -> NDArray[np.float64]:
    people = Annotator.objects.filter(project=project).order_by("-n_residuals", "pk")[:MOST_PEOPLE]
    return skills.reference_people(np.array(trust(people)))


def _lead_seconds(project: Project) -> float | None:
    """The median of the newest captions; None while there are too few to tell."""
    timed = Annotation.objects.filter(task__project=project, seconds__isnull=False)
    newest = timed.order_by("-id").values_list("seconds", flat=True)[:RECENT_CAPTIONS]
    seconds = np.array([each or 0.0 for each in newest])
    return float(np.median(seconds)) if len(seconds) >= LEAST_CAPTIONS else None
