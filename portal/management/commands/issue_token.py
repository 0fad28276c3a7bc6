"""Make a service token: `manage.py issue_token default trainer --scope retrain --scope ingest`."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from portal.errors import PortalError
from portal.models import Project
from portal.models.projects import DEFAULT_SLUG
from portal.models.tokens import Scope
from portal.services import members


class Command(BaseCommand):
    """Print a new token's secret; it is shown this once."""

    help = "Make a service token for one project and print its secret, which is shown only once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the project, the token and what it may do."""
        parser.add_argument("project", help="The project's short name.")
        parser.add_argument("name", help="What the token is for.")
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            choices=Scope.values,
            help="May be given several times; without any, the token may only read.",
        )
        parser.add_argument("--days", type=int, default=None, help="Days until it expires.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Issue the token."""
        if options["project"] == DEFAULT_SLUG:
            project = Project.objects.default()
        else:
            project = self._project(options["project"])
        days = options["days"]
        if days is not None and not 0 < days <= 3650:
            raise CommandError("--days is between 1 and 3650.")
        try:
            _, secret = members.issue_token(
                project=project,
                name=options["name"],
                scopes=options["scope"] or [Scope.READ],
                expires_at=timezone.now() + timedelta(days=days) if days else None,
            )
        except PortalError as refused:
            raise CommandError(refused.detail) from refused
        self.stdout.write(secret)

    def _project(self, slug: str) -> Project:
        project = Project.objects.filter(slug=slug).first()
        if project is None:
            known = ", ".join(Project.objects.values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no project {slug!r}; there are: {known}.")
        return project
