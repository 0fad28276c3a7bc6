"""Values over time, amounts, spreads and shares."""

import math
from collections.abc import Iterable, Sequence

from django.utils.safestring import SafeString

from portal.templatetags.charts.drawing import (
    BOTTOM,
    LEFT,
    NO_DATA,
    RIGHT,
    TOP,
    WIDTH,
    Moment,
    Scale,
    band,
    bar,
    dot,
    ends_named,
    grid,
    named,
    numbered,
    polyline,
    round_up,
    segment,
    share_part,
    svg,
    whisker,
)  # fmt: skip

Point = tuple[Moment, float, float, float]  # where, value, low, high


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
    across = Scale([numbered(point[0]) for point in points], LEFT, WIDTH - RIGHT)
    up = Scale([low, high], height - BOTTOM, TOP)
    xs = [across(numbered(point[0])) for point in points]
    upper = [(x, up(point[3])) for x, point in zip(xs, points, strict=True)]
    lower = [(x, up(point[2])) for x, point in zip(xs, points, strict=True)]
    line = [(x, up(point[1])) for x, point in zip(xs, points, strict=True)]
    marks = [line[-1]] if len(line) > 1 else line
    return svg(
        height,
        label,
        [
            grid(up, [low, (low + high) / 2, high], percent),
            band(upper + lower[::-1]) if len(points) > 1 else whisker(upper[0], lower[0]),
            polyline(line),
            *(dot(x, y) for x, y in marks),
            ends_named(points, height),
        ],
    )


def bar_chart(
    bars: Sequence[tuple[Moment | str, float]], label: str, height: float = 150.0
) -> SafeString:
    """Draw amounts side by side, such as captions a day; bars are (where, amount)."""
    if not bars:
        return NO_DATA
    most = round_up(max((amount for _, amount in bars), default=0.0))
    up = Scale([0.0, most], height - BOTTOM, TOP)
    step = (WIDTH - LEFT - RIGHT) / len(bars)
    drawn = [
        bar(LEFT + (i + 0.15) * step, up(amount), 0.7 * step, up(0.0), f"{named(at)}: {amount:g}")
        for i, (at, amount) in enumerate(bars)
    ]
    return svg(height, label, [grid(up, [0.0, most], False), *drawn, ends_named(bars, height)])


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


def sparkline(values: Sequence[float], label: str, height: float = 32.0) -> SafeString:
    """Draw a run of values as a line without axes, as high as a line of text."""
    if len(values) < 2:
        return NO_DATA
    width = 120.0
    across = Scale([0.0, len(values) - 1.0], 3.0, width - 3.0)
    up = Scale(values, height - 4.0, 4.0)
    line = [(across(float(i)), up(value)) for i, value in enumerate(values)]
    return svg(height, label, [polyline(line), dot(*line[-1])], width=width, kind="sparkline")


def interval(value: float | None, low: float | None, high: float | None, label: str) -> SafeString:
    """Draw one value between 0 and 1 as a point on a rail, with its interval."""
    across, middle, height = Scale([0.0, 1.0], 8.0, WIDTH - 8.0), 12.0, 24.0
    parts = [segment(across(0.0), across(1.0), middle, "chart-rail", 4.0, 0.18)]
    if low is not None and high is not None:
        parts.append(segment(across(low), across(high), middle, "chart-range", 10.0, 0.35))
    if value is not None:
        parts.append(dot(across(value), middle, 6.0))
    return svg(height, label, parts, kind="interval")


def shares(parts: Sequence[tuple[str, float, str]], label: str) -> SafeString:
    """Draw one bar split by amounts; parts are (name, amount, class such as good, flat, bad)."""
    total = math.fsum(amount for _, amount, _ in parts)
    if total <= 0:
        return NO_DATA
    drawn, at = [], 0.0
    for name, amount, kind in parts:
        width = WIDTH * amount / total
        drawn.append(share_part(at, width, kind, f"{name}: {amount:g}"))
        at += width
    return svg(20.0, label, drawn, kind="shares")
