"""`python -m examples.captioner render|seed|serve`: the reference captioner from the shell."""

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from examples.captioner import seeds, settings
from examples.captioner.pictures import Pictures
from examples.captioner.receivers import Receiver
from examples.portals import Portal, Refused, Unreachable
from examples.shapes import renders


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; 0 where it did what it says."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="captioner: %(message)s", stream=sys.stdout)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        return int(options.verb(options))
    except (settings.Misconfigured, seeds.NotTaken, Refused, Unreachable) as error:
        print(f"captioner: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.captioner", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="render|seed|serve")
    render = verbs.add_parser("render", help="render clips, their seed labels and their truth")
    render.add_argument("folder", type=Path)
    render.add_argument("--clips", type=int, default=220)
    render.add_argument("--seed", type=int, default=1)
    render.add_argument("--seed-labels", type=int, default=renders.SEED_LABELS)
    render.set_defaults(verb=_render)
    seed = verbs.add_parser("seed", help="upload clips, train the first model, predict")
    seed.add_argument("--project", help="of the settings file; the first by default")
    seed.set_defaults(verb=_seed)
    serve = verbs.add_parser("serve", help="listen for retraining webhooks and carry them out")
    serve.add_argument("--port", help="instead of PORT")
    serve.set_defaults(verb=_serve)
    for verb in (seed, serve):
        verb.add_argument("--config", help="instead of CONFIG: a JSON file of projects")
        verb.add_argument("--data", help="instead of DATA: the captioner's folder")
    return parser


def _render(options: argparse.Namespace) -> int:
    def progress(done: int, of: int) -> None:
        if done % 25 == 0 or done == of:
            _say(f"rendered {done} of {of} videos")

    renders.render(
        options.folder,
        n_clips=options.clips,
        seed=options.seed,
        n_seed_labels=options.seed_labels,
        progress=progress,
    )
    return 0


def _seed(options: argparse.Namespace) -> int:
    told = _settings(options)
    named = [one for one in told.projects if options.project in (None, one.project)]
    if not named:
        raise settings.Misconfigured(f"No project of the settings is called {options.project}.")
    portal = Portal(named[0].portal, named[0].token)
    seeds.begin(portal, Pictures(told.folder), _say)
    portal.close()
    return 0


def _serve(options: argparse.Namespace) -> int:
    told = _settings(options)
    if not any(project.secret for project in told.projects):
        raise settings.Misconfigured("Without a webhook secret nothing can be verified.")
    receiver = Receiver(told)
    for number in (signal.SIGINT, signal.SIGTERM):
        # shutdown waits for serve_forever, which this very thread is in.
        signal.signal(number, lambda *_: threading.Thread(target=receiver.shutdown).start())
    _say(f"listening on http://127.0.0.1:{receiver.server_port}/")
    receiver.serve_forever()
    receiver.worker.stop()
    receiver.server_close()
    return 0


def _settings(options: argparse.Namespace) -> settings.Settings:
    """Read the settings; what is said on the command line counts before the environment."""
    said = {"CONFIG": options.config, "DATA": options.data, "PORT": getattr(options, "port", None)}
    return settings.load(os.environ | {name: value for name, value in said.items() if value})


def _say(line: str) -> None:
    print(f"captioner: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
