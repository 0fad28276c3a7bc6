"""Settle a task with what is there: accept, ask one more, or hand it to an expert."""

from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.utils import timezone

from portal import signals
from portal.algorithms import sampling
from portal.algorithms.consensus import Decision, should_stop
from portal.errors import Conflict, NothingToSettle
from portal.models import AuditEntry, Consensus, Event, Residual, Task, User
from portal.models.consensus import ConsensusStatus
from portal.models.taskstates import TaskState
from portal.services.consensus.evidence import Gathered, gather
from portal.signals import announce

# New evidence may land while the old is being weighed; it is weighed again, a few times at most.
# The last to land settles anyway, and the sweep finds what is left.
TRIES = 3
TOLD_BYTES = 8000

STATUS = {
    "accept": ConsensusStatus.ACCEPTED,
    "dispute": ConsensusStatus.DISPUTED,
    "ask": ConsensusStatus.INTERIM,
}


def settle(*, task_id: int) -> Consensus | None:
    """Weigh a task's newest evidence and write what follows; None where there is nothing to do.

    Idempotent: a revision that was settled before is left as it is.
    """
    for _ in range(TRIES):
        task = Task.objects.select_related("project").get(pk=task_id)
        if task.is_gold or task.revision <= task.settled_revision or not task.takes_evidence:
            return None
        gathered = gather(task)
        settled, consensus = _write(task, gathered)
        if settled:
            return consensus
    return None


@transaction.atomic
def _write(seen: Task, gathered: Gathered | None) -> tuple[bool, Consensus | None]:
    """Write one settlement unless the evidence has moved on; says whether it did."""
    task = Task.objects.select_for_update().get(pk=seen.pk)
    if task.revision != seen.revision:
        return False, None
    if task.settled_revision >= task.revision or not task.takes_evidence:
        return True, None
    task.project = seen.project  # the rules that it was weighed under a moment ago
    task.settled_revision = task.revision
    if gathered is None:
        Consensus.objects.standing().filter(task=task).update(is_standing=False)
        Residual.objects.forget(task.pk)
        task.save(update_fields=["settled_revision"])
        return True, None
    status = status_of(task, gathered)
    consensus = write_consensus(task, gathered, status)
    follow(task, consensus, n_answers=gathered.n_answers)
    task.save()
    return True, consensus


def lock(task_id: int) -> Task:
    """One task with what its settlement reads, its row locked."""
    rows = Task.objects.select_for_update(of=("self",)).select_related("project", "video")
    return rows.get(pk=task_id)


def status_of(task: Task, gathered: Gathered) -> ConsensusStatus:
    """Whether this evidence closes the task, asks one more, or needs an expert."""
    if task.state == TaskState.DISPUTED:  # it is an expert's now, whatever the votes say
        return ConsensusStatus.DISPUTED
    if not gathered.has_blind_caption and gathered.n_accepts:
        return ConsensusStatus.INTERIM  # whatever was accepted, one caption is written blind
    stop = should_stop(
        gathered.decision,
        gathered.n_answers,
        task.project.min_captions,
        # An expert may have asked for more than the project's own maximum.
        max(task.project.max_captions, task.n_wanted),
        task.project.threshold,
    )
    return STATUS[stop]


def write_consensus(
    task: Task, gathered: Gathered, status: ConsensusStatus, reason: str = ""
) -> Consensus:
    """Write the next consensus version and its residuals; the one before no longer stands."""
    decision = gathered.decision
    number = Consensus.objects.retire(task.pk)
    consensus = Consensus.objects.create(
        task=task,
        project=task.project,
        number=number,
        status=status,
        caption=decision.caption,
        annotation_id=decision.winner if decision.winner in gathered.authors else None,
        agreement=decision.agreement,
        confidence=decision.confidence,
        is_split=decision.split,
        method=decision.method,
        inputs=gathered.inputs,
        candidates=_candidates(decision),
        of_revision=gathered.revision,
        refit_id=gathered.refit_id,
        reason=reason,
    )
    write_residuals(task, gathered)
    return consensus


def _candidates(decision: Decision) -> list[dict[str, Any]]:
    """Why the winner won: one entry a caption, best first, in the words of the API."""
    rows = []
    for contribution in decision.candidates:
        row = asdict(contribution)
        row["annotation_id"] = row.pop("key")
        row["caption"] = row.pop("text")
        row["similarities"] = list(contribution.similarities)
        row["is_winner"] = contribution.key == decision.winner
        rows.append(row)
    return rows


