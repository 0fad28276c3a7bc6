"""A control chart: a moving mean between its baseline and the limit at which something is done."""

from collections.abc import Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.templatetags.charts.drawing import (
    BOTTOM,
    LEFT,
    NO_DATA,
    RIGHT,
    TOP,
    WIDTH,
    Scale,
    dot,
    plain,
    polyline,
    round_up,
    svg,
)


def control_chart(
    means: Sequence[float], baseline: float, limit: float, label: str, height: float = 180.0
) -> SafeString:
    """Draw means, oldest first, with both lines named; a mean above the limit is a filled dot."""
    if not len(means):
        return NO_DATA
    up = Scale([0.0, round_up(max(limit, *means))], height - BOTTOM, TOP)
    across = Scale([0.0, max(len(means) - 1.0, 1.0)], LEFT, WIDTH - RIGHT)
    line = [(across(float(place)), up(mean)) for place, mean in enumerate(means)]
    apart = abs(up(baseline) - up(limit)) < 16  # the names would lie on each other
    kind = "chart-mark-bad" if means[-1] > limit else "chart-mark-good"
    return svg(
        height,
        label,
        [
            _rule(up(limit), f"limit {limit:.2f}", "chart-diagonal", above=True),
            _rule(up(baseline), f"baseline {baseline:.2f}", "chart-zero", above=not apart),
            _foot(up(0.0), height),
            polyline(line),
            format_html('<g class="{}">{}</g>', kind, dot(*line[-1], 5.0)),
        ],
    )


def _rule(y: float, name: str, kind: str, *, above: bool) -> SafeString:
    return format_html(
        '<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}" stroke="currentColor"/>'
        '<text class="chart-text" x="{}" y="{}" font-size="12" fill="currentColor">{}</text>',
        kind, plain(LEFT), plain(WIDTH - RIGHT), plain(y), plain(y),
        plain(LEFT + 4), plain(y - 5 if above else y + 14), name,
    )  # fmt: skip


def _foot(y: float, height: float) -> SafeString:
    return format_html(
        '<line class="chart-grid" x1="{}" x2="{}" y1="{}" y2="{}" stroke="currentColor"'
        ' stroke-opacity="0.2"/><text class="chart-text" x="{}" y="{}" text-anchor="end"'
        ' font-size="12" fill="currentColor">0</text>'
        '<text class="chart-text" x="{}" y="{}" text-anchor="end" font-size="12"'
        ' fill="currentColor">newest</text>',
        plain(LEFT), plain(WIDTH - RIGHT), plain(y), plain(y), plain(LEFT - 6), plain(y + 4),
        plain(WIDTH - RIGHT), plain(height - 6),
    )  # fmt: skip
