"""One task: both models' captions side by side with what people settled on."""

from typing import Any

from django.db.models import QuerySet

from portal.algorithms import comparisons
from portal.errors import NotComparable
from portal.models import BatchItem, Consensus, MetricBasis, Prediction, Task
from portal.services.evaluations.measures import Scores, scorer_of
from portal.services.evaluations.pairs import Pair

SHOWN = ("cosine", "cider_d", "chrf", "bleu_4", "rouge_l")


def for_task(*, task: Task) -> dict[str, Any]:
    """Compare the original's and the newest other model's caption for one task.

    Raises NotComparable, saying what is missing: a final consensus, or a second model's caption.
    """
    pair = _pair(task)
    scorer = scorer_of(task.project, MetricBasis.objects.current_of(task.project_id))
    original, retrained = scorer.score([pair.captions])
    delta = float(retrained[scorer.primary][0] - original[scorer.primary][0])
    return {
        "task_id": task.pk,
        "original_caption": pair.original.caption,
        "retrained_caption": pair.retrained.caption,
        "consensus_caption": pair.consensus.caption,
        "original_model": pair.original.version.name,
        "retrained_model": pair.retrained.version.name,
        "agreement": _both("agreement", original, retrained),
        "metrics": {name: _both(name, original, retrained) for name in SHOWN if name in original},
        "outcome": comparisons.outcome(delta),
        "in_training": BatchItem.objects.filter(task=task).exists(),
        "reviewed_at": pair.consensus.created_at,
    }


def _pair(task: Task) -> Pair:
    consensus = Consensus.objects.final().select_related("task").filter(task=task).first()
    if consensus is None:
        raise NotComparable("The task has no final consensus yet; finalise it first.")
    standing = _captions(task)
    original = _original(task, standing)
    if original is None:
        raise NotComparable("No model has captioned this clip yet.")
    retrained = standing.exclude(version=original.version_id).first()
    if retrained is None:
        raise NotComparable(
            f"Only {original.version} has captioned this clip; the retrained model's prediction "
            "for it has not come in yet."
        )
    if retrained.version_id < original.version_id:  # the clip came in after that model was trained
        original, retrained = retrained, original
    return Pair(consensus, original, retrained)


def _captions(task: Task) -> QuerySet[Prediction]:
    """The standing captions for the task's segment, the newest version first."""
    return (
        Prediction.objects.standing()
        .filter(video=task.video_id, start_ms=task.start_ms, end_ms=task.end_ms)
        .select_related("version")
        .order_by("-version_id")
    )


def _original(task: Task, standing: QuerySet[Prediction]) -> Prediction | None:
    """The model whose prediction opened the task; without one, the first that spoke of the clip."""
    opening = task.prediction
    if opening is None:
        return standing.last()
    return standing.filter(version=opening.version_id).first() or opening


def _both(name: str, original: Scores, retrained: Scores) -> dict[str, float]:
    return {
        "original": round(float(original[name][0]), 6),
        "retrained": round(float(retrained[name][0]), 6),
    }
