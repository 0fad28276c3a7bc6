"""Imports: files of captions that came, and what became of each."""

import uuid
from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.models.formats import FileFormat
from portal.models.projects import Project
from portal.models.users import User

SILENT_SECONDS = 60


class ImportState(models.TextChoices):
    REQUESTED = "requested"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


class ImportKind(models.TextChoices):
    """What the texts of a file are taken for; nobody guesses it."""

    ANNOTATIONS = "annotations", "annotations by named people"
    REFERENCES = "references", "references: the right answers of gold tasks"
    PREDICTIONS = "predictions", "predictions of a model version"


class ImportQuerySet(models.QuerySet["Import"]):
    def unfinished(self) -> "ImportQuerySet":
        """Those that are owed and in no living hands: what the sweep takes in."""
        silent = Q(touched_at__lt=timezone.now() - timedelta(seconds=SILENT_SECONDS))
        return self.filter(Q(state=ImportState.REQUESTED) | Q(state=ImportState.RUNNING) & silent)

    def take(self, pk: int) -> bool:
        """Hold one import for this process; False where another has it."""
        now = timezone.now()
        return bool(
            self.unfinished().filter(pk=pk).update(state=ImportState.RUNNING, touched_at=now)
        )


class Import(models.Model):
    """One file of captions, taken in block by block; sending it again adds nothing."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="imports")
    name = models.CharField(max_length=120)
    format = models.CharField(max_length=16, choices=FileFormat)
    kind = models.CharField(max_length=16, choices=ImportKind)
    options = models.JSONField(default=dict, editable=False)
    is_dry_run = models.BooleanField(default=False, editable=False)
    state = models.CharField(
        max_length=16, choices=ImportState, default=ImportState.REQUESTED, editable=False
    )
    failure = models.CharField(max_length=300, blank=True, editable=False)
    file_key = models.CharField(max_length=200, editable=False)
    sha256 = models.CharField(max_length=64, editable=False)
    n_bytes = models.BigIntegerField(default=0, editable=False)
    n_records = models.PositiveIntegerField(default=0, editable=False)
    n_done = models.PositiveIntegerField(default=0, editable=False)
    n_added = models.PositiveIntegerField(default=0, editable=False)
    n_unchanged = models.PositiveIntegerField(default=0, editable=False)
    n_skipped = models.PositiveIntegerField(default=0, editable=False)
    n_failed = models.PositiveIntegerField(default=0, editable=False)
    problems = models.JSONField(default=list, editable=False)
    warnings = models.JSONField(default=list, editable=False)
    requested_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    touched_at = models.DateTimeField(default=timezone.now, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ImportQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name
