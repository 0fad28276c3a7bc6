"""What a gold task knows before anybody answers: accepted captions, and a wrong one to show."""

from django.db import models

from portal.models.tasks import Task


class GoldReference(models.Model):
    """One accepted answer of a gold task; a task may have several."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="references")
    text = models.TextField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.text[:80]


class PlantedPrediction(models.Model):
    """The wrong caption that a gold task shows on purpose, as if the model had said it.

    It measures who accepts a prediction without looking; written with the task's gold answers.
    """

    task = models.OneToOneField(Task, on_delete=models.CASCADE, related_name="planted")
    text = models.TextField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.text[:80]
