"""Charts as SVG that the server draws: no script, no inline style, the colours of the page.

Every chart takes `label`, the sentence that says what it shows to those who cannot see it. Parts
bear classes (`chart-line`, `chart-band`, `chart-bar`, `chart-grid`, `chart-text`) that
`portal/css/charts.css` colours; without that file they show in the text's own colour.
"""

from django import template

from portal.templatetags.charts.comparisons import differences, forest, reliability, scatter
from portal.templatetags.charts.control import control_chart
from portal.templatetags.charts.diagrams import reliability_diagram
from portal.templatetags.charts.doubts import doubt_chart
from portal.templatetags.charts.drawing import NO_DATA
from portal.templatetags.charts.series import (
    bar_chart,
    histogram,
    interval,
    line_chart,
    shares,
    sparkline,
)

__all__ = [
    "NO_DATA",
    "bar_chart",
    "control_chart",
    "differences",
    "doubt_chart",
    "forest",
    "histogram",
    "interval",
    "line_chart",
    "reliability",
    "reliability_diagram",
    "scatter",
    "shares",
    "sparkline",
]

register = template.Library()

for draw in (
    line_chart, bar_chart, histogram, sparkline, interval, shares,
    differences, scatter, forest, reliability, control_chart,
    doubt_chart, reliability_diagram,
):  # fmt: skip
    register.simple_tag(draw)
