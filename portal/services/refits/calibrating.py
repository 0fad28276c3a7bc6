"""What is known of which consensus was right: experts' reviews, blind audits, gold."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from portal.adapters import vectors
from portal.adapters.encoders import Encoder
from portal.algorithms import confidence, gold
from portal.algorithms.consensus import decide
from portal.algorithms.evidence import Caption, geometry_of, weigh
from portal.algorithms.parameters import Parameters
from portal.algorithms.text import comparison_key
from portal.models import Project, Review, Task
from portal.models.reviews import Decision
from portal.services.refits.evidence import standing_captions

MOST_REVIEWS = 5_000
MOST_GOLD = 500


@dataclass(frozen=True)
class Label:
    """One consensus that somebody who knows has judged.

    `said` is its confidence then and `log_odds` the same before calibration; `outcome` is 1 where
    it was right; `probability` the chance with which it was drawn.
    """

    said: float
    log_odds: float
    outcome: float
    probability: float
    is_audit: bool = False


def calibrated(
    project: Project, parameters: Parameters, encoder: Encoder | None
) -> tuple[Parameters, int]:
    """Fit Platt's numbers to all that was judged; returns the parameters and how many labels.

    A dispute is always reviewed and weighs 1; an accepted consensus is audited by chance and weighs
    1/probability, so that together they stand for all of the project's tasks.
    """
    labels = [*judged(project), *_gold(project, parameters, encoder)]
    fitted = confidence.platt(
        [label.log_odds for label in labels],
        [label.outcome for label in labels],
        [label.probability for label in labels],
    )
    return replace(parameters, calibration=fitted), len(labels)


def judged(project: Project) -> Iterator[Label]:
    """What experts said of the newest reviewed tasks: one label each, its audit's if it had one."""
    newest = Review.objects.filter(task__project=project).order_by("-id")[:MOST_REVIEWS]
    rows = Review.objects.telling().filter(pk__in=list(newest.values_list("pk", flat=True)))
    seen: set[int] = set()
    for review in rows.select_related("consensus__annotation", "annotation").iterator():
        assert review.consensus is not None
        used = review.consensus.inputs.get("parameters")
        if review.task_id in seen or used is None:
            continue
        seen.add(review.task_id)
        a, b = used["calibration"]
        yield Label(
            said=review.consensus.confidence,
            log_odds=confidence.log_odds_of(review.consensus.confidence, (a, b)),
            outcome=float(_was_right(review)),
            probability=review.probability,
            is_audit=review.is_audit,
        )


def _was_right(review: Review) -> bool:
    """Whether the expert let stand what the portal had in front; other words mean no."""
    if review.is_audit:
        return review.decision == Decision.UPHOLD
    if review.annotation_id is None or review.consensus is None:
        return False
    chosen, led = review.annotation, review.consensus.annotation
    assert chosen is not None
    assert led is not None
    return comparison_key(chosen.text) == comparison_key(led.text)


def _gold(project: Project, parameters: Parameters, encoder: Encoder | None) -> Iterator[Label]:
    """What the first answers of each gold task would have settled on, and whether that is right."""
    tasks = Task.objects.filter(project=project, is_gold=True, n_captions__gte=project.min_captions)
    rows = list(tasks.order_by("-id").prefetch_related("references")[:MOST_GOLD])
    answers: dict[int, list[Caption]] = {task.pk: [] for task in rows}
    for task_id, caption in standing_captions(sorted(answers), encoder):
        if len(answers[task_id]) < project.min_captions:
            answers[task_id].append(caption)
    for task in rows:
        captions = answers[task.pk]
        references = [reference.text for reference in task.references.all()]
        if len(captions) < project.min_captions or not references:
            continue
        decision = decide(captions, (), parameters)
        is_right = _is_right(decision.caption, references, parameters, encoder)
        yield Label(decision.confidence, decision.log_odds, float(is_right), 1.0)


def _is_right(
    caption: str, references: list[str], parameters: Parameters, encoder: Encoder | None
) -> bool:
    texts = [caption, *references]
    rows = vectors.many(encoder, texts) if encoder else [None] * len(texts)
    pair = [
        Caption(key=at, text=text, author=at, vector=row)
        for at, (text, row) in enumerate(zip(texts, rows, strict=True))
    ]
    likeness = weigh(pair, parameters, geometry_of(pair, parameters)).likeness
    return bool(likeness[0, 1:].max() >= gold.RIGHT)
