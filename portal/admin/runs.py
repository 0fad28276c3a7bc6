"""What an act is, and how it goes through many rows: in small steps, in time, and with a tally."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from portal.admin.forms import Question
from portal.errors import PortalError

PATIENCE_SECONDS = 1.5
MOST_ROWS = 500
REASONS_SHOWN = 3

Data = dict[str, Any]


@dataclass(frozen=True)
class Shown:
    """What an act has to show beside its message; a secret is on this page and nowhere else."""

    title: str
    secret: str = ""
    note: str = ""


@dataclass(frozen=True)
class Act:
    """One thing to do to a row.

    `step` returns something true where it changed the row: a sentence is said as it is, a `Shown`
    gets a page. `fits` keeps the rows for which there is something to do, so that doing it again
    goes on with the rest; `preview` says, before anything is changed, what will be.
    """

    name: str
    label: str
    done: str
    step: Callable[[HttpRequest, Any, Data], object]
    icon: str = "bolt"
    fits: Callable[[QuerySet[Any]], QuerySet[Any]] | None = None
    form: type[Question] | None = None
    intro: str = ""
    preview: Callable[[Any], list[str]] | None = None
    one_by_one: bool = False
    is_remembered_here: bool = False  # the service writes no audit of its own


@dataclass
class Tally:
    """What became of the rows of one act."""

    n_done: int = 0
    n_same: int = 0
    refusals: Counter[str] = field(default_factory=Counter)

    @property
    def n_kept(self) -> int:
        """How many rows stayed as they were."""
        return self.n_same + self.refusals.total()

    @property
    def n_seen(self) -> int:
        """How many rows the act came to."""
        return self.n_done + self.n_kept

    def sentence(self, done: str, opts: Any, n_left: int) -> str:
        """Say how many rows changed, which did not and why, and what remains."""
        names = opts.verbose_name if self.n_done == 1 else opts.verbose_name_plural
        parts = [f"{self.n_done} {names} {done}."]
        if self.n_same:
            parts.append(f"{self.n_same} were so already.")
        if self.refusals:
            reasons = " ".join(list(self.refusals)[:REASONS_SHOWN])
            parts.append(f"{self.refusals.total()} refused: {reasons}")
        if n_left:
            parts.append(f"{n_left} remain; do it again to go on.")
        return " ".join(parts)


def run(step: Callable[..., object], rows: QuerySet[Any]) -> Tally:
    """Step through rows until they, or the patience, end."""
    until = time.monotonic() + PATIENCE_SECONDS
    tally = Tally()
    for row in rows[:MOST_ROWS]:
        try:
            changed = step(row=row)
        except PortalError as refused:
            tally.refusals[refused.detail] += 1
        else:
            tally.n_done += bool(changed)
            tally.n_same += not changed
        if time.monotonic() > until:
            break
    return tally
