"""Who of the experts is at which task just now, so that no two do the same work."""

from portal.errors import Conflict
from portal.models import ReviewLease, Task, User


def take(*, task: Task, user: User) -> ReviewLease:
    """Give a dispute or an audit to this expert for a while, or say by the answer who has it."""
    return ReviewLease.objects.take(task.pk, user)


def give_back(*, task: Task, user: User) -> bool:
    """Let others have it; False where this expert did not hold it."""
    n_deleted, _ = ReviewLease.objects.filter(task=task, reviewer=user).delete()
    return bool(n_deleted)


def check_free(task: Task, user: User) -> None:
    """Refuse what another expert is at; the caller holds the task's lock."""
    held = ReviewLease.objects.of_others(user).filter(task=task).select_related("reviewer").first()
    if held is not None:
        raise Conflict(
            f"{held.reviewer.name_shown} is at {task} until {held.expires_at:%H:%M} UTC; "
            "take another one."
        )
