"""When the gate will be able to decide: held-out labels, what they can show, how soon more come."""

import math
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from portal.algorithms import verdicts
from portal.models import Consensus, Evaluation, Project, Task, Video

AIM = 0.05  # a difference in the deciding metric that is worth a new model
DAYS_LOOKED_AT = 14


@dataclass(frozen=True)
class Outlook:
    """How far a project's held-out labels carry, and when they will carry far enough."""

    n_labels: int
    n_waiting: int
    n_videos: int  # known to the project, held out or not
    n_held_out: int
    evaluation_share: float
    spread: float
    is_measured: bool
    labels_per_day: float

    @property
    def n_needed(self) -> int:
        """How many held-out labels show a difference of AIM."""
        return verdicts.labels_needed(AIM, self.spread)

    @property
    def n_missing(self) -> int:
        """How many of those are still to come."""
        return max(self.n_needed - self.n_labels, 0)

    @property
    def detectable(self) -> float | None:
        """The difference that today's labels can show; None without any."""
        return verdicts.detectable(self.n_labels, self.spread) if self.n_labels else None

    @property
    def n_days(self) -> int | None:
        """In how many days the missing labels come at the present pace; None without a pace."""
        if not self.n_missing:
            return 0
        return math.ceil(self.n_missing / self.labels_per_day) if self.labels_per_day else None

    @property
    def n_videos_needed(self) -> int | None:
        """How many videos it takes for enough of them to be held out; None where none are."""
        if not self.evaluation_share:
            return None
        per_video = max(1.0, (self.n_labels + self.n_waiting) / max(self.n_held_out, 1))
        return math.ceil(self.n_needed / per_video / self.evaluation_share)

    @property
    def sentences(self) -> list[str]:
        """Say it in words."""
        return [self._now(), self._later(), *self._supply()]

    def _now(self) -> str:
        held = f"{self.n_labels} held-out tasks have settled and {self.n_waiting} wait."
        if self.detectable is None:
            return f"{held} Nothing can be decided yet."
        return f"{held} They can show a difference of {self.detectable:.2f} or more."

    def _later(self) -> str:
        how = "as measured here" if self.is_measured else "until one is measured here"
        need = (
            f"A difference of {AIM:g} needs {self.n_needed} held-out labels "
            f"(spread {self.spread:.2f}, {how})"
        )
        if not self.n_missing:
            return f"{need}: they are there."
        if self.n_days is None:
            return f"{need}: {self.n_missing} more. None have settled lately, so when is not known."
        return f"{need}: {self.n_missing} more, in about {self.n_days} days at the present pace."

    def _supply(self) -> list[str]:
        if self.n_videos_needed is None:
            return ["No videos are held out: set the evaluation share above 0 for new projects."]
        if self.n_labels + self.n_waiting >= self.n_needed:
            return []
        held_out = f"{self.n_held_out} of {self.n_videos} videos"
        share = f"At {self.evaluation_share:.0%} held out ({held_out})"
        return [f"{share} that takes about {self.n_videos_needed} videos."]


def outlook(*, project: Project) -> Outlook:
    """Look at the project's held-out labels, their pace, and the spread of the last comparison."""
    tasks = Task.objects.filter(project=project, is_evaluation=True, is_gold=False)
    settled = Consensus.objects.final().filter(task__in=tasks)
    videos = Video.objects.standing().filter(project=project)
    spread = _spread(project)
    return Outlook(
        n_labels=settled.count(),
        n_waiting=tasks.filter(state__in=("open", "disputed", "parked")).count(),
        n_videos=videos.count(),
        n_held_out=videos.filter(is_evaluation=True).count(),
        evaluation_share=project.evaluation_share,
        spread=spread or verdicts.TYPICAL_SPREAD,
        is_measured=spread is not None,
        labels_per_day=_labels_per_day(project),
    )


def _labels_per_day(project: Project) -> float:
    """Return how many held-out tasks settle a day; until one has, their share of all that do."""
    now = timezone.now()
    days = min(max((now - project.created_at) / timedelta(days=1), 1.0), DAYS_LOOKED_AT)
    lately = Consensus.objects.final().filter(
        project=project, created_at__gt=now - timedelta(days=DAYS_LOOKED_AT), task__is_gold=False
    )
    n_held_out = lately.filter(task__is_evaluation=True).count()
    return (n_held_out or lately.count() * project.evaluation_share) / days


def _spread(project: Project) -> float | None:
    """Return the per-label spread of the newest comparison, clips of one video counted as one."""
    for row in Evaluation.objects.filter(project=project, n_tasks__gte=2)[:5]:
        figures = row.metrics.get(row.frozen.get("primary", ""), {})
        error = figures.get("error")
        if error:
            return float(error * math.sqrt(figures["n"]))
    return None
