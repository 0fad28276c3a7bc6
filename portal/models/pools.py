"""Pools: one line of waiting tasks for each combination of language and skills that is asked for.

A task carries its pool's number beside its due time in one index, so that a person who fits only
the last hundred of a million tasks is led straight to them.
"""

from collections.abc import Sequence

from django.db import models

from portal.models.projects import Project

# The pool of all tasks that ask for nothing beyond the project's language; it has no row.
EVERYBODY = 0


class PoolQuerySet(models.QuerySet["Pool"]):
    def number_for(self, project_id: int, language: str, skills: Sequence[str]) -> int:
        """The number of the project's pool for this language and these skills, made if new.

        Called in a transaction, which holds the project's row where a pool is made.
        """
        wanted = {"language": language[:16], "skills": ",".join(skills)[:400]}
        found = self.filter(project_id=project_id, **wanted).first()
        if found is not None:
            return found.number
        # Without the key: rows that only point at the project need not wait.
        Project.objects.select_for_update(no_key=True).get(pk=project_id)
        newest = self.filter(project_id=project_id).aggregate(n=models.Max("number"))["n"] or 0
        made, _ = self.get_or_create(
            project_id=project_id, **wanted, defaults={"number": newest + 1}
        )
        return made.number


class Pool(models.Model):
    """A language and skills that some tasks ask for; written when the first such task opens."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="pools")
    number = models.PositiveIntegerField()
    language = models.CharField(max_length=16, blank=True, help_text="Empty is the project's own.")
    skills = models.CharField(max_length=400, blank=True, help_text="Sorted, comma-separated.")

    objects = PoolQuerySet.as_manager()

    class Meta:
        ordering = ["project", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "number"], name="pool_numbers_are_unique_in_a_project"
            ),
            models.UniqueConstraint(
                fields=["project", "language", "skills"], name="one_pool_per_language_and_skills"
            ),
            models.CheckConstraint(
                condition=models.Q(number__gte=1), name="pool_0_is_everybodys_and_has_no_row"
            ),
        ]

    def __str__(self) -> str:
        return " and ".join(filter(None, [self.language, self.skills.replace(",", ", ")]))
