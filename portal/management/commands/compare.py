"""`manage.py compare`: two models' captions from files, judged by the portal's own evaluator.

Ends with 0 where every line was used, 1 where some were left out, 2 where nothing was compared.
"""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.adapters import vectors
from portal.errors import InvalidInput, PortalError
from portal.management import comparefiles
from portal.management.captionfiles import printable
from portal.management.comparefiles import Gathered

SOME_LEFT_OUT = 1
NOTHING_COMPARED = 2
COLUMNS = ("metric", "A", "B", "B - A", "95 % bounds", "p (Holm)")
IDS_NAMED = 10


class Command(BaseCommand):
    """Compare two files of captions against references; no database is opened."""

    help = "Compare two models' captions against references: metrics, intervals, p, verdict."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the files."""
        parser.add_argument("original", type=Path, help='A: {"id", "caption"} a line.')
        parser.add_argument("retrained", type=Path, help='B: {"id", "caption"} a line.')
        parser.add_argument(
            "--references", type=Path, required=True, help='{"id", "references", "video"?} a line.'
        )
        parser.add_argument(
            "--cluster", choices=["video", "id"], default="video",
            help="What is drawn as one; an item without a video is its own.",
        )  # fmt: skip
        parser.add_argument("--language", default="en", help="BCP 47 tag; decides on the encoder.")
        parser.add_argument("--no-encoder", action="store_true", help="Compare wording alone.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, compare, print."""
        try:
            gathered = comparefiles.gather(
                options["original"], options["retrained"], options["references"]
            )
            self.complain(gathered)
            encoder = None if options["no_encoder"] else vectors.encoder_for(options["language"])
            if encoder is None and not options["no_encoder"]:
                self.stderr.write("No encoder is in use for this language: wording alone counts.")
            by_video = options["cluster"] == "video"
            found = comparefiles.report(gathered, encoder, by_video=by_video)
        except OSError as failed:
            where = printable(f"{failed.filename}: ") if failed.filename else ""
            raise CommandError(
                f"{where}{failed.strerror}.", returncode=NOTHING_COMPARED
            ) from failed
        except PortalError as failed:
            raise CommandError(failed.detail, returncode=NOTHING_COMPARED) from failed
        text = json.dumps(found, ensure_ascii=False) if options["json"] else table(found)
        self.stdout.write(text)
        if gathered.n_left_out:
            why = f"Left out, as said above: {gathered.n_left_out}."
            raise CommandError(why, returncode=SOME_LEFT_OUT)

    def complain(self, gathered: Gathered) -> None:
        """Say which lines and ids are not used."""
        for where, number, problem in gathered.problems:
            self.stderr.write(f"{printable(where)} line {number}: {problem}")
        for what, ids in gathered.unmatched.items():
            named = ", ".join(printable(each) for each in ids[:IDS_NAMED])
            more = f" and {len(ids) - IDS_NAMED} more" if len(ids) > IDS_NAMED else ""
            self.stderr.write(f"{what}: {named}{more}")
        if not gathered.items:
            raise InvalidInput("No id stands in all three files; there is nothing to compare.")


def table(found: dict[str, Any]) -> str:
    """Lay the report out for people."""
    rows = [COLUMNS] + [
        (
            name + (" *" if name == found["primary"] else ""),
            f"{row['original']:.4f}",
            f"{row['retrained']:.4f}",
            f"{row['delta']:+.4f}",
            f"{_bound(row['low'])} .. {_bound(row['high'])}",
            f"{row['p']:.4f}",
        )
        for name, row in found["metrics"].items()
    ]
    widths = [max(len(row[at]) for row in rows) for at in range(len(COLUMNS))]
    lines = [
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    counts = found["n_wins"], found["n_ties"], found["n_losses"]
    return "\n".join(
        [
            *lines,
            "",
            "* decides. B is better, alike, worse on {} / {} / {}".format(*counts)
            + f" of {found['n_items']} items ({found['n_videos']} clusters).",
            f"Verdict: {found['verdict']}",
            *(f"  {reason}" for reason in found["reasons"]),
        ]
    )


def _bound(value: float | None) -> str:
    return "unknown" if value is None else f"{value:+.4f}"
