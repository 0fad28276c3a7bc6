"""Gold only: proposed on gold, begun by a manager alone, ended by gold.

Absolute accuracy on gold decides here and nothing else: the shown reliability is a percentile, and
two in five honest people stand below .4 of it by definition.
"""

from django.db import transaction

from portal import signals
from portal.algorithms import gold
from portal.models import Annotation, Annotator, Assignment, AuditEntry, Flag
from portal.models.annotators import MOVED, AnnotatorState
from portal.models.assignments import AssignmentState
from portal.models.flags import FlagKind
from portal.signals import announce

EXAMPLES = 6
RECOVERED = "More than half of your newest check clips were right."


def weigh_gold(*, annotator_id: int) -> bool:
    """Propose gold only where gold is mostly wrong, or end it where it is right again.

    Says whether anything changed; twice is harmless.
    """
    annotator = Annotator.objects.get(pk=annotator_id)
    if annotator.state == AnnotatorState.QUARANTINED:
        return _release(annotator)
    return annotator.state == AnnotatorState.ACTIVE and _propose(annotator)


def _propose(annotator: Annotator) -> bool:
    decided = Flag.objects.decided_up_to([annotator.pk])
    weighed = decided.get((annotator.pk, FlagKind.GOLD_ACCURACY), 0)
    marks = Annotation.objects.gold_marks(annotator.pk, after=weighed)
    right = gold.accuracy([mark for _, mark in marks])
    if not gold.proposes_quarantine(len(marks), right):
        return False
    wrong = [pk for pk, mark in marks if mark < gold.RIGHT]
    _, is_new = Flag.objects.see(
        annotator_id=annotator.pk,
        kind=FlagKind.GOLD_ACCURACY,
        evidence=f"Answered {len(wrong)} of {len(marks)} gold clips wrong.",
        value=right,
        limit=gold.QUARANTINE_BELOW,
        examples=wrong[-EXAMPLES:],
        weighed_up_to=marks[-1][0],
    )
    return is_new


@transaction.atomic
def _release(annotator: Annotator) -> bool:
    locked = Annotator.objects.select_for_update(no_key=True).get(pk=annotator.pk)
    marks = Annotation.objects.gold_marks(locked.pk, since=locked.state_changed_at)
    answers = [mark for _, mark in marks]
    if locked.state != AnnotatorState.QUARANTINED or not gold.releases(answers):
        return False
    locked.move_to(AnnotatorState.ACTIVE, note=RECOVERED)
    locked.save(update_fields=MOVED)
    # What led to quarantine is behind them: a new proposal needs new wrong answers.
    Flag.objects.filter(annotator=locked, kind=FlagKind.GOLD_ACCURACY).update(
        weighed_up_to=marks[-1][0]
    )
    AuditEntry.objects.record(
        action="annotator.released_by_gold",
        on=locked,
        project_id=locked.project_id,
        actor="gold",
        details={"accuracy": gold.accuracy(answers[-gold.RELEASE_WINDOW :])},
    )
    announce(signals.annotator_moved, annotator_id=locked.pk)
    return True


def free_leases(*, annotator_id: int) -> int:
    """Give back what somebody on gold only still holds of other tasks; says how many."""
    if not Annotator.objects.holding_too_much().filter(pk=annotator_id).exists():
        return 0
    held = Assignment.objects.filter(
        annotator_id=annotator_id, state=AssignmentState.LEASED, task__is_gold=False
    )
    return sum(_give_back(pk) for pk in held.values_list("pk", flat=True))


@transaction.atomic
def _give_back(pk: int) -> bool:
    return Assignment.objects.give_up(pk, AssignmentState.RELEASED)
