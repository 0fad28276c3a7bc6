"""Refits: the numbers that a project's consensus is computed with, a new version each night."""

from datetime import datetime

from django.db import models
from django.db.models import Exists, OuterRef
from django.utils import timezone

from portal.models.projects import Project

RefitKey = tuple[int, datetime]  # a row's id alone is used again on SQLite once it is deleted


class RefitQuerySet(models.QuerySet["Refit"]):
    def current_of(self, project_id: int) -> "Refit | None":
        """The parameters in force, if any refit has run."""
        return self.filter(project_id=project_id).order_by("-number").first()

    def key_of(self, project_id: int) -> RefitKey | None:
        """What names the parameters in force, without reading them; its rows never change."""
        newest = self.filter(project_id=project_id).order_by("-number")
        return newest.values_list("pk", "created_at").first()

    def current(self) -> "RefitQuerySet":
        """The newest of each project."""
        newer = Refit.objects.filter(project=OuterRef("project"), number__gt=OuterRef("number"))
        return self.filter(~Exists(newer))

    def unreconsidered(self) -> "RefitQuerySet":
        """Those in force whose closed tasks have not all been looked at again."""
        return self.current().filter(reconsidered_at__isnull=True)


class Refit(models.Model):
    """One fit of a project's consensus parameters; versioned, the newest is in force.

    `services.refits` writes it; `services.consensus` notes how far it has looked at closed tasks
    again with these numbers.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="refits")
    number = models.PositiveIntegerField()
    parameters = models.JSONField()
    n_captions = models.PositiveIntegerField(default=0)
    n_labels = models.PositiveIntegerField(
        default=0, help_text="Reviewed, audited and gold tasks that confidence was calibrated on."
    )
    newest_consensus = models.PositiveBigIntegerField(
        default=0, help_text="Id of the newest final consensus there was; newer ones are news."
    )
    reconsidered_upto = models.PositiveBigIntegerField(
        default=0, help_text="Id of the consensus up to which closed tasks were looked at again."
    )
    reconsidered_at = models.DateTimeField(
        null=True, blank=True, help_text="When all closed tasks had been looked at again."
    )
    n_reopened = models.PositiveIntegerField(
        default=0, help_text="Closed tasks whose winner and confidence both changed."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = RefitQuerySet.as_manager()

    class Meta:
        ordering = ["project", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="refit_numbers_are_unique"),
        ]

    def __str__(self) -> str:
        return f"Refit {self.number}"
