"""`manage.py simulate`: what a labelling budget buys, in a simulated world, by the portal itself.

Each run works through tasks in a database in memory with the services that serve people: ingest,
claims, captions, consensus, credit. No installation is opened or changed.
"""

import json
from argparse import SUPPRESS, ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from portal.algorithms.worlds import Shape
from portal.management import budgets, plots
from portal.management.progressbars import ProgressBar
from portal.management.simulations import Setting, Simulation, Way


class Command(BaseCommand):
    """Plan a budget: accuracy against answers a task, for three ways of asking."""

    help = "Simulate a crowd and print how accuracy grows with captions per task."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Describe the world and what to compare in it."""
        usual = Shape()
        world = parser.add_argument_group("the world")
        world.add_argument("--tasks", type=int, default=150)
        world.add_argument("--people", type=int, default=20)
        world.add_argument("--experts", type=float, default=usual.experts, help="share of people")
        world.add_argument("--careless", type=float, default=usual.careless, help="share of people")
        world.add_argument(
            "--domain-spread", type=float, default=usual.domain_spread,
            help="how far skill differs by domain, in logits; 0 is even",
        )  # fmt: skip
        world.add_argument(
            "--collusion", action="store_true", help="careless people repeat one popular mistake"
        )
        world.add_argument("--seeds", type=int, default=1, help="worlds to average over")
        ways = parser.add_argument_group("what is compared")
        ways.add_argument("--fixed", type=int, nargs="*", default=[3, 5, 7], metavar="N")
        ways.add_argument(
            "--thresholds", type=float, nargs="*", default=[0.65, 0.85, 0.95], metavar="P"
        )
        ways.add_argument("--min-captions", type=int, default=2)
        ways.add_argument("--max-captions", type=int, default=9)
        ways.add_argument("--gold", type=int, default=4, help="gold tasks a newcomer answers")
        ways.add_argument("--accuracy", type=float, default=0.85, help="say what this costs")
        parser.add_argument("--svg", type=Path, help="also draw the curves into this file")
        parser.add_argument("--json", action="store_true", help="print one JSON object a line")
        parser.add_argument("--encoder", default="none", help="auto compares meaning too, slowly")
        parser.add_argument("--processes", type=int, default=2)
        parser.add_argument("--one", help=SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run every setting and print what came of it."""
        if options["one"]:
            self.run_one(options["one"])
            return
        cells = self.cells(options)
        bar = ProgressBar(self.stderr, "Simulating", len(cells))
        done = budgets.run_all(
            cells,
            n_processes=max(1, options["processes"]),
            encoder=options["encoder"],
            on_done=bar.advance,
        )
        bar.finish()
        self.report(budgets.figures(done), options)

    def cells(self, options: dict[str, Any]) -> list[Setting]:
        """Return every run that was asked for; refuse a world that cannot be."""
        check(options)
        shape = Shape(
            n_tasks=options["tasks"],
            n_people=options["people"],
            careless=options["careless"],
            experts=options["experts"],
            domain_spread=options["domain_spread"],
            collusion=options["collusion"],
        )
        levels = [(Way.FIXED, float(n)) for n in options["fixed"]]
        levels += [
            (way, level) for way in (Way.ADAPTIVE, Way.ROUTED) for level in options["thresholds"]
        ]
        return [
            Setting(
                way=way,
                level=level,
                seed=seed,
                shape=shape,
                least=options["min_captions"],
                most=options["max_captions"],
                gold_first=options["gold"],
            )
            for seed in range(options["seeds"])
            for way, level in levels
        ]

    def run_one(self, line: str) -> None:
        """Work through one setting in this process; only ever in a database in memory."""
        if connection.vendor != "sqlite" or "memory" not in str(connection.settings_dict["NAME"]):
            raise CommandError("A simulated run needs a database in memory; use the options above.")
        settings.ANNOUNCE_RERAISE = True
        call_command("migrate", verbosity=0)
        spent = Simulation(budgets.decode(line)).work()
        self.stdout.write(json.dumps(asdict(spent)))

    def report(self, rows: list[budgets.Figure], options: dict[str, Any]) -> None:
        """Print the table or JSON, and draw."""
        if options["json"]:
            for row in rows:
                self.stdout.write(json.dumps(asdict(row)))
        else:
            for line in budgets.table(rows, options["accuracy"]):
                self.stdout.write(line)
        if options["svg"]:
            drawn = plots.draw(
                "What an answer buys",
                "answers a task, gold included",
                "tasks whose consensus is right",
                budgets.lines(rows),
            )
            options["svg"].write_text(drawn, encoding="utf-8")
            self.stderr.write(f"Drawn: {options['svg']}", self.style.SUCCESS)


def check(options: dict[str, Any]) -> None:
    """Refuse options that make no world or no comparison."""
    shares = ("experts", "careless", "accuracy")
    if any(not 0 <= options[name] <= 1 for name in shares):
        raise CommandError("--experts, --careless and --accuracy are shares between 0 and 1.")
    if options["experts"] + options["careless"] > 1:
        raise CommandError("--experts and --careless are at most 1 together.")
    if any(not 0 <= level <= 1 for level in options["thresholds"]):
        raise CommandError("--thresholds lie between 0 and 1.")
    most = max([options["max_captions"], *options["fixed"]])
    if min(options["tasks"], options["seeds"]) < 1 or options["people"] < most:
        raise CommandError(
            f"A world has a task, a seed, and at least as many people as captions a task ({most})."
        )
    if not 1 <= options["min_captions"] <= options["max_captions"]:
        raise CommandError("--min-captions is 1 or more, --max-captions no less.")
    if not options["fixed"] and not options["thresholds"]:
        raise CommandError("There is nothing to compare: name --fixed or --thresholds.")
