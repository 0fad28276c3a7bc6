"""What is asked of the tasks: who may be given which, what waits for whom, what to lock."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from portal.models.annotators import Annotator
from portal.models.taskstates import TAKES_EVIDENCE, TaskState

if TYPE_CHECKING:
    from portal.models.tasks import Task


class TaskQuerySet(models.QuerySet["Task"]):
    def open(self) -> "TaskQuerySet":
        return self.filter(state=TaskState.OPEN)

    def with_room(self) -> "TaskQuerySet":
        """Open tasks with a free slot."""
        return self.filter(state=TaskState.OPEN, n_taken__lt=F("n_wanted"))

    def ordinary(self) -> "TaskQuerySet":
        return self.filter(is_gold=False)

    def open_for(self, annotator_pk: int, project_id: int) -> "TaskQuerySet":
        """What this annotator could be given, most pressing first.

        A task they hold, answered or skipped is out, and so is one where they have scored a
        caption: theirs would not be blind. One whose lease expired or was released may come again.
        `slots.read_candidates` says the same by hand; a test holds the two together.
        """
        kept = Q(assignments__annotator_id=annotator_pk) & ~Q(
            assignments__state__in=("expired", "released")
        )
        return (
            self.with_room()
            .filter(project_id=project_id, is_gold=False)  # exactly the partial index
            .alias(had=models.FilteredRelation("assignments", condition=kept))
            # On the joined column, not on its id: only so does PostgreSQL see an anti join, which
            # it walks in the index's order and stops; otherwise it reads and sorts all open tasks.
            .filter(had__task__isnull=True)
            .exclude(annotations__votes__voter_id=annotator_pk)
            .order_by("virtual_due", "id")
        )

    def next_in_line(self, project_id: int) -> "TaskQuerySet":
        """A project's open tasks with room in the order in which they are asked."""
        rows = self.with_room().filter(project_id=project_id, is_gold=False)
        return rows.order_by("virtual_due", "id")

    def gold_unseen_by(self, annotator: Annotator) -> "TaskQuerySet":
        """Gold tasks of their project that this annotator was never given."""
        met = Q(assignments__annotator=annotator)
        return (
            self.with_room()
            .filter(project_id=annotator.project_id, is_gold=True)
            .alias(met=models.FilteredRelation("assignments", condition=met))
            .filter(met__task__isnull=True)
        )

    def disputed_for(self, user_pk: int, project_id: int) -> "TaskQuerySet":
        """Disputed tasks that this user may decide, the most pressing first.

        None that they captioned, and none that another expert has open just now.
        """
        return (
            self.filter(project_id=project_id, state=TaskState.DISPUTED)
            .exclude(annotations__author__user_id=user_pk)
            .free_for(user_pk)
            .order_by("virtual_due", "id")
        )

    def awaiting_audit_by(self, user_pk: int, project_id: int) -> "TaskQuerySet":
        """Settled tasks drawn for the audit that this user may judge blind, longest settled first.

        None that they captioned, scored or decided on, and none that another expert is at.
        """
        return (
            self.filter(
                project_id=project_id,
                is_audited=True,
                audited_at__isnull=True,
                state=TaskState.SETTLED,
            )
            .exclude(annotations__author__user_id=user_pk)
            .exclude(annotations__votes__voter__user_id=user_pk)
            .exclude(reviews__reviewer_id=user_pk)
            .free_for(user_pk)
            .order_by("closed_at", "id")
        )

    def free_for(self, user_pk: int) -> "TaskQuerySet":
        """Leave out what another expert has in hand."""
        return self.exclude(
            Q(review_lease__expires_at__gt=timezone.now()) & ~Q(review_lease__reviewer_id=user_pk)
        )

    def unsettled(self) -> "TaskQuerySet":
        """Tasks whose evidence no consensus has looked at: what the sweep hands to settle."""
        return self.filter(
            is_gold=False, revision__gt=F("settled_revision"), state__in=TAKES_EVIDENCE
        )

    def untouched(self) -> "TaskQuerySet":
        """Open tasks that nobody holds or has answered: a newer prediction may change them."""
        return self.filter(state=TaskState.OPEN, is_gold=False, n_taken=0, revision=0)

    def lock_followers(self, pks: Iterable[int]) -> frozenset[int]:
        """Lock these tasks in one order; ids of those that still follow what models say."""
        follows = Q(state=TaskState.SUPERSEDED) | Q(state=TaskState.OPEN, n_taken=0, revision=0)
        rows = self.lock_all(pks).filter(follows, is_gold=False)
        return frozenset(rows.values_list("pk", flat=True))

    def supersede(self, pks: Iterable[int]) -> int:
        """Close those of these that are still untouched and that nobody asked for by name."""
        rows = self.untouched().filter(pk__among=pks, is_requested=False)
        return rows.update(state=TaskState.SUPERSEDED, closed_at=timezone.now())

    def unfelt(self) -> "TaskQuerySet":
        """Settled tasks whose neighbours do not know it: what the sweep hands to `feel`."""
        return self.filter(state=TaskState.SETTLED, is_gold=False, is_felt=False)

    def neighbours(self, task: "Task", most: int) -> Iterator["Task"]:
        """The most pressing open tasks of this one's video, of its cluster and of its project."""
        rows = self.filter(state=TaskState.OPEN, is_gold=False).exclude(pk=task.pk)
        rows = rows.order_by("virtual_due", "id").defer("why_next")
        # One question a way of being near: put as one, the database reads and sorts all open tasks.
        of_project = rows.filter(project_id=task.project_id)
        near = [
            of_project.filter(video_id=task.video_id),
            of_project.filter(n_taken__lt=F("n_wanted")),
        ]
        if task.cluster_id is not None:
            near.append(rows.filter(cluster_id=task.cluster_id))
        yield from {each.pk: each for found in near for each in found[:most]}.values()

    def in_front(self, project_id: int, n: int) -> list[tuple[int, int, int]]:
        """The n most pressing tasks with room: prediction, its version, the video."""
        rows = self.with_room().ordinary().filter(project_id=project_id)
        found = rows.order_by("virtual_due", "id").values_list(
            "prediction_id", "prediction__version_id", "video_id"
        )
        return [row for row in found[:n] if row[0] is not None]

    def newest_waiting(self, project_id: int, n: int) -> list[tuple[float, float, int]]:
        """Uncertainty, likeness and count of the video of the newest tasks in no slice."""
        rows = self.open().ordinary().filter(project_id=project_id)
        rows = rows.exclude(is_requested=False, is_evaluation=True)
        rows = rows.exclude(is_requested=False, is_control=True).order_by("-pk")
        return list(rows.values_list("uncertainty", "similarity", "n_same_video")[:n])

    def count_labelled(self, project_id: int, video_ids: Iterable[int]) -> Counter[int]:
        """How many tasks of each of these videos are settled."""
        rows = self.filter(project_id=project_id, state=TaskState.SETTLED, is_gold=False)
        return Counter(rows.filter(video__among=set(video_ids)).values_list("video_id", flat=True))

    def at_segments(
        self, project_id: int, video_ids: Iterable[int]
    ) -> dict[tuple[int, int, int], "Task"]:
        """The project's tasks for these videos, by (video, start, end)."""
        rows = self.filter(project_id=project_id, video__among=set(video_ids))
        return {(task.video_id, task.start_ms, task.end_ms): task for task in rows}

    def lock_free(self, pk: int) -> "Task | None":
        """Lock one task that still has room; None where it has gone or another is at it."""
        rows = self.with_room().filter(pk=pk).select_related("project", "prediction")
        # SQLite ignores the clause: its one write lock is taken when the transaction begins.
        return rows.select_for_update(skip_locked=True, of=("self",)).first()

    def lock_all(self, pks: Iterable[int]) -> "TaskQuerySet":
        """These tasks, locked in one order, so that no two who lock several wait crosswise."""
        return self.filter(pk__among=pks).order_by("pk").select_for_update(of=("self",))

    def free_slot(self, pk: int) -> None:
        """Give one slot back."""
        self.filter(pk=pk, n_taken__gt=0).update(n_taken=F("n_taken") - 1)

    def count_caption(self, pk: int, step: int) -> None:
        """Count a caption in (1) or out (-1) and note that the evidence has changed."""
        self.filter(pk=pk).update(n_captions=F("n_captions") + step, revision=F("revision") + 1)

    def raise_revision(self, pk: int) -> None:
        """Note that the task's evidence has changed."""
        self.filter(pk=pk).update(revision=F("revision") + 1)
