"""What was found against what was said: a square with dots that say how many they stand for."""

from collections.abc import Sequence
from typing import Protocol

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from portal.templatetags.charts.drawing import NO_DATA

SIDE, EDGE = 320.0, 44.0
INTERVAL_Z = 1.64
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


class Bin(Protocol):
    """What was said on average, what was found, of how many, and the latter's standard error."""

    @property
    def said(self) -> float: ...
    @property
    def found(self) -> float: ...
    @property
    def n(self) -> int: ...
    @property
    def error(self) -> float: ...


def reliability_diagram(bins: Sequence[Bin], label: str) -> SafeString:
    """Draw what was found against what was said: dots on the dashed diagonal mean what they say.

    Whiskers are 90 % intervals, and larger dots stand for more tasks; each dot's title tells it in
    words. Nothing is told by colour alone.
    """
    if not bins:
        return NO_DATA
    most = max(each.n for each in bins)
    return format_html(
        '<svg class="chart chart-square" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        "{}{}{}</svg>",
        f"{SIDE:g}",
        f"{SIDE:g}",
        label,
        _frame(),
        format_html_join("", "{}", ((_whisker(each),) for each in bins)),
        format_html_join("", "{}", ((_dot(each, most),) for each in bins)),
    )


def _x(share: float) -> str:
    return f"{EDGE + share * (SIDE - EDGE - 10):.1f}"


def _y(share: float) -> str:
    return f"{SIDE - EDGE - share * (SIDE - EDGE - 10):.1f}"


def _frame() -> SafeString:
    lines = format_html_join(
        "",
        '<line class="chart-grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}" stroke="currentColor"'
        ' stroke-opacity="0.2"/><text class="chart-text" x="{3}" y="{2}" dy="4" text-anchor="end"'
        ' font-size="11" fill="currentColor">{5}</text><text class="chart-text" x="{4}" y="{6}"'
        ' text-anchor="middle" font-size="11" fill="currentColor">{5}</text>',
        (
            (_x(0), _x(1), _y(tick), f"{EDGE - 6:g}", _x(tick), f"{tick * 100:.0f}",
             f"{SIDE - EDGE + 16:g}")
            for tick in TICKS
        ),
    )  # fmt: skip
    return format_html(
        '{}<line class="chart-text" x1="{}" y1="{}" x2="{}" y2="{}" stroke="currentColor"'
        ' stroke-dasharray="4 4"/><text class="chart-text" x="{}" y="{}" text-anchor="middle"'
        ' font-size="12" fill="currentColor">said, %</text><text class="chart-text" x="4" y="{}"'
        ' font-size="12" fill="currentColor" transform="rotate(-90 12 {})" text-anchor="middle">'
        "right, %</text>",
        lines, _x(0), _y(0), _x(1), _y(1), _x(0.5), f"{SIDE - 8:g}", _y(0.5), _y(0.5),
    )  # fmt: skip


def _whisker(each: Bin) -> SafeString:
    low = max(0.0, each.found - INTERVAL_Z * each.error)
    high = min(1.0, each.found + INTERVAL_Z * each.error)
    return format_html(
        '<line class="chart-range" x1="{0}" x2="{0}" y1="{1}" y2="{2}" stroke="currentColor"'
        ' stroke-width="3" stroke-opacity="0.45"/>',
        _x(each.said), _y(low), _y(high),
    )  # fmt: skip


def _dot(each: Bin, most: int) -> SafeString:
    return format_html(
        '<circle class="chart-dot" cx="{}" cy="{}" r="{}" fill="currentColor"><title>{}</title>'
        "</circle>",
        _x(each.said),
        _y(each.found),
        f"{4 + 4 * (each.n / most) ** 0.5:.1f}",
        f"{each.n} tasks: said {each.said:.0%}, right {each.found:.0%}",
    )
