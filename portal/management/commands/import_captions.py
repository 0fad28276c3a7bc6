"""Take a file of captions in: `manage.py import_captions FILE --format coco --as references`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal import jobs
from portal.errors import PortalError
from portal.management.captionfiles import printable
from portal.management.progressbars import ProgressBar
from portal.management.projects import project_named
from portal.models import Import
from portal.models.formats import FileFormat
from portal.models.imports import ImportKind
from portal.services import imports
from portal.services.imports import Options


class Command(BaseCommand):
    """Read a file of captions, say what is wrong with it by line, store the rest."""

    help = "Take captions in from a file; sending the same file again adds nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the file, its format, and what its texts are."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--format", required=True, choices=FileFormat.values)
        parser.add_argument(
            "--as",
            dest="kind",
            required=True,
            choices=ImportKind.values,
            help="annotations: captions by named people; references: right answers of gold tasks; "
            "predictions: what a model version said.",
        )
        parser.add_argument("--project", default="", help="The project's short name.")
        parser.add_argument("--dry-run", action="store_true", help="Check all, store nothing.")
        parser.add_argument("--author", default="", help="Who wrote texts that name no author.")
        parser.add_argument("--model-version", default="", help="Whose texts without a version.")
        parser.add_argument(
            "--score",
            default="",
            choices=["confidence", "uncertainty"],
            help="What Label Studio's scores mean: high is sure, or high is unsure.",
        )
        parser.add_argument(
            "--prefix",
            action="append",
            default=[],
            metavar="FROM=TO",
            help="What the beginning of a clip's address stands for; may be given several times.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Look the file through, then take it in."""
        try:
            row = self._receive(options)
        except PortalError as refused:
            raise CommandError(printable(refused.detail)) from refused
        except OSError as missing:
            raise CommandError(
                f"{options['file']} cannot be read: {missing.strerror}."
            ) from missing
        bar = ProgressBar(self.stderr, "Taking captions in", row.n_records)
        row = jobs.take_in(row.pk, bar.advance) or row
        bar.finish()
        self._report(row)

    def _receive(self, options: dict[str, Any]) -> Import:
        with options["file"].open("rb") as stream:
            return imports.receive(
                project=project_named(options["project"]),
                stream=stream,
                name=options["file"].name,
                format=options["format"],
                kind=options["kind"],
                options=Options(
                    author=options["author"],
                    model_version=options["model_version"],
                    score=options["score"],
                    prefixes=_prefixes(options["prefix"]),
                ),
                dry_run=options["dry_run"],
            )

    def _report(self, row: Import) -> None:
        for warning in row.warnings:
            self.stderr.write(f"Warning: {printable(warning)}")
        for problem in row.problems:
            self.stderr.write(f"{printable(problem['place'])}: {printable(problem['reason'])}")
        if row.n_failed > len(row.problems):
            self.stderr.write(f"… and {row.n_failed - len(row.problems)} more.")
        would = "would be " if row.is_dry_run else ""
        self.stdout.write(
            f"{row.n_added} {would}added, {row.n_unchanged} there already, "
            f"{row.n_skipped} skips and drafts, {row.n_failed} refused."
        )
        if row.failure:
            raise CommandError(printable(row.failure))


def _prefixes(given: list[str]) -> dict[str, str]:
    prefixes = {}
    for pair in given:
        begins, equals, stands_for = pair.rpartition("=")
        if not equals or not begins:
            raise CommandError(f"--prefix is FROM=TO, not {pair!r}.")
        prefixes[begins] = stands_for
    return prefixes
