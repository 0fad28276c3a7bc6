"""How far a model's captions lie from what people agreed on: the points of its control chart."""

from datetime import datetime

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from portal.models.consensus import Consensus
from portal.models.projects import Project
from portal.models.versions import ModelVersion


class SurpriseQuerySet(models.QuerySet["Surprise"]):
    def charted(self, version_id: int, *, n_first: int, n_newest: int) -> list[float]:
        """One version's values, oldest first: those of its baseline and the newest after them."""
        rows = self.filter(version_id=version_id).order_by("pk")
        first = list(rows.values_list("pk", "value")[:n_first])
        if not first:
            return []
        later = rows.filter(pk__gt=first[-1][0]).order_by("-pk").values_list("value", flat=True)
        return [value for _, value in first] + list(later[:n_newest])[::-1]

    def began_of_newest(self, version_id: int, n: int) -> datetime | None:
        """When the oldest of a version's newest n points was made; None for fewer than n."""
        rows = self.filter(version_id=version_id).order_by("-pk")
        moments = list(rows.values_list("created_at", flat=True)[:n])
        return moments[-1] if len(moments) == n else None

    def newest_measured(self, project_id: int) -> int:
        """The consensus up to which a project has been measured."""
        rows = self.filter(project_id=project_id)
        return rows.aggregate(newest=models.Max("consensus_id"))["newest"] or 0

    def owed_by(self, project_id: int) -> "models.QuerySet[Consensus]":
        """Final consensuses of predicted tasks that were not measured yet, oldest first."""
        return (
            Consensus.objects.final()
            .filter(project_id=project_id, task__prediction__isnull=False)
            .filter(pk__gt=self.newest_measured(project_id))
            .filter(~Exists(self.filter(consensus=OuterRef("pk"))))
            .order_by("pk")
        )


class Surprise(models.Model):
    """1 − similarity of a model's caption and its task's consensus; by `services.surprises`."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="surprises")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="surprises")
    consensus = models.OneToOneField(Consensus, on_delete=models.CASCADE, related_name="surprise")
    value = models.FloatField(help_text="0 is the same caption, 1 has nothing in common.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = SurpriseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(value__gte=0, value__lte=1), name="surprise_is_between_0_and_1"
            ),
        ]
        indexes = [
            models.Index(fields=["version", "id"], name="surprises_by_version"),
            models.Index(fields=["project", "consensus"], name="surprises_by_project"),
        ]

    def __str__(self) -> str:
        return f"{self.version}: {self.value:.2f}"
