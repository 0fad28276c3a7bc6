"""How much gold is left: warned of before somebody has seen it all."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q
from django.utils import timezone

from portal.algorithms import gold
from portal.models import Annotator, Assignment, Project, Task
from portal.models.annotators import AnnotatorState

RECENT = timedelta(days=14)


@dataclass(frozen=True)
class Left:
    """One person's unseen gold; `days_left` is None where they answer none at the moment."""

    annotator: Annotator
    n_unseen: int
    per_day: float
    is_low: bool

    @property
    def days_left(self) -> float | None:
        """How long it lasts at the rate of the last two weeks."""
        return self.n_unseen / self.per_day if self.per_day else None


@dataclass(frozen=True)
class Stock:
    """A project's gold, and how much of it each active person has not seen, the least first."""

    n_gold: int
    people: tuple[Left, ...]

    @property
    def low(self) -> list[Left]:
        """Those who will soon have seen all of it."""
        return [left for left in self.people if left.is_low]

    @property
    def n_stranded(self) -> int:
        """How many may do nothing but gold and have none left."""
        return sum(
            left.annotator.state == AnnotatorState.QUARANTINED and left.n_unseen == 0
            for left in self.people
        )

    @property
    def sentence(self) -> str:
        """Say who runs out when; an empty pool blocks nobody, but measures nobody either."""
        n = len(self.low)
        who = "1 person runs" if n == 1 else f"{n} people run"
        if self.n_gold == 0:
            return "There is no gold yet: nobody’s accuracy is measured."
        least = min(left.n_unseen for left in self.low)
        return f"{who} out of unseen gold; the first has {least} clips left."


def stock_of(*, project: Project) -> Stock | None:
    """Gauge the gold of a project, in three questions; None where it uses none."""
    first = max(project.gold_first, project.exam_size)
    if first <= 0:
        return None
    n_gold = Task.objects.with_room().filter(project=project, is_gold=True).count()
    since = timezone.now() - RECENT
    given = {row[0]: (row[1], row[2]) for row in _given(project, since)}
    policy = gold.Policy(first=first, rate=project.gold_rate)
    people = [_left(each, n_gold, *given.get(each.pk, (0, 0)), policy) for each in _active(project)]
    return Stock(n_gold, tuple(sorted(people, key=lambda left: (left.n_unseen, left.annotator.pk))))


def _given(project: Project, since: datetime) -> list[tuple[int, int, int]]:
    """How much gold each person has met, and how much of it lately."""
    met = Assignment.objects.filter(task__project=project, task__is_gold=True)
    lately = Count("pk", filter=Q(submitted_at__gte=since))
    rows = met.order_by().values_list("annotator_id").annotate(n=Count("pk"), lately=lately)
    return [(pk, n, n_lately) for pk, n, n_lately in rows]


def _active(project: Project) -> list[Annotator]:
    """Those who have captioned or joined in the last two weeks and are not paused."""
    since = timezone.now() - RECENT
    lately = Q(annotations__created_at__gte=since) | Q(created_at__gte=since)
    return list(Annotator.objects.working().filter(lately, project=project).distinct())


def _left(
    annotator: Annotator, n_gold: int, n_met: int, n_lately: int, policy: gold.Policy
) -> Left:
    n_unseen = max(0, n_gold - n_met)
    per_day = n_lately / RECENT.days
    record = gold.Record(n_answered=annotator.n_gold, n_unseen=n_unseen)
    return Left(annotator, n_unseen, per_day, gold.runs_low(record, policy, per_day))
