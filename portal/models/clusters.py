"""Clusters: groups of tasks that look alike, each around the first of them, its leader.

They exist so that a new consensus need only look at its own neighbourhood. A leader never changes,
so a task's cluster is decided once, when it opens.
"""

from django.db import models
from django.db.models import F

from portal.models.projects import Project

TEXT_SPACE = 0


class ClusterQuerySet(models.QuerySet["Cluster"]):
    def leaders(self, project_id: int, space: int) -> "list[tuple[int, bytes]]":
        """Ids and vectors of a project's leaders in one space, the oldest first."""
        rows = self.filter(project_id=project_id, space=space).order_by("pk")
        return [(pk, bytes(leader)) for pk, leader in rows.values_list("pk", "leader")]

    def count_labelled(self, pk: int) -> None:
        """Count one more settled task."""
        self.filter(pk=pk).update(n_labelled=F("n_labelled") + 1)


class Cluster(models.Model):
    """Tasks like one another in words or in embedding; written by `services.tasks`."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="clusters")
    space = models.PositiveIntegerField(
        help_text="0 for the words of captions, else the length of the embeddings."
    )
    leader = models.BinaryField(editable=False, help_text="Its first task's unit vector, float16.")
    n_labelled = models.PositiveIntegerField(default=0, help_text="Settled tasks in it.")

    objects = ClusterQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["project", "space", "id"], name="clusters_by_space")]

    def __str__(self) -> str:
        return f"Cluster {self.pk}"
