"""Open tasks for predictions that deserve one; newer predictions take tasks over or close them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from portal.models import AuditEntry, ModelVersion, Prediction, Project, Task
from portal.models.pools import EVERYBODY
from portal.models.writes import insert_new
from portal.services.tasks import crowding
from portal.services.tasks.ordering import PRICED, attributes, price, save_each, set_uncertainty
from portal.services.tasks.pooling import assign_pools
from portal.services.tasks.reading import Seen, deserves_task, is_control, rank, unconsidered

CHUNK = 5000

NEW = (
    "project", "prediction", "video", "start_ms", "end_ms", "is_evaluation", "is_control",
    "business_value", "cluster", "similarity", "n_same_video", "n_wanted", "pool", "created_at",
    *PRICED,
)  # fmt: skip
TAKEN_OVER = (*PRICED, "prediction", "state", "closed_at", "cluster", "similarity", "n_same_video")


@dataclass(slots=True)
class Draft:
    """A task that is about to be; a model instance would take longer than everything else."""

    project_id: int
    prediction_id: int | None
    video_id: int
    start_ms: int
    end_ms: int
    is_evaluation: bool
    is_control: bool
    business_value: float
    n_wanted: int
    created_at: datetime
    n_same_video: int = 0
    cluster_id: int | None = None
    similarity: float = 0.0
    uncertainty: float = 0.5
    difficulty: float = 0.0
    difficulty_level: int | None = None
    is_requested: bool = False
    pool: int = EVERYBODY
    n_captions: int = 0
    due_at: datetime | None = None
    priority: float = 0.0
    virtual_due: datetime = field(default_factory=timezone.now)
    why_next: Any = None


@transaction.atomic
def open_for(*, prediction_ids: Sequence[int]) -> list[int]:
    """Open tasks for those predictions that deserve one, and refresh untouched ones.

    A prediction deserves a task when it is among the most uncertain of its version, when its video
    is kept for evaluation, or when it falls into the control slice. One that does not, closes an
    untouched task as superseded: its newer model is sure. Twice is harmless.
    """
    seen = unconsidered(prediction_ids[:CHUNK])
    ranks = rank(seen)
    by_project: dict[int, list[Seen]] = {}
    for prediction in seen:
        by_project.setdefault(prediction.project_id, []).append(prediction)
    projects = Project.objects.in_bulk(list(by_project))
    touched: list[int] = []
    for project_id, group in by_project.items():
        touched += consider(projects[project_id], group, ranks)
    Prediction.objects.filter(pk__among=[p.pk for p in seen]).update(is_considered=True)
    return touched


def consider(project: Project, predictions: Sequence[Seen], ranks: dict[int, float]) -> list[int]:
    """Open, hand over or close the tasks of these predictions; ids of those handed over."""
    existing = Task.objects.at_segments(project.pk, (p.video_id for p in predictions))
    # Of several that speak of one segment the newest version counts.
    newest = {p.segment: p for p in sorted(predictions, key=lambda p: (p.version_id, p.pk))}
    unsure = [p for p in newest.values() if deserves_task(project, p, ranks[p.pk])]
    deserving = {p.pk for p in unsure}
    sure = [p for p in newest.values() if p.pk not in deserving]
    # The most uncertain first: of those that are alike, it is the one that others resemble.
    unsure.sort(key=lambda p: (-ranks[p.pk], p.pk))
    drafts = _drafts(project, [p for p in unsure if p.segment not in existing])
    known = [p for p in (*unsure, *sure) if p.segment in existing]
    followed = _followed(known, existing)
    refreshed = [existing[p.segment] for p in unsure if p.pk in followed]
    new_words = {p.segment: p for p in unsure}
    changed: list[Draft | Task] = [*drafts, *refreshed]
    for task in changed:
        prediction = new_words[task.video_id, task.start_ms, task.end_ms]
        task.prediction_id = prediction.pk
        set_uncertainty(task, ranks[prediction.pk])
    crowding.place(project, changed)
    for task in changed:
        price(task, project)
    _insert(drafts)
    _close(project, [(existing[p.segment].pk, p) for p in sure if p.pk in followed])
    return _hand_over(refreshed)


def _drafts(project: Project, predictions: Sequence[Seen]) -> list[Draft]:
    """Begin a task for each of these."""
    now = timezone.now()
    return [
        Draft(
            project_id=project.pk,
            prediction_id=prediction.pk,
            video_id=prediction.video_id,
            start_ms=prediction.start_ms,
            end_ms=prediction.end_ms,
            is_evaluation=prediction.is_evaluation,
            is_control=is_control(project, prediction),
            business_value=project.business_value,
            n_wanted=project.min_captions,
            created_at=now,
        )
        for prediction in predictions
    ]


def _followed(
    predictions: Sequence[Seen], existing: dict[tuple[int, int, int], Task]
) -> frozenset[int]:
    """Those of these predictions that their task follows.

    Nobody has begun it, and it has not heard a later version already.
    """
    heard = Prediction.objects.filter(
        pk__among={existing[p.segment].prediction_id or 0 for p in predictions}
    )
    versions: dict[int | None, int] = dict(heard.values_list("pk", "version_id"))
    return frozenset(
        p.pk
        for p in predictions
        if existing[p.segment].follows_models
        and versions.get(existing[p.segment].prediction_id, 0) <= p.version_id
    )


def _insert(drafts: Sequence[Draft]) -> None:
    """Write new tasks; of two batches that open one at once, the second leaves the first's."""
    assign_pools(drafts)
    # In one order, so that no two batches wait crosswise.
    ordered = sorted(drafts, key=lambda draft: (draft.video_id, draft.start_ms, draft.end_ms))
    insert_new(Task, NEW, list(map(attributes(NEW), ordered)))


def _close(project: Project, sure: Sequence[tuple[int, Seen]]) -> None:
    """Close untouched tasks of which a newer model is sure."""
    n_closed = Task.objects.supersede(task_id for task_id, _ in sure)
    if not n_closed:
        return
    version = ModelVersion.objects.get(pk=max(p.version_id for _, p in sure))
    AuditEntry.objects.record(
        action="tasks.superseded",
        on=version,
        project_id=project.pk,
        actor="system",
        details={"n": n_closed},
    )


def _hand_over(refreshed: Sequence[Task]) -> list[int]:
    """Save those that are still untouched under their newer prediction."""
    still = Task.objects.lock_followers(task.pk for task in refreshed)
    saved = [task for task in refreshed if task.pk in still]
    for task in saved:
        task.reopen()
    save_each(saved, TAKEN_OVER)
    return [task.pk for task in saved]
