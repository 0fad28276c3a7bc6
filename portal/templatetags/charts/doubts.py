"""What was found over what a model doubted: tenths with their intervals, and a fitted curve."""

from collections.abc import Sequence

from django.utils.safestring import SafeString

from portal.algorithms.calibration import Bin, Isotonic
from portal.templatetags.charts.drawing import (
    BOTTOM,
    LEFT,
    NO_DATA,
    RIGHT,
    TOP,
    WIDTH,
    Scale,
    dot,
    ends_named,
    grid,
    polyline,
    svg,
    whisker,
)

HEIGHT = 240.0
Z = 1.96


def doubt_chart(bins: Sequence[Bin], curve: Isotonic | None, label: str) -> SafeString:
    """Draw what was found in each bin over what was said; both axes run from 0 to 1."""
    if not bins:
        return NO_DATA
    across = Scale([0.0, 1.0], LEFT, WIDTH - RIGHT)
    up = Scale([0.0, 1.0], HEIGHT - BOTTOM, TOP)
    drawn = [grid(up, [0.0, 0.5, 1.0], True)]
    for each in bins:
        x, half = across(each.said), Z * each.error
        top, bottom = min(each.found + half, 1.0), max(each.found - half, 0.0)
        drawn += [whisker((x, up(top)), (x, up(bottom))), dot(x, up(each.found))]
    if curve is not None:
        places = zip(curve.xs.tolist(), curve.ys.tolist(), strict=True)
        drawn.append(polyline([(across(x), up(y)) for x, y in places]))
    drawn.append(ends_named([("sure",), ("unsure",)], HEIGHT))
    return svg(HEIGHT, label, drawn, kind="reliability")
