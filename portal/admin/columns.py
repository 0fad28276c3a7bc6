"""Columns of lists and pages that read better than the bare value."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from django.db.models import Model
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

Column = Callable[[Model], Any]
NOTHING = "–"

# How states look: done, under way, somebody has to look, over.
LABELS = {
    "success": ("settled", "standing", "ready", "delivered", "succeeded", "promoted", "promote",
                "accepted", "finalised", "decided", "active", "win", "submitted", "current",
                "dismissed"),
    "info": ("open", "pending", "running", "dispatching", "frozen", "leased", "requested",
             "building", "fetching", "registered", "interim", "candidate", "evaluating"),
    "warning": ("parked", "paused", "quarantined", "skipped", "inconclusive", "tie", "withdrawn"),
    "danger": ("disputed", "confirmed", "failed", "timed_out", "exhausted", "rejected", "reject",
               "loss", "dispatch_failed"),
}  # fmt: skip


def shortened(name: str, description: str, characters: int = 60) -> Column:
    """Return a column that shows the beginning of a long text."""

    @display(description=description, ordering=name)
    def column(row: Model) -> str:
        text = " ".join(str(getattr(row, name) or "").split())
        return text if len(text) <= characters else text[: characters - 1] + "…"

    return column


@cache
def moment(name: str, description: str) -> Column:
    """Return a column that shows a time in UTC, the year only where it is another."""

    @display(description=description, ordering=name)
    def column(row: Model) -> str:
        value = getattr(row, name)
        if value is None:
            return NOTHING
        is_this_year = value.year == timezone.now().year
        return f"{value:%d %b %H:%M}" if is_this_year else f"{value:%d %b %Y %H:%M}"

    return column


def rounded(name: str, description: str, places: int = 2) -> Column:
    """Return a column that shows a number as precisely as it can be told."""

    @display(description=description, ordering=name)
    def column(row: Model) -> str:
        value = getattr(row, name)
        return NOTHING if value is None else f"{value:.{places}f}"

    return column


def stated(name: str, description: str = "state") -> Column:
    """Return a column that shows a state as a coloured label."""
    colours = {state: colour for colour, states in LABELS.items() for state in states}

    @display(description=description, ordering=name, label=colours)
    def column(row: Model) -> tuple[str, str]:
        value = getattr(row, name)
        return value, value.replace("_", " ")

    return column


def flagged(description: str, words: Mapping[str, str]) -> Column:
    """Return a column that names those flags of a row that are set."""

    @display(description=description)
    def column(row: Model) -> str:
        return ", ".join(word for name, word in words.items() if getattr(row, name)) or NOTHING

    return column


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> SafeString:
    """Return a table of what people or machines wrote; every cell is text."""
    return format_html(
        '<div class="console-scroll"><table class="console-table"><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>",
        format_html_join("", '<th scope="col">{}</th>', ((head,) for head in heads)),
        format_html_join(
            "",
            "<tr>{}</tr>",
            ((format_html_join("", "<td>{}</td>", ((cell,) for cell in row)),) for row in rows),
        ),
    )


def number(value: Any, places: int = 3) -> str:
    """Return a number out of stored JSON as text, and a dash for what is none."""
    return f"{value:.{places}f}" if isinstance(value, int | float) else NOTHING
