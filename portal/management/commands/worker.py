"""`manage.py worker`: jobs, the sweep, and deliveries to the outside. Start as many as you like on
PostgreSQL; on SQLite one is enough.
"""

import logging
import os
import signal
import socket
import threading
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.crypto import get_random_string

from portal import jobs
from portal.adapters import queues
from portal.management.tickers import Deliverers, Ticker
from portal.services import webhooks

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 25.0


class Command(BaseCommand):
    """Run background work until SIGTERM or Ctrl-C; what is in hand is finished first."""

    help = "Run background jobs, the sweep and webhook deliveries."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Work until told to stop, then drain."""
        stop = threading.Event()
        worker_id = f"{socket.gethostname()[:30]}-{os.getpid()}-{get_random_string(6)}"
        worker = queues.SturdyWorker(worker_id=worker_id, stop=stop)
        deliverers = Deliverers(due=webhooks.due, deliver=jobs.deliver)
        beat_seconds = settings.JOB_STALE_SECONDS / 6
        tickers = [
            Ticker("heart", seconds=beat_seconds, order=worker.beat, stop=stop),
            Ticker("sweep", seconds=settings.SWEEP_SECONDS, order=jobs.sweep, stop=stop),
            Ticker("catch-up", seconds=settings.SWEEP_SECONDS, order=jobs.catch_up, stop=stop),
            Ticker("judging", seconds=settings.SWEEP_SECONDS, order=jobs.ask_judge, stop=stop),
            Ticker("flags", seconds=60.0, order=jobs.seek_flags, stop=stop),
            Ticker("refits", seconds=600.0, order=jobs.refit_due, stop=stop),
            Ticker("again", seconds=settings.SWEEP_SECONDS, order=jobs.reconsider, stop=stop),
            Ticker("deliveries", seconds=0.5, order=deliverers.send_due, stop=stop),
            Ticker("tidying", seconds=3600.0, order=jobs.tidy, stop=stop),
            Ticker("forgetting", seconds=3600.0, order=queues.forget_finished, stop=stop),
        ]
        stop_on_signals(stop, worker)
        for ticker in tickers:
            ticker.start()
        logger.info("Worker %s is ready.", worker_id)
        worker.run()
        for ticker in tickers:
            ticker.join()
        deliverers.close()


def stop_on_signals(stop: threading.Event, worker: queues.SturdyWorker) -> None:
    """Drain at the first signal and ignore the rest; after `DRAIN_SECONDS` hand back and leave."""

    def leave() -> None:
        worker.hand_back()
        os._exit(0)

    def drain(signum: int, frame: FrameType | None) -> None:
        if not stop.is_set():
            stop.set()
            watchdog = threading.Timer(DRAIN_SECONDS, leave)
            watchdog.daemon = True
            watchdog.start()

    signal.signal(signal.SIGTERM, drain)
    signal.signal(signal.SIGINT, drain)
