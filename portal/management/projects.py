"""The project that a command is for."""

from django.core.management.base import CommandError

from portal.models import Project
from portal.models.projects import DEFAULT_SLUG


def project_named(slug: str) -> Project:
    """Return the project of this short name, the default one where none is given."""
    if slug in ("", DEFAULT_SLUG):
        return Project.objects.default()
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        known = ", ".join(Project.objects.values_list("slug", flat=True)) or "none yet"
        raise CommandError(f"There is no project {slug!r}; there are: {known}.")
    return project
