"""`python -m examples.label_studio_bridge`: wait for retraining webhooks and hand batches on."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from examples.captioner import settings
from examples.captioner.receivers import Receiver
from examples.captioner.runs import Runs
from examples.label_studio_bridge import configs
from examples.label_studio_bridge.bridges import Bridge, Way

WAYS = ("auto", "train", "start", "each")


def main() -> int:
    """Serve until SIGINT or SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="bridge: %(message)s", stream=sys.stdout)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        told, way = settings.load({"DATA": "bridge-data"} | os.environ), way_of(os.environ)
        if not all(project.secret for project in told.projects):
            raise settings.Misconfigured("Without WEBHOOK_SECRET nothing can be verified.")
    except (settings.Misconfigured, configs.NoCaptions, OSError) as error:
        print(f"bridge: {error}", file=sys.stderr)
        return 1
    receiver = Receiver(told, Bridge(told.projects, Runs(told.folder), way))
    for number in (signal.SIGINT, signal.SIGTERM):
        # shutdown waits for serve_forever, which this very thread is in.
        signal.signal(number, lambda *_: threading.Thread(target=receiver.shutdown).start())
    print(f"bridge: listening on http://127.0.0.1:{receiver.server_port}/", flush=True)
    receiver.serve_forever()
    receiver.worker.stop()
    receiver.server_close()
    return 0


def way_of(environment: Mapping[str, str]) -> Way:
    """Read where the backend is and how it is trained; raise Misconfigured or NoCaptions."""
    url, by = environment.get("ML_BACKEND_URL", ""), environment.get("TRAIN", "auto")
    if not url.startswith(("http://", "https://")):
        raise settings.Misconfigured("Set ML_BACKEND_URL, such as http://127.0.0.1:9090.")
    if by not in WAYS:
        raise settings.Misconfigured(f"TRAIN is one of {', '.join(WAYS)}, not {by!r}.")
    path = environment.get("LABEL_CONFIG", "")
    xml = Path(path).read_text(encoding="utf-8") if path else configs.DEFAULT
    seconds = environment.get("TRAIN_SECONDS", "3600")
    if not seconds.isdecimal():
        raise settings.Misconfigured(f"TRAIN_SECONDS is a number, not {seconds!r}.")
    return Way(url, configs.parse(xml), by, float(seconds))


if __name__ == "__main__":
    sys.exit(main())
