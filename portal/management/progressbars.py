"""A line on a terminal that says how far a long run is; silent anywhere else.

It is drawn plain: Django would print all of standard error in the colour of errors.
"""

import time
from collections.abc import Callable
from typing import Protocol

WIDTH = 30
PATIENCE_SECONDS = 0.2


class Terminal(Protocol):
    """Where the line is drawn."""

    def isatty(self) -> bool:
        """Whether somebody is looking."""

    def write(self, msg: str, /, style_func: Callable[[str], str], ending: str) -> object:
        """Print in a style, without a line end of its own."""

    def flush(self) -> object:
        """Show it now."""


class ProgressBar:
    """One step of a run, redrawn in place a few times a second."""

    def __init__(self, out: Terminal, title: str, total: int) -> None:
        self._out = out
        self._title = title
        self._total = max(1, total)
        self._done = 0
        self._drawn_at = 0.0
        self._is_seen = out.isatty()
        self._draw()

    def advance(self, n: int) -> None:
        """Note that so much more is done."""
        self._done += n
        if time.monotonic() - self._drawn_at >= PATIENCE_SECONDS:
            self._draw()

    def clear(self) -> None:
        """Make room for a line of text; the next advance draws again."""
        if self._is_seen:
            self._out.write("\r\x1b[K", str, ending="")

    def finish(self) -> None:
        """Draw the last state and end the line."""
        self._done = self._total
        self._draw(ending="\n")

    def _draw(self, ending: str = "") -> None:
        if not self._is_seen:
            return
        share = min(1.0, self._done / self._total)
        filled = round(WIDTH * share)
        bar = "█" * filled + "·" * (WIDTH - filled)
        self._out.write(f"\r{self._title:<22} {bar} {share:4.0%}", str, ending=ending)
        self._out.flush()
        self._drawn_at = time.monotonic()
