"""A retrain job's states: every move that there is, and that there is no other."""

import itertools

import pytest

from portal.errors import Conflict
from portal.models import ModelVersion
from portal.models.retraining import ACTIVE, MOVES, TERMINAL, JobState, RetrainJob

ENDS = {"succeeded", "failed", "timed_out", "cancelled"}
# As docs/how-to/your-own-trainer.md and the reference draw it.
DRAWN = {
    "frozen": {"dispatching", "accepted", "running"} | ENDS,
    "dispatching": {"dispatch_failed", "accepted", "running"} | ENDS,
    "dispatch_failed": {"dispatching", "accepted", "running"} | ENDS,
    "accepted": {"accepted", "running"} | ENDS,
    "running": {"running"} | ENDS,
    "succeeded": {"evaluating", "promoted", "rejected", "inconclusive", "timed_out"},
    "evaluating": {"promoted", "rejected", "inconclusive"},
}
PAIRS = list(itertools.product(JobState.values, JobState.values))


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_every_move_is_as_drawn(before, after):
    job = RetrainJob(pk=1, state=before, version=ModelVersion(name="v1"))
    if after in DRAWN.get(before, ()):
        job.move(JobState(after))
        assert job.state == after
        assert (job.finished_at is not None) == (after in TERMINAL)
    else:
        with pytest.raises(Conflict):
            job.move(JobState(after))
        assert (job.state, job.finished_at) == (before, None)


def test_a_terminal_state_is_never_left_and_every_other_leads_to_one():
    assert not set(TERMINAL) & MOVES.keys()
    assert set(TERMINAL) | MOVES.keys() == set(JobState)
    for state in MOVES:
        reached, ahead = set(), {state}
        while ahead - reached:
            reached |= ahead
            ahead = set().union(*(MOVES.get(each, set()) for each in ahead))
        assert reached & set(TERMINAL)
    assert set(ACTIVE) <= MOVES.keys()
