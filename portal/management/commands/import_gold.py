"""Import gold: `manage.py import_gold gold.jsonl --project default [--dry-run]`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.models import Project
from portal.services import tasks


class Command(BaseCommand):
    """Make clips gold from a file of their accepted answers, one clip a line."""

    help = (
        "Make clips gold. Each line of FILE is "
        '{"video_id", "start"?, "end"?, "references": […], "shown_prediction"?}. Twice changes '
        "nothing; a line that is refused is named by its number and the exit status is 1."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the file and the project."""
        parser.add_argument("file", type=Path, help="JSON Lines, UTF-8.")
        parser.add_argument("--project", required=True, help="The project's short name.")
        parser.add_argument(
            "--dry-run", action="store_true", help="Say what would be, change nothing."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, and say what became of each line."""
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            known = ", ".join(Project.objects.values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no project {options['project']!r}; there are: {known}.")
        is_dry = options["dry_run"]
        try:
            with options["file"].open("rb") as lines:
                report = tasks.import_gold(
                    project=project, lines=lines, actor="manage.py import_gold", is_dry=is_dry
                )
        except OSError as missing:
            raise CommandError(
                f"{options['file']} cannot be read: {missing.strerror}."
            ) from missing
        for number, problem in report.problems:
            self.stderr.write(f"line {number}: {problem}")
        self.stdout.write(report.sentence(is_dry=is_dry))
        if report.problems:
            rest = "nothing was changed" if is_dry else "the others stand"
            raise CommandError(f"{len(report.problems)} lines were refused; {rest}.")
