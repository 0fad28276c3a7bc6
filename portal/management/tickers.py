"""What the worker does beside its jobs: orders given every so often, and calls to the outside.

Each order runs as a future: one that fails is logged with its trace and given again at its next
turn, and it never takes the thread along that would have given it.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from django.db import close_old_connections

logger = logging.getLogger(__name__)

N_DELIVERERS = 16
# A call that takes longer than this waits for somebody; beside it there is room for another one.
QUICK_SECONDS = 1.0
MOST_WAITING = 32


class Ticker(threading.Thread):
    """Gives one order every `seconds` until `stop` is set; an order never overtakes itself."""

    def __init__(
        self, name: str, *, seconds: float, order: Callable[[], Any], stop: threading.Event
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.seconds = seconds
        self.order = order
        self.stop = stop

    def run(self) -> None:
        """Tick."""
        with ThreadPoolExecutor(1, thread_name_prefix=self.name) as hand:
            while not self.stop.wait(self.seconds):
                report_failure(self.name, hand.submit(tidily, self.order))


class Deliverers:
    """A pool for outside calls; never two at once to one endpoint, so it delays only itself.

    `n_threads` calls are begun at once; those that have waited for a while no longer count, so that
    endpoints which hang for the first time do not fill the pool. Endpoints that are known to fail
    hold at most half of it.
    """

    def __init__(
        self,
        *,
        due: Callable[[], Iterable[tuple[int, int, bool]]],
        deliver: Callable[[int], Any],
        n_threads: int = N_DELIVERERS,
    ) -> None:
        self.due = due
        self.deliver = deliver
        self.n_threads = n_threads
        self.pool = ThreadPoolExecutor(n_threads + MOST_WAITING, thread_name_prefix="deliverer")
        self.busy: dict[int, tuple[bool, float]] = {}  # endpoint → whether it was failing, since

    def send_due(self) -> None:
        """Start the delivery of whatever is due at endpoints that have no call under way."""
        for delivery_id, endpoint_id, is_failing in self.due():
            if endpoint_id in self.busy or (is_failing and self._has_enough_failing()):
                continue
            if self._is_full():
                return
            self.busy[endpoint_id] = (is_failing, time.monotonic())
            call = self.pool.submit(tidily, self.deliver, delivery_id)
            call.add_done_callback(partial(self._landed, delivery_id, endpoint_id))

    def _has_enough_failing(self) -> bool:
        return 2 * sum(failing for failing, _ in list(self.busy.values())) >= self.n_threads

    def _is_full(self) -> bool:
        begun = time.monotonic() - QUICK_SECONDS
        n_quick = sum(since >= begun for _, since in list(self.busy.values()))
        return n_quick >= self.n_threads or len(self.busy) >= self.n_threads + MOST_WAITING

    def _landed(self, delivery_id: int, endpoint_id: int, call: "Future[Any]") -> None:
        self.busy.pop(endpoint_id, None)
        if not call.cancelled():
            report_failure(f"delivery {delivery_id}", call)

    def close(self) -> None:
        """Wait for the calls under way; those not begun stay due in the database."""
        self.pool.shutdown(wait=True, cancel_futures=True)


def tidily(order: Callable[..., Any], *args: Any) -> Any:
    """Run an order on a database connection that is neither stale nor left behind."""
    close_old_connections()
    try:
        return order(*args)
    finally:
        close_old_connections()


def report_failure(name: str, outcome: "Future[Any]") -> None:
    """Log the exception that an order ended with, if it did."""
    failure = outcome.exception()
    if failure is not None:
        logger.error("%s failed and will be tried again.", name, exc_info=failure)
