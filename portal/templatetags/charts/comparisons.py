"""Two models beside each other: differences, pairs, slices, and what uncertainty is worth."""

import math
from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from portal.templatetags.charts.drawing import (
    BOTTOM,
    LEFT,
    NO_DATA,
    RIGHT,
    TOP,
    WIDTH,
    Scale,
    bar,
    dot,
    grid,
    plain,
    polyline,
    round_up,
    svg,
)  # fmt: skip

N_BINS = 21  # odd, so that one bin has no difference in its middle
SIDE = 300.0
ROW = 24.0
NAME_WIDTH = 150.0
SQUARE_LEFT = 56.0

Slice = tuple[str, int, float, float | None, float | None]  # name, n, difference, low, high
Bin = tuple[float, float, float, float, int]  # stated, found, low, high, n


def differences(values: Sequence[float], label: str, height: float = 170.0) -> SafeString:
    """Draw how often which difference came up: losses left of 0, wins right of it."""
    if not values:
        return NO_DATA
    reach = round_up(max(0.05, *(abs(value) for value in values)))
    counts = [0] * N_BINS
    for value in values:
        place = int((value + reach) / (2 * reach) * N_BINS)
        counts[min(max(place, 0), N_BINS - 1)] += 1
    most = round_up(max(counts))
    up, across = (
        Scale([0.0, most], height - BOTTOM, TOP),
        Scale([-reach, reach], LEFT, WIDTH - RIGHT),
    )
    step = (WIDTH - LEFT - RIGHT) / N_BINS
    bars = [
        _coloured(bar(LEFT + (place + 0.1) * step, up(n), 0.8 * step, up(0.0),
                      f"{_edge(place, reach):+.2f} to {_edge(place + 1, reach):+.2f}: {n}"), place)
        for place, n in enumerate(counts)
    ]  # fmt: skip
    axis = [(-reach, "start"), (0.0, "middle"), (reach, "end")]
    return svg(
        height,
        label,
        [
            grid(up, [0.0, most], False),
            *bars,
            _rule(across(0.0), TOP, across(0.0), height - BOTTOM),
            _below([(across(x), anchor, _difference(x)) for x, anchor in axis], height - 6),
        ],
    )


def scatter(
    points: Sequence[tuple[float, float]], label: str, across_name: str, up_name: str
) -> SafeString:
    """Draw one dot an item, original across and retrained up: above the diagonal it got better."""
    if not points:
        return NO_DATA
    most = round_up(max(max(point) for point in points))
    across, up = _square(most)
    dots = [
        format_html(
            '<circle class="chart-point" cx="{}" cy="{}" r="3.5" fill="currentColor"'
            ' fill-opacity="0.45"/>',
            plain(across(x)), plain(up(y)),
        )
        for x, y in points
    ]  # fmt: skip
    return svg(SIDE, label, [*_frame(across, up, most, across_name, up_name), *dots], width=SIDE,
               kind="square")  # fmt: skip


def forest(rows: Sequence[Slice], label: str) -> SafeString:
    """Draw each slice's difference with its interval on one axis, 0 marked."""
    if not rows:
        return NO_DATA
    ends = [abs(value) for row in rows for value in row[2:] if value is not None]
    reach = round_up(max(0.02, *ends))
    across = Scale([-reach, reach], NAME_WIDTH, WIDTH - RIGHT)
    height = TOP + ROW * len(rows) + BOTTOM
    axis = [(-reach, "start"), (0.0, "middle"), (reach, "end")]
    return svg(
        height,
        label,
        [
            _rule(across(0.0), TOP - 4, across(0.0), height - BOTTOM),
            *(_slice(row, TOP + ROW * (place + 0.5), across) for place, row in enumerate(rows)),
            _below([(across(x), anchor, _difference(x)) for x, anchor in axis], height - 6),
        ],
    )


