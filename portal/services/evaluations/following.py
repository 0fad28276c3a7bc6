"""What follows from a verdict: the job's state, a promotion by itself, a word to integrations."""

from portal import signals
from portal.models import Evaluation, Event, RetrainJob
from portal.models.evaluations import Verdict
from portal.models.retraining import JobState
from portal.services.evaluations import promoting
from portal.signals import announce

FOLLOWS = {Verdict.REJECT: JobState.REJECTED, Verdict.INCONCLUSIVE: JobState.INCONCLUSIVE}


def follow(evaluation: Evaluation, job: RetrainJob | None) -> None:
    """Bring the verdict to the job, and promote where the project wants that done by itself."""
    verdict = Verdict(evaluation.verdict)
    if job is not None and verdict in FOLLOWS and not job.is_terminal:
        job.move(FOLLOWS[verdict])
        job.save(update_fields=["state", "finished_at"])
    if job is not None and promoting.is_to_go_by_itself(evaluation):
        reason = "The project promotes what is surely better by itself."
        promoting.promote(evaluation=evaluation, actor="system", reason=reason)


def tell(evaluation: Evaluation) -> None:
    """Tell the integrations what came of it."""
    event = Event.objects.record(
        project_id=evaluation.project_id,
        type="evaluation.finished",
        data={
            "evaluation_id": evaluation.pk,
            "run_id": str(evaluation.job.uid) if evaluation.job else None,
            "original_model": evaluation.original.name,
            "retrained_model": evaluation.retrained.name,
            "verdict": evaluation.verdict,
            "grounds": evaluation.grounds,
            "reasons": evaluation.reasons,
            "n_tasks": evaluation.n_tasks,
            "n_wins": evaluation.n_wins,
            "n_ties": evaluation.n_ties,
            "n_losses": evaluation.n_losses,
        },
    )
    announce(signals.event_recorded, event_id=event.pk)
