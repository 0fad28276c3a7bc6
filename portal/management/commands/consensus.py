"""`manage.py consensus`: the engine without the portal, from a file of captions to their consensus.

Ends with 0 where every line was used, 1 where some were left out, 2 where nothing was written.
"""

from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from django.core.management.base import BaseCommand, CommandError

from portal.adapters import vectors
from portal.adapters.encoders import Encoder
from portal.errors import InvalidInput, PortalError
from portal.management import captionfiles, crowds
from portal.management.captionfiles import printable
from portal.management.crowds import Crowd, Gathering, Rules
from portal.management.progressbars import ProgressBar
from portal.models import Project
from portal.models.projects import Mode

SOME_LEFT_OUT = 1
NOTHING_WRITTEN = 2


class Command(BaseCommand):
    """Decide on every task of a file with the portal's own algorithms; no database is opened."""

    help = "Read captions from a JSON Lines file and write each task's consensus."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the files; the rules are a new project's unless given."""
        usual = Project()
        parser.add_argument("captions", type=Path, help="One caption a line.")
        parser.add_argument("--out", type=Path, required=True, help="One consensus a line.")
        parser.add_argument("--annotators", type=Path, help="Also write one annotator a line.")
        parser.add_argument("--mode", choices=Mode.values, default=Mode.CAPTION.value)
        parser.add_argument("--language", default="en", help="BCP 47 tag; decides on the encoder.")
        parser.add_argument("--no-encoder", action="store_true", help="Compare wording alone.")
        parser.add_argument("--min-captions", type=int, default=usual.min_captions)
        parser.add_argument("--max-captions", type=int, default=usual.max_captions)
        parser.add_argument("--threshold", type=float, default=usual.threshold)

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, fit, decide, write."""
        source, targets = options["captions"], [options["out"], options["annotators"]]
        rules = self.rules(options)
        try:
            paths = [path.resolve() for path in targets if path]
            self.refuse(source.resolve(), paths)
            with captionfiles.whole_files(paths) as files:
                crowd, n_left_out = self.gather(source)
                self.work(crowd, rules, options, files)
        except OSError as failed:
            where = printable(f"{failed.filename}: ") if failed.filename else ""
            why = f"{where}{failed.strerror}. Nothing was written."
            raise CommandError(why, returncode=NOTHING_WRITTEN) from failed
        except PortalError as failed:
            why = f"{failed.detail} Nothing was written."
            raise CommandError(why, returncode=NOTHING_WRITTEN) from failed
        if n_left_out:
            why = f"Left out, as said above: {n_left_out}. Everything else is written."
            raise CommandError(why, returncode=SOME_LEFT_OUT)

    def rules(self, options: dict[str, Any]) -> Rules:
        """Check the rules of settling."""
        least, most = options["min_captions"], options["max_captions"]
        if not 1 <= least <= most or not 0 <= options["threshold"] <= 1:
            raise CommandError(
                "--min-captions is 1 or more, --max-captions no less, --threshold between 0 and 1.",
                returncode=NOTHING_WRITTEN,
            )
        return Rules(least, most, options["threshold"], options["mode"] == Mode.TRANSCRIPTION)

    def refuse(self, source: Path, paths: list[Path]) -> None:
        """Refuse to write over the captions, one file twice, or what is no file."""
        if len({source, *paths}) <= len(paths):
            raise InvalidInput("Captions, --out and --annotators are different files.")
        for path in paths:
            if path.exists() and not path.is_file():
                raise InvalidInput(f"{path} is not a file.")

    def gather(self, source: Path) -> tuple[Crowd, int]:
        """Read the captions; name the lines and tasks that are left out, and count them."""
        gathering, n_bad, n_good, at = Gathering(), 0, 0, 0
        with source.open("rb") as stream:
            bar = ProgressBar(self.stderr, "Reading", source.stat().st_size)
            for line in captionfiles.read(stream):
                bar.advance(line.end_byte - at)
                at = line.end_byte
                if line.caption is None:
                    n_bad += 1
                    bar.clear()
                    self.stderr.write(f"line {line.number}: {line.problem}")
                else:
                    n_good += 1
                    gathering.add(line.caption)
            bar.finish()
        if n_bad and not n_good:
            raise InvalidInput("No line holds a caption.")
        crowded = gathering.leave_out_crowded()
        for name in crowded:
            most = crowds.MAX_CAPTIONS
            self.stderr.write(f"task {printable(name)}: more than {most} captions.")
        return gathering.crowd(), n_bad + len(crowded)

    def work(
        self, crowd: Crowd, rules: Rules, options: dict[str, Any], files: list[BinaryIO]
    ) -> None:
        """Encode, fit, decide on every task, and look at the annotators."""
        encoder = self.encoder(options)
        if encoder is not None:
            bar = ProgressBar(self.stderr, "Reading for meaning", crowds.n_texts(crowd))
            crowd = crowds.encode(crowd, encoder, bar.advance)
            bar.finish()
        bar = ProgressBar(self.stderr, "Fitting skills", 1)
        name = encoder.name if encoder else ""
        fitted = crowds.fit(crowd, language=options["language"], encoder_name=name)
        bar.finish()
        bar = ProgressBar(self.stderr, "Deciding", len(crowd.tasks))
        write(crowds.consensus_rows(crowd, fitted, rules), files[0], bar)
        if options["annotators"]:
            bar = ProgressBar(self.stderr, "Looking at annotators", len(crowd.people))
            write(crowds.annotator_rows(crowd, fitted), files[1], bar)

    def encoder(self, options: dict[str, Any]) -> Encoder | None:
        """Choose the encoder; transcriptions are compared by their words alone."""
        if options["no_encoder"] or options["mode"] == Mode.TRANSCRIPTION:
            return None
        encoder = vectors.encoder_for(options["language"])
        if encoder is None:
            self.stderr.write("No encoder is in use for this language: wording alone is compared.")
        return encoder


def write(rows: Iterable[dict[str, Any]], file: BinaryIO, bar: ProgressBar) -> None:
    """Write one row a line."""
    for row in rows:
        file.write(msgspec.json.encode(row) + b"\n")
        bar.advance(1)
    bar.finish()
