"""A simulated crowd works through a project by the portal's own services: what a budget would buy.

Meant for a database of its own that is thrown away (`manage.py simulate` makes one in memory):
nothing here looks at what else is in it. People ask in turn by how active they are; whatever the
portal does after a caption (settling, crediting, re-ordering) happens as it does in earnest.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from portal.algorithms import worlds
from portal.algorithms.worlds import N_ANSWERS, World
from portal.management import answers
from portal.models import Annotation, Annotator, Assignment, Consensus, Project, Task
from portal.models.taskstates import TAKES_EVIDENCE
from portal.services import (
    annotations,
    annotators,
    assignments,
    predictions,
    projects,
    refits,
    tasks,
)
from portal.services.predictions import PredictionItem

REFIT_EVERY = 250  # captions; in earnest each night
GOLD_TASKS = 60
VERSION = "simulated-captioner"
ACTOR = "system:simulation"


class Way(StrEnum):
    """How work is handed out and when it stops."""

    FIXED = "fixed"  # the same number of captions for every task, in random order
    ADAPTIVE = "adaptive"  # until the consensus is sure enough, in random order
    ROUTED = "routed"  # the same, and each person gets what they are best placed for


@dataclass(frozen=True)
class Setting:
    """One run: `level` is the number of captions where it is fixed, else the threshold 0–1."""

    way: Way
    level: float
    seed: int
    shape: worlds.Shape = field(default_factory=worlds.Shape)
    least: int = 2
    most: int = 9
    gold_first: int = 4


@dataclass(frozen=True)
class Spent:
    """What a run cost in answers a task, gold included, and how often it was right."""

    per_task: float
    accuracy: float
    majority: float
    n_gold: int
    n_disputed: int


class Simulation:
    """One world worked through in one project."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.world = worlds.make(setting.seed, setting.shape)
        self.rng = np.random.default_rng(setting.seed + 1_000_000)
        self.project = _project(setting)
        self.numbers = _open_tasks(self.project, self.world)
        self.gold = _make_gold(self.project, self.world) if self.project.uses_gold else {}
        self.people = [
            annotators.find_or_register(
                project=self.project, annotator_id=f"person-{number}", may_register=True
            )
            for number in range(setting.shape.n_people)
        ]
        self.said: dict[int, list[int]] = {number: [] for number in self.numbers.values()}
        self.n_gold = 0

    def work(self) -> Spent:
        """Hand out work until nobody is given any more."""
        resting: set[int] = set()
        n_captions = 0
        while len(resting) < len(self.people):
            person = self._who_asks(resting)
            assignment = self._claim(self.people[person])
            if assignment is None:
                resting.add(person)
                continue
            resting.clear()
            self._answer(person, assignment)
            n_captions += 1
            if n_captions % REFIT_EVERY == 0:
                refits.refit(project=self.project)
        return self._count()

    def _who_asks(self, resting: set[int]) -> int:
        odds = self.world.activity.copy()
        odds[list(resting)] = 0.0
        return int(self.rng.choice(len(odds), p=odds / odds.sum()))

    def _claim(self, annotator: Annotator) -> Assignment | None:
        annotator.refresh_from_db()
        annotator.project = self.project
        if self.setting.way == Way.FIXED:
            return self._claim_any(annotator)
        given = assignments.claim(annotator=annotator)
        if given is None or given.task_id in self.gold or self.setting.way == Way.ROUTED:
            return given
        assignments.release(token=given.token, annotator=annotator)
        return self._claim_any(annotator)

    def _claim_any(self, annotator: Annotator) -> Assignment | None:
        """Take whichever open task comes up: what the order and the routing are compared with."""
        waiting = Task.objects.open_for(annotator.pk, self.project.pk)
        pks = sorted(waiting.order_by().values_list("pk", flat=True))
        if not pks:
            return None
        chosen = Task.objects.get(pk=pks[int(self.rng.integers(len(pks)))])
        chosen.project = self.project
        return assignments.claim(annotator=annotator, task=chosen)

    def _answer(self, person: int, assignment: Assignment) -> None:
        gold = self.gold.get(assignment.task_id)
        if gold is None:
            number = self.numbers[assignment.task_id]
            answer = self.world.answer(person, number)
            self.said[number].append(answer)
        else:
            number = len(self.said) + gold
            right = self.world.answers_gold_well(person, gold)
            answer = 0 if right else int(self.rng.integers(1, N_ANSWERS))
            self.n_gold += 1
        way = int(self.rng.integers(len(answers.WAYS)))
        annotations.submit(
            task=assignment.task,
            annotator=self.people[person],
            text=answers.sentence(number, answer, way),
            token=assignment.token,
            seconds=20.0,
        )

    def _count(self) -> Spent:
        truth = self.world.truth
        standing = dict(
            Consensus.objects.standing()
            .filter(project=self.project)
            .values_list("task_id", "caption")
        )
        right = [
            answers.meanings(number, N_ANSWERS).get(standing.get(pk, "")) == truth[number]
            for pk, number in self.numbers.items()
        ]
        most = [self._most_frequent(said) == truth[number] for number, said in self.said.items()]
        n_captions = Annotation.objects.filter(task__project=self.project).count()
        left = Task.objects.filter(project=self.project, state__in=TAKES_EVIDENCE, is_gold=False)
        return Spent(
            per_task=n_captions / len(self.numbers),
            accuracy=float(np.mean(right)),
            majority=float(np.mean(most)),
            n_gold=self.n_gold,
            n_disputed=left.count(),
        )

    def _most_frequent(self, said: list[int]) -> int:
        """What most people said; ties are drawn."""
        counts = Counter(said)
        tied = [answer for answer, n in counts.items() if n == max(counts.values())]
        return tied[int(self.rng.integers(len(tied)))] if tied else -1


def _project(setting: Setting) -> Project:
    fixed = setting.way == Way.FIXED
    rules: dict[str, Any] = {
        "min_captions": round(setting.level) if fixed else setting.least,
        "max_captions": round(setting.level) if fixed else setting.most,
        "threshold": 0.5 if fixed else setting.level,
        "gold_first": 0 if fixed else setting.gold_first,
        "uncertain_share": 1.0,
        "control_share": 0.0,
        "evaluation_share": 0.0,
        "audit_share": 0.0,
        "batch_size": 1_000_000,
    }
    slug = f"simulated-{Project.objects.count()}"
    return projects.create(slug=slug, name=slug, **rules)


def _open_tasks(project: Project, world: World) -> dict[int, int]:
    """Post a prediction for every clip; return each task's number in the world."""
    items = [
        PredictionItem(
            video_id=f"clip-{number}",
            caption=answers.sentence(number, int(world.mistake[number]), 0),
            model_version=VERSION,
            uncertainty=float(world.uncertainty[number]),
            tags=[f"domain-{world.tag[number]}"],
        )
        for number in range(world.shape.n_tasks)
    ]
    predictions.ingest(project=project, items=items)
    opened = Task.objects.filter(project=project).values_list("pk", "video__video_id")
    return {pk: int(name.removeprefix("clip-")) for pk, name in opened.order_by("pk")}


def _make_gold(project: Project, world: World) -> dict[int, int]:
    """Make tasks whose answer 0 is right; return each one's number among the world's gold."""
    made = {}
    for number in range(GOLD_TASKS):
        task, _ = tasks.open_one(project=project, video_id=f"gold-{number}")
        said = [
            answers.sentence(world.shape.n_tasks + number, 0, way)
            for way in range(len(answers.WAYS))
        ]
        tasks.make_gold(task_id=task.pk, references=said, actor=ACTOR)
        made[task.pk] = number
    return made
