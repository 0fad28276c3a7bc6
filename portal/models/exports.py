"""Exports: files made from one snapshot of a project."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.models.formats import FileFormat
from portal.models.projects import Project
from portal.models.users import User


class ExportState(models.TextChoices):
    REQUESTED = "requested"
    BUILDING = "building"
    READY = "ready"
    FAILED = "failed"


class ExportQuerySet(models.QuerySet["Export"]):
    def unbuilt(self) -> "ExportQuerySet":
        """Those whose file is still owed: what the sweep builds."""
        return self.filter(state__in=(ExportState.REQUESTED, ExportState.BUILDING))


class Export(models.Model):
    """One named file of a project's consensus captions; built by a job, then never changed.

    `index_key` is a list of what is in it, kept beside the file: two exports are compared by it.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="exports")
    name = models.CharField(max_length=120)
    format = models.CharField(max_length=16, choices=FileFormat, default=FileFormat.JSONL)
    options = models.JSONField(
        default=dict, editable=False, help_text="Filter and shape, as asked."
    )
    state = models.CharField(
        max_length=16, choices=ExportState, default=ExportState.REQUESTED, editable=False
    )
    failure = models.CharField(max_length=300, blank=True, editable=False)
    file_key = models.CharField(max_length=200, blank=True, editable=False)
    sha256 = models.CharField(max_length=64, blank=True, editable=False)
    n_bytes = models.BigIntegerField(default=0, editable=False)
    n_expected = models.PositiveIntegerField(default=0, editable=False)
    n_rows = models.PositiveIntegerField(default=0, editable=False)
    counts = models.JSONField(default=dict, editable=False)
    guidelines = models.JSONField(
        default=list, editable=False, help_text="Versions that the captions were written under."
    )
    index_key = models.CharField(max_length=200, blank=True, editable=False)
    requested_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ExportQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state=ExportState.READY) | ~(Q(sha256="") | Q(file_key="")),
                name="a_ready_export_has_its_file",
            ),
        ]

    def __str__(self) -> str:
        return self.name
