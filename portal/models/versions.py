"""Model versions whose predictions come in, with a sketch that makes uncertainties comparable."""

from collections.abc import Iterable

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.models.projects import Project


class VersionState(models.TextChoices):
    CANDIDATE = "candidate"
    CURRENT = "current"
    RETIRED = "retired"


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    def register_many(self, *, project_id: int, names: Iterable[str]) -> dict[str, "ModelVersion"]:
        """Return the versions under these names, making those that are new."""
        wanted = set(names)
        known = {v.name: v for v in self.filter(project_id=project_id, name__in=wanted)}
        missing = sorted(wanted - known.keys())
        if missing:
            self.bulk_create(
                [ModelVersion(project_id=project_id, name=name) for name in missing],
                ignore_conflicts=True,
            )
            known |= {v.name: v for v in self.filter(project_id=project_id, name__in=missing)}
        return known

    def current_of(self, project_id: int) -> "ModelVersion | None":
        """The promoted version, if any."""
        return self.filter(project_id=project_id, state=VersionState.CURRENT).first()


class ModelVersion(models.Model):
    """One version of a captioning model in one project; registered on first sight by ingest."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="versions")
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=16, choices=VersionState, default=VersionState.CANDIDATE)
    base = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="descendants"
    )
    uri = models.CharField(max_length=500, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    uncertainty_bins = models.JSONField(
        default=dict,
        editable=False,
        help_text="Histograms of raw uncertainties (256 bins), one an estimator.",
    )
    embedding_size = models.PositiveIntegerField(
        null=True, blank=True, editable=False, help_text="Fixed by the first embedding posted."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    promoted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        ordering = ["project", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name"], name="version_names_are_unique_in_a_project"
            ),
            models.UniqueConstraint(
                fields=["project"],
                condition=Q(state="current"),
                name="one_current_version_per_project",
            ),
        ]

    def __str__(self) -> str:
        return self.name
