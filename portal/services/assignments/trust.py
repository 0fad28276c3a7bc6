"""How far each person's answers are trusted, before the difficulty of a task."""

from collections.abc import Iterable

from portal.algorithms import skills
from portal.models import Annotator


def trust(annotators: Iterable[Annotator]) -> list[float]:
    """How often each is thought to be right: gold answers as they are, captions by reliability."""
    return [
        float(
            skills.overall(
                person.sum_gold + person.n_residuals * person.reliability,
                person.n_gold + person.n_residuals,
            )
        )
        for person in annotators
    ]
