"""A portal full of settled tasks: one that went the whole way, copied row by row in SQL."""

import time
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from django.db import connection
from django.db.models import Max, Min, Model
from django.utils import timezone
from numpy.typing import NDArray

from portal.models import (
    Annotation,
    AnnotationRevision,
    Annotator,
    Assignment,
    Consensus,
    Project,
    Residual,
    Task,
    Video,
)
from portal.services import annotations, consensus

K = 5
SERIES = (
    "WITH RECURSIVE series(k) AS (SELECT {first} UNION ALL SELECT k + 1 FROM series "
    "WHERE k < {last}) "
)


class Filling:
    """One project whose store of settled tasks grows, and new tasks to caption beside it."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.project = Project.objects.create(
            slug="costs", name="Costs", gold_first=0, gold_rate=0.0, threshold=1.0
        )
        self.video = Video.objects.create(
            project=self.project, video_id="long", state="ready", clip_seconds=3e6
        )
        self.people = [
            Annotator.objects.create(project=self.project, annotator_id=f"a{n}") for n in range(K)
        ]
        self.prototype = self.task(0)
        for person, text in zip(self.people, texts, strict=True):
            self.submit(self.prototype, person, text)
        consensus.finalise(task=self.prototype, actor="benchmark")
        self.n_copies = 0

    def task(self, start_ms: int) -> Task:
        """Open a task that wants five captions."""
        return Task.objects.create(
            project=self.project,
            video=self.video,
            start_ms=start_ms,
            end_ms=start_ms + 1,
            n_wanted=K,
            virtual_due=timezone.now() + timedelta(days=1),
        )

    def submit(self, task: Task, person: Annotator, text: str) -> None:
        """Hand a caption in as a service token does; everything that follows runs at once."""
        annotations.submit(task=task, annotator=person, text=text, without_lease=True)

    def submit_all(
        self, clips: Sequence[Sequence[str]], batch: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give each clip two captions, then time the third: milliseconds of wall and of CPU."""
        wall, cpu = [], []
        for at, texts in enumerate(clips):
            task = self.task(2_000_000_000 + batch * 10_000 + at * 2)
            for person, text in zip(self.people[:2], texts, strict=False):
                self.submit(task, person, text)
            began, began_cpu = time.perf_counter(), time.process_time()
            self.submit(task, self.people[2], texts[2])
            wall.append(1000 * (time.perf_counter() - began))
            cpu.append(1000 * (time.process_time() - began_cpu))
            assert Consensus.objects.standing().get(task=task).candidates[2:], "not settled"
        return np.array(wall), np.array(cpu)

    def fill(self, n_captions: int) -> None:
        """Copy the first task until the portal stores so many captions on settled tasks."""
        first, last = self.n_copies + 1, n_captions // K
        if last < first:
            return
        for model in (Task, Assignment, Annotation, AnnotationRevision, Consensus, Residual):
            self._copy(model, first, last)
        self.n_copies = last
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")

    def _copy(self, model: type[Model], first: int, last: int) -> None:
        table = model._meta.db_table
        names = [field.column for field in model._meta.concrete_fields]
        values = [self._value(model, name) for name in names]
        columns = ", ".join(f'"{name}"' for name in names)
        insert = f'INSERT INTO "{table}" ({columns}) '
        select = f'SELECT {", ".join(values)} FROM "{table}" AS s CROSS JOIN series '
        series = SERIES.format(first=first, last=last)
        if connection.vendor == "sqlite":
            statement = insert + series + select
        else:
            statement = series + insert + select
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET statement_timeout = 0")  # a million rows take their time
            cursor.execute(statement + f"WHERE s.{self._is_prototype(model)}")

    def _is_prototype(self, model: type[Model]) -> str:
        if model is Task:
            return f"id = {self.prototype.pk}"
        if model is AnnotationRevision:
            low, high = self._span(Annotation)
            return f"annotation_id BETWEEN {low} AND {high}"
        return f"task_id = {self.prototype.pk}"

    def _span(self, model: type[Model]) -> tuple[int, int]:
        rows = model._default_manager.filter(task=self.prototype)
        ends = rows.aggregate(low=Min("pk"), high=Max("pk"))
        return ends["low"], ends["high"]

    def _value(self, model: type[Model], column: str) -> str:
        """A copy's value: its keys are negative, for what is new counts on upwards."""
        far = {Task: 1, Consensus: 20}.get(model, 10)
        if column == "id":
            return f"-(s.id + series.k * {far})"
        owner = {"task_id": (Task, 1), "annotation_id": (Annotation, 10), "assignment_id": (1, 10)}
        if column in owner and (column != "annotation_id" or model is not Consensus):
            return f"-(s.{column} + series.k * {owner[column][1]})"
        if column == "annotation_id":
            return "-(s.annotation_id + series.k * 10)"
        if column in ("start_ms", "end_ms"):
            return f"s.{column} + series.k * 2"
        if column == "token":
            is_sqlite = connection.vendor == "sqlite"
            return "lower(hex(randomblob(16)))" if is_sqlite else "gen_random_uuid()"
        return f's."{column}"'