def reliability(
    series: Sequence[tuple[str, Sequence[Bin]]], label: str, across_name: str, up_name: str
) -> SafeString:
    """Draw stated against found, a line of bins a model; on the diagonal the model knows itself."""
    if not any(bins for _, bins in series):
        return NO_DATA
    across, up = _square(1.0)
    parts = _frame(across, up, 1.0, across_name, up_name)
    for place, (name, bins) in enumerate(series):
        line = [(across(each[0]), up(each[1])) for each in bins]
        whiskers = [
            _rule(across(each[0]), up(each[2]), across(each[0]), up(each[3]), "chart-whisker")
            for each in bins
        ]
        parts.append(
            format_html(
                '<g class="chart-series-{}"><title>{}</title>{}</g>', place, name,
                format_html_join("", "{}", ((part,) for part in [
                    *whiskers, polyline(line), *(dot(x, y) for x, y in line)])),
            )
        )  # fmt: skip
    return svg(SIDE, label, parts, width=SIDE, kind="square")


def _slice(row: Slice, y: float, across: Scale) -> SafeString:
    name, n, value, low, high = row
    is_known = low is not None and high is not None
    kind = "flat"
    if low is not None and low > 0.0:
        kind = "good"
    elif high is not None and high < 0.0:
        kind = "bad"
    whisker = (
        _rule(across(low), y, across(high), y, "chart-whisker")
        if is_known and low is not None and high is not None
        else SafeString()
    )
    said = format_html('{} <tspan fill-opacity="0.7">{}</tspan>', _short(name), n)
    return format_html(
        '<g class="chart-mark-{}"><title>{}: {} ({})</title>{}{}{}</g>',
        kind, name, _difference(value), n, _text(0.0, y + 4, "start", said), whisker,
        dot(across(value), y, 4.0),
    )  # fmt: skip


def _square(most: float) -> tuple[Scale, Scale]:
    ends = [0.0, most]
    return Scale(ends, SQUARE_LEFT, SIDE - RIGHT), Scale(ends, SIDE - 40.0, TOP)


def _frame(
    across: Scale, up: Scale, most: float, across_name: str, up_name: str
) -> list[SafeString]:
    """The axes of a square, named, and its diagonal."""
    bottom = up(0.0)
    ticks = [0.0, most / 2, most]
    anchors = ("start", "middle", "end")
    return [
        *(_rule(across(0.0), up(v), across(most), up(v), "chart-grid") for v in ticks),
        *(_text(SQUARE_LEFT - 6, up(v) + 4, "end", f"{v:g}") for v in ticks),
        *(_text(across(v), bottom + 16, anchor, f"{v:g}")
          for v, anchor in zip(ticks, anchors, strict=True)),
        _rule(across(0.0), up(0.0), across(most), up(most), "chart-diagonal"),
        _text(across(most / 2), SIDE - 6, "middle", across_name),
        format_html('<text class="chart-text" transform="translate(12 {}) rotate(-90)"'
                    ' text-anchor="middle" font-size="12" fill="currentColor">{}</text>',
                    plain(up(most / 2)), up_name),
    ]  # fmt: skip


def _coloured(part: SafeString, place: int) -> SafeString:
    middle = N_BINS // 2
    kind = "flat" if place == middle else "bad" if place < middle else "good"
    return format_html('<g class="chart-mark-{}">{}</g>', kind, part)


def _rule(x1: float, y1: float, x2: float, y2: float, kind: str = "chart-zero") -> SafeString:
    return format_html(
        '<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}" stroke="currentColor"/>',
        kind, plain(x1), plain(y1), plain(x2), plain(y2),
    )  # fmt: skip


def _below(places: Sequence[tuple[float, str, str]], y: float) -> SafeString:
    return format_html_join("", "{}", ((_text(x, y, anchor, said),) for x, anchor, said in places))


def _text(x: float, y: float, anchor: str, said: str) -> SafeString:
    return format_html(
        '<text class="chart-text" x="{}" y="{}" text-anchor="{}" font-size="12"'
        ' fill="currentColor">{}</text>',
        plain(x), plain(y), anchor, said,
    )  # fmt: skip


def _edge(place: int, reach: float) -> float:
    return -reach + 2 * reach * place / N_BINS


def _difference(value: float) -> str:
    """0.05 → +.05 in full: +0.05, with a real minus sign below zero."""
    if math.isclose(value, 0.0, abs_tol=1e-9):
        return "0"
    return f"{value:+.3g}".replace("-", "\u2212")


def _short(name: str) -> str:
    return name if len(name) <= 17 else f"{name[:16]}…"
