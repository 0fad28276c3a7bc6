"""After a refit closed tasks are looked at again; a changed winner and confidence re-open one.

What people decided (experts, managers, an audit that upheld the caption) is never re-opened.
"""

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from portal.algorithms.text import comparison_key
from portal.models import AuditEntry, Consensus, Refit, Task
from portal.models.consensus import USING, ConsensusQuerySet, ConsensusStatus
from portal.models.taskstates import TaskState
from portal.services.consensus.evidence import Gathered, gather
from portal.services.consensus.settling import follow, lock, status_of, write_consensus

CHANGED_BY = 0.2
AT_ONCE = 500


def reconsider(*, refit_id: int) -> int:
    """Look again at the next closed tasks with this refit's numbers; returns how many.

    Goes on where an earlier call, or one that was killed, had come to; at the end it says so on the
    refit. Two at once do the same work, and the lock on each task lets one of them write.
    """
    refit = Refit.objects.get(pk=refit_id)
    if refit.reconsidered_at is not None:
        return 0
    rows = list(_closed(refit).order_by("pk")[:AT_ONCE])
    for row in rows:
        _reconsider(row, refit)
    come_to = {"reconsidered_upto": rows[-1].pk} if rows else {"reconsidered_at": timezone.now()}
    mine = Refit.objects.filter(pk=refit.pk, reconsidered_upto=refit.reconsidered_upto)
    mine.update(**come_to)  # unless another was here meanwhile
    return len(rows)


def _closed(refit: Refit) -> ConsensusQuerySet:
    """What captions alone have closed, by other numbers than these."""
    return (
        Consensus.objects.final()
        .filter(
            project_id=refit.project_id,
            pk__gt=refit.reconsidered_upto,
            status=ConsensusStatus.ACCEPTED,
            task__state=TaskState.SETTLED,
            task__is_gold=False,
            reviews__isnull=True,
        )
        .exclude(refit=refit)
        .select_related("task__project", "task__video")
    )


def _reconsider(before: Consensus, refit: Refit) -> bool:
    if before.refit_id is not None:
        # Most stay: decide by the kept cosines first, which takes no encoder. What the new mean
        # vector would change alone is left; the first refit, which brings one, looks at all.
        cheap = gather(before.task, like=before)
        if cheap is None or not has_changed(before, cheap):
            return False
    gathered = gather(before.task)
    if gathered is None or gathered.refit_id != refit.pk:  # a newer one looks at all again
        return False
    return has_changed(before, gathered) and _reopen(before, gathered, refit)


def has_changed(before: Consensus, gathered: Gathered) -> bool:
    """The stated rule: other words win, and the confidence is another by more than .2."""
    decision = gathered.decision
    is_other = comparison_key(decision.caption) != comparison_key(before.caption)
    return is_other and abs(decision.confidence - before.confidence) > CHANGED_BY


@transaction.atomic
def _reopen(before: Consensus, gathered: Gathered, refit: Refit) -> bool:
    """Write the next version and do what it says, unless somebody was at the task meanwhile."""
    task = lock(before.task_id)
    standing = Consensus.objects.standing().filter(pk=before.pk, reviews__isnull=True)
    if (
        task.state != TaskState.SETTLED
        or task.revision != gathered.revision
        or not standing.exists()
    ):
        return False
    task.reopen()
    reason = _reason(before, gathered, refit)
    consensus = write_consensus(task, gathered, status_of(task, gathered), reason=reason)
    task.settled_revision = gathered.revision
    follow(task, consensus, n_answers=gathered.n_answers)
    task.save()
    Refit.objects.filter(pk=refit.pk).update(n_reopened=F("n_reopened") + 1)
    AuditEntry.objects.record(
        action="task.reopened", on=task, project_id=task.project_id, actor=f"refit:{refit.number}"
    )
    return True


def _reason(before: Consensus, gathered: Gathered, refit: Refit) -> str:
    """Say what changed, and where the earlier version was trained on, which stays as it was."""
    said = (
        f"Refit {refit.number} prefers another caption: confidence {before.confidence:.2f} "
        f"became {gathered.decision.confidence:.2f}."
    )
    used = Task.objects.get(pk=before.task_id).batch_items.filter(batch__job__state__in=USING)
    names = sorted(set(used.values_list("batch__mini_batch_id", flat=True)))
    if names:
        said += f" Version {before.number} was trained on in {', '.join(names)}, which keeps it."
    return said
