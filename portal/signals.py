"""What the portal announces: past events with ids, sent on commit, wired in `hooks.WIRING` alone.

A signal is a wake-up, never the truth: the sweep finds the same work by asking the rows, so a lost
announcement only delays.
"""

import logging
from typing import Any

from django.conf import settings
from django.db import transaction
from django.dispatch import Signal

logger = logging.getLogger(__name__)

predictions_ingested = Signal()  # project_id, prediction_ids
video_added = Signal()  # video_id
annotation_submitted = Signal()  # task_id, annotation_id
annotation_revised = Signal()  # task_id, annotation_id
vote_cast = Signal()  # task_id, vote_id
prediction_accepted = Signal()  # task_id, verification_id
review_recorded = Signal()  # task_id, review_id
gold_answered = Signal()  # task_id, annotation_id
gold_marked = Signal()  # annotator_id
annotator_moved = Signal()  # annotator_id (paused, on gold only, or at work again)
evidence_weighed = Signal()  # task_id (more captions are asked for)
consensus_reached = Signal()  # project_id, task_id, consensus_id
consensus_contested = Signal()  # task_id, consensus_id
retrain_requested = Signal()  # job_id
version_complete = Signal()  # job_id
preference_given = Signal()  # preference_id
weights_changed = Signal()  # project_id
version_promoted = Signal()  # version_id
export_requested = Signal()  # export_id
import_requested = Signal()  # import_id
event_recorded = Signal()  # event_id


def announce(signal: Signal, **ids: Any) -> None:
    """Send `signal` once the surrounding transaction has committed (at once outside of one).

    A failing receiver is logged and left to the sweep; `ANNOUNCE_RERAISE` makes it fail loudly,
    as the tests want it.
    """
    transaction.on_commit(lambda: _send(signal, ids))


def _send(signal: Signal, ids: dict[str, Any]) -> None:
    for receiver, answer in signal.send_robust(sender=None, **ids):
        if not isinstance(answer, Exception):
            continue
        if settings.ANNOUNCE_RERAISE:
            raise answer
        logger.error("%s failed on %s; the sweep will repeat it", receiver, ids, exc_info=answer)
