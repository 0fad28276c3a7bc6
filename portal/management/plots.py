"""A plot as an SVG file that stands by itself: lines of several kinds over two plain axes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 56, 64
# Okabe and Ito's colours, told apart by the colour-blind too; each line also has its own mark.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#666666")
DASHES = ("", "7 4", "2 3", "9 3 2 3")
TICK = 0.05  # the shares that are named on the upright axis
FACE = 'role="img" font-family="system-ui, sans-serif" font-size="13" fill="#222"'


@dataclass(frozen=True)
class Line:
    """One line: its name in the legend and its points (x, y), from left to right."""

    name: str
    points: Sequence[tuple[float, float]]


def draw(title: str, across: str, up: str, lines: Sequence[Line]) -> str:
    """Return the SVG of these lines; `across` and `up` name the axes, y is a share of 1."""
    xs = [x for line in lines for x, _ in line.points] or [0.0]
    ys = [y for line in lines for _, y in line.points] or [0.0]
    plot = _Plot(
        low_x=0.0,
        high_x=math.floor(max(xs)) + 1.0,
        low_y=math.floor(min(ys) / TICK) * TICK,
        high_y=min(1.0, (math.floor(max(ys) / TICK) + 1) * TICK),
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {FACE}>',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="24" font-size="16" font-weight="600">{escape(title)}</text>',
        *_axes(plot, across, up),
    ]
    for number, line in enumerate(lines):
        parts += _line(plot, line, COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)])
    return "\n".join([*parts, *_legend(lines), "</svg>", ""])


@dataclass(frozen=True)
class _Plot:
    low_x: float
    high_x: float
    low_y: float
    high_y: float

    def x(self, value: float) -> float:
        share = (value - self.low_x) / max(self.high_x - self.low_x, 1e-9)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        share = (value - self.low_y) / max(self.high_y - self.low_y, 1e-9)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)


def _axes(plot: _Plot, across: str, up: str) -> list[str]:
    foot, end = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [f'<path d="M{LEFT} {TOP}V{foot}H{end}" fill="none" stroke="#444"/>']
    n_ticks = round((plot.high_y - plot.low_y) / TICK)
    for tick in range(0, n_ticks + 1, 1 + n_ticks // 10):
        value = plot.low_y + tick * TICK
        y = plot.y(value)
        parts.append(f'<path d="M{LEFT} {y}H{end}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{value:.0%}</text>')
    every = max(1, math.ceil(plot.high_x / 12))
    for value in range(0, int(plot.high_x) + 1, every):
        x = plot.x(value)
        parts.append(f'<text x="{x}" y="{foot + 18}" text-anchor="middle">{value}</text>')
    middle = (LEFT + end) / 2
    parts.append(f'<text x="{middle}" y="{foot + 38}" text-anchor="middle">{escape(across)}</text>')
    parts.append(f'<text x="{LEFT}" y="{TOP - 10}">{escape(up)}</text>')
    return parts


def _line(plot: _Plot, line: Line, colour: str, dash: str) -> list[str]:
    places = [(plot.x(x), plot.y(y)) for x, y in line.points]
    path = " ".join(f"{x},{y}" for x, y in places)
    drawn = f' stroke-dasharray="{dash}"' if dash else ""
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{drawn}/>']
    for (x, y), (at, value) in zip(places, line.points, strict=True):
        told = escape(f"{line.name}: {value:.1%} at {at:.2f}")
        parts.append(
            f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}"><title>{told}</title></circle>'
        )
    return parts


def _legend(lines: Sequence[Line]) -> list[str]:
    parts, x = [], LEFT
    for number, line in enumerate(lines):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        y = HEIGHT - 10
        drawn = f' stroke-dasharray="{dash}"' if dash else ""
        parts.append(f'<path d="M{x} {y - 4}h28" stroke="{colour}" stroke-width="2"{drawn}/>')
        parts.append(f'<text x="{x + 34}" y="{y}">{escape(line.name)}</text>')
        x += 34 + 8 * len(line.name) + 20
    return parts
