"""Draws lines in a plane with two logarithmic axes, as SVG, with nothing but text."""

from collections.abc import Sequence
from math import ceil, floor, log10
from xml.sax.saxutils import escape

Line = tuple[str, str, Sequence[tuple[float, float]]]  # its name, its colour, its points

WIDTH, HEIGHT = 460, 300  # of the plane of one chart
LEFT, TOP, RIGHT, BOTTOM = 74, 46, 150, 52  # the room around it
LETTER = 15  # names at the ends of lines keep this distance from each other
STYLE = "font: 13px system-ui, sans-serif; fill: #333"


class Chart:
    """One plane with its lines."""

    def __init__(self, title: str, across: str, up: str, lines: Sequence[Line]) -> None:
        """Take the title, what the axes show, and the lines."""
        self.title, self.across, self.up, self.lines = title, across, up, lines
        points = [point for _, _, points in lines for point in points]
        self.x = _decades([x for x, _ in points])
        self.y = _decades([y for _, y in points])

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point is, in pixels from the upper left corner."""
        return LEFT + WIDTH * _share(x, self.x), TOP + HEIGHT * (1 - _share(y, self.y))


def draw(charts: Sequence[Chart]) -> str:
    """Return the charts one below the other."""
    width, height = LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM
    size = f'viewBox="0 0 {width} {height * len(charts)}" width="{width}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} style="{STYLE}">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, chart in enumerate(charts):
        parts += [f'<g transform="translate(0 {number * height})">', *_frame(chart), *_lines(chart), "</g>"]
    return "\n".join([*parts, "</svg>\n"])


def _frame(chart: Chart) -> list[str]:
    """Return title, axes and grid."""
    bottom, right = TOP + HEIGHT, LEFT + WIDTH
    upwards = f"translate(16 {TOP + HEIGHT / 2}) rotate(-90)"
    parts = [
        f'<text x="{LEFT}" y="{TOP - 18}" font-weight="bold" font-size="15">{escape(chart.title)}</text>',
        f'<text x="{LEFT + WIDTH / 2}" y="{bottom + 40}" text-anchor="middle">{escape(chart.across)}</text>',
        f'<text transform="{upwards}" text-anchor="middle">{escape(chart.up)}</text>',
    ]
    for exponent in range(chart.x[0], chart.x[1] + 1):
        x, _ = chart.place(10.0**exponent, 1)
        parts.append(f'<path d="M{x:.1f} {TOP}V{bottom}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{10**exponent:,}</text>')
    for exponent in range(chart.y[0], chart.y[1] + 1):
        _, y = chart.place(1, 10.0**exponent)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**exponent:,g}</text>')
    return parts


def _lines(chart: Chart) -> list[str]:
    """Return the lines, each with its points and, where it ends, its name."""
    parts = []
    taken = float(-LETTER)
    for name, colour, points in sorted(chart.lines, key=lambda line: -line[2][-1][1]):
        places = [chart.place(*point) for point in points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        x, y = places[-1]
        taken = max(y + 4, taken + LETTER)
        parts.append(f'<text x="{x + 9:.1f}" y="{taken:.1f}" style="fill: {colour}">{escape(name)}</text>')
    return parts


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """Return the powers of ten around some values."""
    least, most = floor(log10(min(values))), ceil(log10(max(values)))
    return least, max(most, least + 1)


def _share(value: float, decades: tuple[int, int]) -> float:
    return (log10(value) - decades[0]) / (decades[1] - decades[0])
