"""A person decides about a flag: confirm it with what is to be done, or dismiss it."""

from django.db import transaction
from django.utils import timezone

from portal import signals
from portal.errors import Conflict, InvalidInput
from portal.models import Annotator, AuditEntry, Flag, User
from portal.models.annotators import MOVED, AnnotatorState
from portal.models.flags import FlagState, Remedy
from portal.models.texts import clean_caption
from portal.signals import announce

STATES = {Remedy.GOLD_ONLY: AnnotatorState.QUARANTINED, Remedy.PAUSE: AnnotatorState.PAUSED}
TOLD = {
    Remedy.GOLD_ONLY: "A manager looked at your work and asks you to answer check clips first.",
    Remedy.PAUSE: "A manager looked at your work and wants to talk with you first.",
}


@transaction.atomic
def confirm(*, flag: Flag, remedy: str, reason: str, user: User) -> Flag:
    """Confirm an open flag, with what is done about it: nothing, gold only, or a pause.

    Raises Conflict where somebody has decided it already.
    """
    if remedy not in Remedy.values:
        raise InvalidInput.on("remedy", f"remedy is one of {', '.join(Remedy.values)}.", "choice")
    decided = _decide(flag, FlagState.CONFIRMED, reason, user, remedy=remedy)
    if remedy != Remedy.NOTHING:
        _restrict(decided.annotator_id, Remedy(remedy))
    return decided


@transaction.atomic
def dismiss(*, flag: Flag, reason: str, user: User) -> Flag:
    """Dismiss an open flag with a reason; it does not come back on the same captions.

    Raises Conflict where somebody has decided it already.
    """
    return _decide(flag, FlagState.DISMISSED, reason, user)


def _decide(flag: Flag, state: FlagState, reason: str, user: User, remedy: str = "") -> Flag:
    said = clean_caption(reason, "reason")
    locked = (
        Flag.objects.select_for_update(of=("self",)).select_related("annotator").get(pk=flag.pk)
    )
    if not locked.is_open:
        raise Conflict(f"This flag is {locked.get_state_display()} already.")
    locked.state, locked.remedy, locked.reason = state, remedy, said
    locked.decided_by, locked.decided_at = user, timezone.now()
    locked.save(update_fields=["state", "remedy", "reason", "decided_by", "decided_at"])
    AuditEntry.objects.record(
        action=f"flag.{state}",
        on=locked,
        project_id=locked.annotator.project_id,
        actor=f"user:{user}",
        user=user,
        details={"annotator": locked.annotator_id, "kind": locked.kind, "remedy": remedy},
    )
    return locked


def _restrict(annotator_id: int, remedy: Remedy) -> None:
    """Pause somebody or put them on gold only; what they hold follows after the commit."""
    annotator = Annotator.objects.select_for_update(no_key=True).get(pk=annotator_id)
    if not annotator.move_to(STATES[remedy], note=TOLD[remedy]):
        return
    annotator.save(update_fields=MOVED)
    announce(signals.annotator_moved, annotator_id=annotator_id)
