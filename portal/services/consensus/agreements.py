"""Who agrees with whom in a project, from what its newest consensuses were weighed with."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal.algorithms import agreements
from portal.algorithms.agreements import Agreement, Weighed
from portal.models import Annotator, Consensus, Project, Refit

NEWEST = 2_000
MOST_PEOPLE = 16
SUSPICIOUS = 0.15  # far more alike than their work with others explains; less is chance


@dataclass(frozen=True)
class Circle:
    """The people who captioned most, those who agree most with the others first.

    `pairs` goes by (smaller, larger) annotator id; `alike` holds the pairs of a large excess
    similarity, which the newest refit takes off their support of each other.
    """

    people: Sequence[Annotator]
    pairs: Mapping[tuple[int, int], Agreement]
    with_others: Mapping[int, Agreement]
    alike: Mapping[tuple[int, int], float]
    n_tasks: int
    n_people: int


def circle_of(*, project: Project) -> Circle:
    """Compare a project's annotators with one another."""
    standing = Consensus.objects.standing().filter(project=project).order_by("-pk")
    rows = standing.values_list("candidates", flat=True)[:NEWEST]
    tasks = [_weighed(candidates) for candidates in rows if len(candidates) > 1]
    n_captions = Counter(author for task in tasks for author in task.authors)
    busiest = {pk for pk, _ in n_captions.most_common(MOST_PEOPLE)}
    pairs = {pair: a for pair, a in agreements.pairwise(tasks).items() if busiest >= set(pair)}
    sums = agreements.with_others(pairs)
    people = Annotator.objects.filter(project=project, pk__in=sums)
    return Circle(
        people=sorted(people, key=lambda person: -sums[person.pk].mean),
        pairs=pairs,
        with_others=sums,
        alike={pair: excess for pair, excess in _alike(project).items() if pair in pairs},
        n_tasks=len(tasks),
        n_people=len(n_captions),
    )


def _weighed(candidates: Sequence[dict[str, Any]]) -> Weighed:
    """Similarities are stored in the order of the captions' ids, candidates the best first."""
    rows = sorted(candidates, key=lambda row: row["annotation_id"])
    rows = [row for row in rows if "similarities" in row]
    people = [at for at, row in enumerate(rows) if not row.get("is_model")]
    rows = [row | {"similarities": [row["similarities"][at] for at in people]} for row in rows]
    rows = [rows[at] for at in people]
    return Weighed(
        authors=[row["author"] for row in rows],
        likeness=[row["similarities"] for row in rows],
        copies={at for at, row in enumerate(rows) if row["copy_of_prediction"]},
    )


def _alike(project: Project) -> dict[tuple[int, int], float]:
    refit = Refit.objects.current_of(project.pk)
    collusion = refit.parameters.get("collusion", []) if refit else []
    return {(a, b): excess for a, b, excess in collusion if excess >= SUSPICIOUS}
