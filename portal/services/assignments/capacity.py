"""How much one person may be given, and for how long."""

from datetime import timedelta

from portal.errors import AtCapacity
from portal.models import Annotator, Assignment
from portal.models.assignments import AssignmentState
from portal.services.assignments import statistics

LEASE_PER_LEAD_TIME = 3
LONGEST_LEASE = timedelta(hours=12)


def lease_lasts(annotator: Annotator) -> timedelta:
    """Return how long a lease of theirs runs.

    The project's minutes (15 at least), or three times the median time that a caption takes there
    where that is longer.
    """
    project = annotator.project
    lead = statistics.of(project).lead_seconds or 0.0
    minutes = max(project.lease_minutes, LEASE_PER_LEAD_TIME * lead / 60)
    return min(timedelta(minutes=minutes), LONGEST_LEASE)


def check(annotator: Annotator, *, n_held: int) -> None:
    """Refuse one more task to somebody who holds or has done as much as a manager allows."""
    if annotator.open_limit is not None and n_held >= annotator.open_limit:
        raise AtCapacity(
            f"{annotator} holds {n_held} of at most {annotator.open_limit} tasks; "
            "finish one or give it back first."
        )
    if annotator.daily_limit is not None and n_today(annotator) >= annotator.daily_limit:
        raise AtCapacity(
            f"{annotator} has done {annotator.daily_limit} today, as many as a manager allows; "
            "more from midnight UTC."
        )


def n_today(annotator: Annotator) -> int:
    """Return how many captions they have submitted since midnight UTC."""
    midnight = Assignment.objects.clock().replace(hour=0, minute=0, second=0, microsecond=0)
    return Assignment.objects.filter(
        annotator=annotator, state=AssignmentState.SUBMITTED, submitted_at__gte=midnight
    ).count()
