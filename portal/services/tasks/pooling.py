"""Put new tasks into the pool of what their clip's tags ask of people."""

from collections.abc import Iterable
from typing import Protocol

from portal.algorithms.fitting import Needs, needs_of
from portal.models import Pool, Video
from portal.models.pools import EVERYBODY


class Pooled(Protocol):
    """A task, or one that is about to be."""

    video_id: int
    pool: int


def pool_of(video: Video) -> int:
    """Return the number of the pool for a clip's tasks."""
    return _number(video.project_id, needs_of(video.tags))


def assign_pools(tasks: Iterable[Pooled]) -> None:
    """Set the pool of each of these unsaved tasks: a query for all, and one a kind of need."""
    new = list(tasks)
    tagged = Video.objects.filter(pk__among={task.video_id for task in new}).exclude(tags=[])
    needs = {
        pk: (project_id, needs_of(tags))
        for pk, project_id, tags in tagged.values_list("pk", "project_id", "tags")
    }
    numbers = {need: _number(*need) for need in set(needs.values())}
    for task in new:
        task.pool = numbers[needs[task.video_id]] if task.video_id in needs else EVERYBODY


def _number(project_id: int, needs: Needs) -> int:
    if not needs.key:
        return EVERYBODY
    return Pool.objects.number_for(project_id, needs.language, needs.skills)