def write_residuals(task: Task, gathered: Gathered) -> None:
    """Note how each author compares on this task; crediting it is the annotators' stage."""
    decision = gathered.decision
    baseline = gathered.inputs["parameters"]["baseline"]
    keys = sorted(candidate.key for candidate in decision.candidates)
    winner = next(c for c in decision.candidates if c.key == decision.winner)
    likeness = dict(zip(keys, winner.similarities, strict=True))
    Residual.objects.note(
        Residual(
            task=task,
            annotator_id=author_id,
            value=decision.residuals.get(author_id, 0.0),
            n=int(author_id in decision.residuals),
            disagreed=likeness[annotation_id] < baseline,
        )
        for annotation_id, author_id in gathered.authors.items()
    )
    Residual.objects.forget(task.pk, but=gathered.authors.values())


def follow(task: Task, consensus: Consensus, *, n_answers: int) -> None:
    """Do to the task what its consensus says, and announce it; the caller saves."""
    ids = {"task_id": task.pk, "consensus_id": consensus.pk}
    if consensus.status == ConsensusStatus.ACCEPTED:
        close_with(task, consensus, TaskState.SETTLED)
    elif consensus.status == ConsensusStatus.DISPUTED:
        announce(signals.consensus_contested, **ids)
    else:
        if n_answers >= task.n_wanted:
            task.n_wanted = n_answers + 1
        announce(signals.evidence_weighed, task_id=task.pk)


def close_with(task: Task, consensus: Consensus, state: TaskState) -> None:
    """Close a task with a final consensus: event and announcement; the caller saves."""
    task.close(state, at=timezone.now())
    if consensus.status == ConsensusStatus.ACCEPTED:
        _draw_for_audit(task)
    elif task.audited_at is None:  # a person has decided: there is nothing to audit any more
        task.draw_for_audit(is_drawn=False, probability=0.0)
    Event.objects.record(
        project_id=task.project_id,
        type="consensus.reached",
        data={
            "task_id": task.pk,
            "video_id": task.video.video_id,
            "caption": short_enough(consensus.caption),
            "semantic_agreement": consensus.agreement,
            "confidence": consensus.confidence,
            "status": consensus.status,
        },
    )
    announce(
        signals.consensus_reached,
        project_id=task.project_id,
        task_id=task.pk,
        consensus_id=consensus.pk,
    )


def short_enough(caption: str) -> str | None:
    """Return a caption that fits into a webhook of 20 kB; a longer one is read by its task's id."""
    return caption if len(caption.encode()) <= TOLD_BYTES else None


def _draw_for_audit(task: Task) -> None:
    share = task.project.audit_share
    is_drawn = sampling.is_for_audit(str(task.pk), salt=task.project.evaluation_salt, share=share)
    task.draw_for_audit(is_drawn=is_drawn, probability=share)


def finalise(*, task: Task, actor: str, user: User | None = None) -> Consensus:
    """Close a task with the captions it has; a task that is closed keeps what it has.

    Raises NothingToSettle where no caption stands.
    """
    for _ in range(TRIES):
        fresh = Task.objects.select_related("project", "video").get(pk=task.pk)
        done = Consensus.objects.final().filter(task=fresh).first()
        if done is not None and not fresh.takes_evidence:
            return done
        gathered = gather(fresh)
        if gathered is None:
            raise NothingToSettle(f"{fresh} has no captions yet; submit one first.")
        consensus = _finalise(fresh.pk, fresh.revision, gathered, actor, user)
        if consensus is not None:
            return consensus
    raise Conflict(f"{task} is being captioned right now; try again.")


@transaction.atomic
def _finalise(
    task_id: int, revision: int, gathered: Gathered, actor: str, user: User | None
) -> Consensus | None:
    task = lock(task_id)
    if task.revision != revision:
        return None
    done = Consensus.objects.final().filter(task=task).first()
    if done is not None and not task.takes_evidence:  # somebody finalised it a moment ago
        return done
    if task.is_gold:
        raise Conflict(f"{task} is gold: its answers are known and settle nothing.")
    consensus = write_consensus(task, gathered, ConsensusStatus.FINALISED)
    close_with(task, consensus, TaskState.SETTLED)
    task.settled_revision = revision
    task.save()
    AuditEntry.objects.record(
        action="consensus.finalised", on=task, project_id=task.project_id, actor=actor, user=user
    )
    return consensus
