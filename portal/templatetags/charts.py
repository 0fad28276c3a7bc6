"""Charts as SVG that the server draws: no script, no inline style, the colours of the page.

Every chart takes `label`, the sentence that says what it shows to those who cannot see it. Parts
bear classes (`chart-line`, `chart-band`, `chart-bar`, `chart-grid`, `chart-text`) that
`portal/css/charts.css` colours; without that file they show in the text's own colour.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

WIDTH = 400.0
LEFT, RIGHT, TOP, BOTTOM = 48.0, 12.0, 12.0, 26.0
NO_DATA = mark_safe('<p class="chart-empty">Nothing to draw yet.</p>')

Moment = datetime | date | float
Point = tuple[Moment, float, float, float]  # where, value, low, high


@register.simple_tag
def line_chart(
    points: Sequence[Point],
    label: str,
    low: float = 0.0,
    high: float = 1.0,
    percent: bool = True,
    height: float = 180.0,
) -> SafeString:
    """Draw values over time as a line with the band of their intervals.

    Points are (when, value, low, high), oldest first; `low` and `high` bound the vertical axis.
    """
    if not points:
        return NO_DATA
    across = _Scale([_number(point[0]) for point in points], LEFT, WIDTH - RIGHT)
    up = _Scale([low, high], height - BOTTOM, TOP)
    xs = [across(_number(point[0])) for point in points]
    upper = [(x, up(point[3])) for x, point in zip(xs, points, strict=True)]
    lower = [(x, up(point[2])) for x, point in zip(xs, points, strict=True)]
    line = [(x, up(point[1])) for x, point in zip(xs, points, strict=True)]
    marks = [line[-1]] if len(line) > 1 else line
    return _svg(
        height,
        label,
        [
            _grid(up, [low, (low + high) / 2, high], percent),
            _band(upper + lower[::-1]) if len(points) > 1 else _whisker(upper[0], lower[0]),
            _line(line),
            *(_dot(x, y) for x, y in marks),
            _ends(points, height),
        ],
    )


@register.simple_tag
def bar_chart(
    bars: Sequence[tuple[Moment | str, float]], label: str, height: float = 150.0
) -> SafeString:
    """Draw amounts side by side, such as captions a day; bars are (where, amount)."""
    if not bars:
        return NO_DATA
    most = _round_up(max((amount for _, amount in bars), default=0.0))
    up = _Scale([0.0, most], height - BOTTOM, TOP)
    step = (WIDTH - LEFT - RIGHT) / len(bars)
    drawn = [
        _bar(LEFT + (i + 0.15) * step, up(amount), 0.7 * step, up(0.0), f"{_name(at)}: {amount:g}")
        for i, (at, amount) in enumerate(bars)
    ]
    return _svg(height, label, [_grid(up, [0.0, most], False), *drawn, _ends(bars, height)])


@register.simple_tag
def histogram(
    values: Iterable[float],
    label: str,
    low: float = 0.0,
    high: float = 1.0,
    n_bins: int = 10,
    height: float = 150.0,
) -> SafeString:
    """Draw how values spread over equal bins between `low` and `high`."""
    counts = [0] * n_bins
    for value in values:
        place = int((value - low) / (high - low) * n_bins)
        counts[min(max(place, 0), n_bins - 1)] += 1
    if not any(counts):
        return NO_DATA
    width = (high - low) / n_bins
    return bar_chart([(f"{low + i * width:g}", n) for i, n in enumerate(counts)], label, height)


@register.simple_tag
def sparkline(values: Sequence[float], label: str, height: float = 32.0) -> SafeString:
    """Draw a run of values as a line without axes, as high as a line of text."""
    if len(values) < 2:
        return NO_DATA
    width = 120.0
    across = _Scale([0.0, len(values) - 1.0], 3.0, width - 3.0)
    up = _Scale(values, height - 4.0, 4.0)
    line = [(across(float(i)), up(value)) for i, value in enumerate(values)]
    return _svg(height, label, [_line(line), _dot(*line[-1])], width=width, kind="sparkline")


@register.simple_tag
def interval(value: float | None, low: float | None, high: float | None, label: str) -> SafeString:
    """Draw one value between 0 and 1 as a point on a rail, with its interval."""
    across, middle, height = _Scale([0.0, 1.0], 8.0, WIDTH - 8.0), 12.0, 24.0
    parts = [_segment(across(0.0), across(1.0), middle, "chart-rail", 4.0, 0.18)]
    if low is not None and high is not None:
        parts.append(_segment(across(low), across(high), middle, "chart-range", 10.0, 0.35))
    if value is not None:
        parts.append(_dot(across(value), middle, 6.0))
    return _svg(height, label, parts, kind="interval")


@register.simple_tag
def shares(parts: Sequence[tuple[str, float, str]], label: str) -> SafeString:
    """Draw one bar split by amounts; parts are (name, amount, class such as good, flat, bad)."""
    total = math.fsum(amount for _, amount, _ in parts)
    if total <= 0:
        return NO_DATA
    drawn, at = [], 0.0
    for name, amount, kind in parts:
        width = WIDTH * amount / total
        drawn.append(_part(at, width, kind, f"{name}: {amount:g}"))
        at += width
    return _svg(20.0, label, drawn, kind="shares")


class _Scale:
    """A straight map from values to places on the drawing; equal values land in the middle."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self._low, self._high = min(values), max(values)
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        if self._high == self._low:
            return (self._start + self._end) / 2
        share = (value - self._low) / (self._high - self._low)
        return self._start + min(max(share, 0.0), 1.0) * (self._end - self._start)


