"""What can become of a task, and why one is set aside."""

from django.db import models


class TaskState(models.TextChoices):
    OPEN = "open"
    SETTLED = "settled"
    DISPUTED = "disputed", "disputed, for an expert"
    PARKED = "parked", "parked, for a manager"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"


class ParkReason(models.TextChoices):
    UNPLAYABLE = "unplayable", "does not play"
    NOTHING = "nothing", "nothing to describe"
    LANGUAGE = "language", "wrong language"
    UNSAFE = "unsafe"


# States in which captions and votes still count.
TAKES_EVIDENCE = (TaskState.OPEN, TaskState.DISPUTED)
