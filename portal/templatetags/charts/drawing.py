"""The parts that charts are drawn from: scales, lines, marks, axes."""

import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

WIDTH = 400.0
LEFT, RIGHT, TOP, BOTTOM = 48.0, 12.0, 12.0, 26.0
NO_DATA = mark_safe('<p class="chart-empty">Nothing to draw yet.</p>')

Moment = datetime | date | float


class Scale:
    """A straight map from values to places on the drawing; equal values land in the middle."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self._low, self._high = min(values), max(values)
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        if self._high == self._low:
            return (self._start + self._end) / 2
        share = (value - self._low) / (self._high - self._low)
        return self._start + min(max(share, 0.0), 1.0) * (self._end - self._start)


def svg(
    height: float, label: str, parts: Iterable[str], width: float = WIDTH, kind: str = "wide"
) -> SafeString:
    """Wrap parts as one picture with its label."""
    return format_html(
        '<svg class="chart chart-{}" viewBox="0 0 {} {}" role="img" aria-label="{}"'
        ' preserveAspectRatio="{}">{}</svg>',
        kind, plain(width), plain(height), label,
        "none" if kind == "shares" else "xMidYMid meet",
        format_html_join("", "{}", ((part,) for part in parts)),
    )  # fmt: skip


def polyline(places: Sequence[tuple[float, float]]) -> SafeString:
    """Join places by a line."""
    return format_html(
        '<polyline class="chart-line" points="{}" fill="none" stroke="currentColor"'
        ' stroke-width="2" stroke-linejoin="round" stroke-linecap="round"/>',
        placed(places),
    )


def band(places: Sequence[tuple[float, float]]) -> SafeString:
    """Fill between two lines."""
    return format_html(
        '<polygon class="chart-band" points="{}" fill="currentColor" fill-opacity="0.15"/>',
        placed(places),
    )


def whisker(top: tuple[float, float], bottom: tuple[float, float]) -> SafeString:
    """The interval of a single point: there is no band to draw."""
    return band([(top[0] - 5, top[1]), (top[0] + 5, top[1]),
                  (top[0] + 5, bottom[1]), (top[0] - 5, bottom[1])])  # fmt: skip


def dot(x: float, y: float, radius: float = 4.0) -> SafeString:
    """Mark one place."""
    return format_html(
        '<circle class="chart-dot" cx="{}" cy="{}" r="{}" fill="currentColor"/>',
        plain(x), plain(y), plain(radius),
    )  # fmt: skip


def bar(x: float, y: float, width: float, foot: float, title: str) -> SafeString:
    """Draw one upright bar from `foot` up."""
    return format_html(
        '<rect class="chart-bar" x="{}" y="{}" width="{}" height="{}" rx="2" fill="currentColor">'
        "<title>{}</title></rect>",
        plain(x), plain(y), plain(width), plain(max(foot - y, 0.0)), title,
    )  # fmt: skip


def share_part(x: float, width: float, kind: str, title: str) -> SafeString:
    """Draw one part of a bar of shares."""
    return format_html(
        '<rect class="chart-part chart-{}" x="{}" y="0" width="{}" height="20"'
        ' fill="currentColor" fill-opacity="0.5"><title>{}</title></rect>',
        kind, plain(x), plain(width), title,
    )  # fmt: skip


def segment(
    start: float, end: float, y: float, kind: str, thickness: float, opacity: float
) -> SafeString:
    """Draw a level line."""
    return format_html(
        '<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}" stroke="currentColor"'
        ' stroke-width="{}" stroke-opacity="{}" stroke-linecap="round"/>',
        kind, plain(start), plain(end), plain(y), plain(y), plain(thickness), opacity,
    )  # fmt: skip


def grid(up: Scale, values: Sequence[float], percent: bool) -> SafeString:
    """Draw level lines with their values at the left."""
    rows = (
        (LEFT, WIDTH - RIGHT, plain(up(v)), plain(up(v)), LEFT - 6, plain(up(v) + 4),
         f"{v * 100:.0f}\u202f%" if percent else f"{v:g}")
        for v in values
    )  # fmt: skip
    return format_html_join(
        "",
        '<line class="chart-grid" x1="{}" x2="{}" y1="{}" y2="{}" stroke="currentColor"'
        ' stroke-opacity="0.2"/><text class="chart-text" x="{}" y="{}" text-anchor="end"'
        ' font-size="12" fill="currentColor">{}</text>',
        rows,
    )


def ends_named(rows: Sequence[tuple[Moment | str, ...]], height: float) -> SafeString:
    """Name the first and the last place under the axis; one place is named once."""
    first, last = named(rows[0][0]), named(rows[-1][0])
    ends = [(LEFT, "start", first), (WIDTH - RIGHT, "end", last)]
    shown = ends if first != last else [((LEFT + WIDTH - RIGHT) / 2, "middle", first)]
    return format_html_join(
        "",
        '<text class="chart-text" x="{}" y="{}" text-anchor="{}" font-size="12"'
        ' fill="currentColor">{}</text>',
        ((plain(x), plain(height - 6), anchor, name) for x, anchor, name in shown),
    )


def numbered(moment: Moment | str) -> float:
    """Return a moment as a number on an axis."""
    if isinstance(moment, datetime):
        return moment.timestamp()
    return float(moment.toordinal()) if isinstance(moment, date) else float(moment)


def named(moment: Moment | str) -> str:
    """Return a moment as an axis names it."""
    if isinstance(moment, date):  # a datetime is one too
        return f"{moment.day} {moment:%b}"
    return moment if isinstance(moment, str) else f"{moment:g}"


def placed(places: Sequence[tuple[float, float]]) -> str:
    """Write places as SVG does."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def plain(value: float) -> str:
    """Write a number as shortly as it can be."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


def round_up(most: float) -> float:
    """The next amount that reads well on an axis: 1, 2 or 5 times a power of ten."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (1, 2, 5, 10) if most <= step * power)
