"""`python -m examples.crowd --config people.json`: simulated annotators at work.

The file: `{"portal": url, "token": "…", "truth": "truth.jsonl", "people": [{"annotator_id",
"kind"}]}`, kind being one of expert, regular, careless, spammer; optional "seed", "stop_after",
"at_once". The token needs the scope that lets a service act for named annotators.
"""

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Any

from examples.captioner.pictures import Place, read_lines
from examples.crowd.people import KINDS, Person
from examples.crowd.shifts import MOST_AT_ONCE, Shift
from examples.portals import Portal, Refused, Unreachable


class Misconfigured(Exception):
    """The settings file lacks something; the message says what."""


def main(arguments: list[str] | None = None) -> int:
    """Let the crowd work; 0 when it stopped because enough was settled or nothing was left."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="crowd: %(message)s")
    try:
        told = _read(options.config)
        portal = Portal(told["portal"], told["token"])
        stop_after = options.stop_after or told.get("stop_after")
        shift = Shift(portal, _truth(told["truth"]), stop_after)
        tally = shift.work(_people(told), int(told.get("at_once", MOST_AT_ONCE)))
    except (Misconfigured, Refused, Unreachable) as error:
        print(f"crowd: {error}", file=sys.stderr)
        return 1
    print(
        f"crowd: {tally.n_captions} captions, {tally.n_votes} votes, "
        f"{len(tally.settled)} tasks settled"
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.crowd", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON file: who works where")
    parser.add_argument("--stop-after", type=int, help="settled tasks, so that work is left open")
    return parser


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{path} cannot be read as JSON: {error}") from error
    missing = {"portal", "token", "truth", "people"} - set(told)
    if missing:
        raise Misconfigured(f"{path} lacks {', '.join(sorted(missing))}.")
    return dict(told) | {"truth": path.parent / told["truth"]}


def _truth(path: Path) -> dict[Place, dict[str, str]]:
    return {Place.of(row): row["slots"] for row in read_lines(path)}


def _people(told: dict[str, Any]) -> list[Person]:
    for row in told["people"]:
        if row["kind"] not in KINDS:
            raise Misconfigured(f"{row['kind']!r} is none of {', '.join(KINDS)}.")
    seed = int(told.get("seed", 1))
    return [Person(str(row["annotator_id"]), row["kind"], seed) for row in told["people"]]


if __name__ == "__main__":
    sys.exit(main())
