"""Find the first tasks that fit one person, quickly however many they have done.

What somebody has answered and still waits for others stands at the front of the line. Walking past
five thousand such tasks takes a few milliseconds, past a million a second; so a long look is
remembered on the annotator for a while, and the next ones start where it ended. What came in before
that place meanwhile waits until then, and nobody is told that there is nothing to do without a
look from the very beginning.
"""

import time
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from portal.models import Annotator, Assignment
from portal.models.slots import Candidate, read_candidates
from portal.services.assignments.fitting import pools_of

CANDIDATES = 64
LONG_SECONDS = 0.005
MANY_DONE = 100
# A look is remembered a hundred times as long as it took: one part in a hundred goes into looking.
REMEMBERED_PER_SECOND = 100
LONGEST_REMEMBERED = timedelta(minutes=5)


def first_fitting(annotator: Annotator) -> list[Candidate]:
    """Return up to 64 tasks that fit this person, most pressing first; empty is truly nothing."""
    pools = pools_of(annotator)
    since = _remembered(annotator)
    if since is not None:
        found = _look(annotator, pools, since)
        if found:
            return found
    began = time.perf_counter()
    found = _look(annotator, pools, None)
    took = time.perf_counter() - began
    if found and took > LONG_SECONDS and _has_done_many(annotator):
        _remember(annotator, found[0].due, took)
    return found


def _look(annotator: Annotator, pools: list[int] | None, since: datetime | None) -> list[Candidate]:
    return read_candidates(
        annotator_pk=annotator.pk,
        project_id=annotator.project_id,
        pools=pools,
        since=since,
        n=CANDIDATES,
    )


def _remembered(annotator: Annotator) -> datetime | None:
    until = annotator.look_until
    return annotator.look_from if until is not None and until > timezone.now() else None


def _has_done_many(annotator: Annotator) -> bool:
    return Assignment.objects.filter(annotator=annotator)[:MANY_DONE].count() == MANY_DONE


def _remember(annotator: Annotator, since: float, took: float) -> None:
    kept = min(timedelta(seconds=took * REMEMBERED_PER_SECOND), LONGEST_REMEMBERED)
    annotator.look_from = datetime.fromtimestamp(since, UTC)  # exact to the microsecond
    annotator.look_until = timezone.now() + kept
    annotator.save(update_fields=["look_from", "look_until"])