def _svg(
    height: float, label: str, parts: Iterable[str], width: float = WIDTH, kind: str = "wide"
) -> SafeString:
    return format_html(
        '<svg class="chart chart-{}" viewBox="0 0 {} {}" role="img" aria-label="{}"'
        ' preserveAspectRatio="{}">{}</svg>',
        kind, _plain(width), _plain(height), label,
        "none" if kind == "shares" else "xMidYMid meet",
        format_html_join("", "{}", ((part,) for part in parts)),
    )  # fmt: skip


def _line(places: Sequence[tuple[float, float]]) -> SafeString:
    return format_html(
        '<polyline class="chart-line" points="{}" fill="none" stroke="currentColor"'
        ' stroke-width="2" stroke-linejoin="round" stroke-linecap="round"/>',
        _places(places),
    )


def _band(places: Sequence[tuple[float, float]]) -> SafeString:
    return format_html(
        '<polygon class="chart-band" points="{}" fill="currentColor" fill-opacity="0.15"/>',
        _places(places),
    )


def _whisker(top: tuple[float, float], bottom: tuple[float, float]) -> SafeString:
    """The interval of a single point: there is no band to draw."""
    return _band([(top[0] - 5, top[1]), (top[0] + 5, top[1]),
                  (top[0] + 5, bottom[1]), (top[0] - 5, bottom[1])])  # fmt: skip


def _dot(x: float, y: float, radius: float = 4.0) -> SafeString:
    return format_html(
        '<circle class="chart-dot" cx="{}" cy="{}" r="{}" fill="currentColor"/>',
        _plain(x), _plain(y), _plain(radius),
    )  # fmt: skip


def _bar(x: float, y: float, width: float, foot: float, title: str) -> SafeString:
    return format_html(
        '<rect class="chart-bar" x="{}" y="{}" width="{}" height="{}" rx="2" fill="currentColor">'
        "<title>{}</title></rect>",
        _plain(x), _plain(y), _plain(width), _plain(max(foot - y, 0.0)), title,
    )  # fmt: skip


def _part(x: float, width: float, kind: str, title: str) -> SafeString:
    return format_html(
        '<rect class="chart-part chart-{}" x="{}" y="0" width="{}" height="20"'
        ' fill="currentColor" fill-opacity="0.5"><title>{}</title></rect>',
        kind, _plain(x), _plain(width), title,
    )  # fmt: skip


def _segment(
    start: float, end: float, y: float, kind: str, thickness: float, opacity: float
) -> SafeString:
    return format_html(
        '<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}" stroke="currentColor"'
        ' stroke-width="{}" stroke-opacity="{}" stroke-linecap="round"/>',
        kind, _plain(start), _plain(end), _plain(y), _plain(y), _plain(thickness), opacity,
    )  # fmt: skip


def _grid(up: _Scale, values: Sequence[float], percent: bool) -> SafeString:
    rows = (
        (LEFT, WIDTH - RIGHT, _plain(up(v)), _plain(up(v)), LEFT - 6, _plain(up(v) + 4),
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


def _ends(rows: Sequence[tuple[Moment | str, ...]], height: float) -> SafeString:
    """Name the first and the last place under the axis; one place is named once."""
    first, last = _name(rows[0][0]), _name(rows[-1][0])
    ends = [(LEFT, "start", first), (WIDTH - RIGHT, "end", last)]
    shown = ends if first != last else [((LEFT + WIDTH - RIGHT) / 2, "middle", first)]
    return format_html_join(
        "",
        '<text class="chart-text" x="{}" y="{}" text-anchor="{}" font-size="12"'
        ' fill="currentColor">{}</text>',
        ((_plain(x), _plain(height - 6), anchor, name) for x, anchor, name in shown),
    )


def _number(moment: Moment | str) -> float:
    if isinstance(moment, datetime):
        return moment.timestamp()
    return float(moment.toordinal()) if isinstance(moment, date) else float(moment)


def _name(moment: Moment | str) -> str:
    if isinstance(moment, date):  # a datetime is one too
        return f"{moment.day} {moment:%b}"
    return moment if isinstance(moment, str) else f"{moment:g}"


def _places(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _plain(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


def _round_up(most: float) -> float:
    """The next amount that reads well on an axis: 1, 2 or 5 times a power of ten."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (1, 2, 5, 10) if most <= step * power)
