"""Pictures of results as SVG: bars and curves, readable on light and on dark pages.

Nothing but text is put together here, so that pictures are drawn where the peers are installed,
without the packages that `dsl` draws with.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 820, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 96, 50

# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#E69F00", "#D55E00", "#009E73")
# Of more series, every third begins a row of the legend, in the same colours and other strokes.
ROW = 3
DASHES = ("", "7 4", "2 3")
STYLE = """\
.page { fill: #ffffff }
text { fill: #333333; font: 13px Helvetica, Arial, sans-serif }
.title { font: bold 17px Helvetica, Arial, sans-serif }
.guide { stroke: #e0e0e0 } .base { stroke: #555555; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  .page { fill: #16191d } text { fill: #d5d9de }
  .guide { stroke: #343a42 } .base { stroke: #a0a6ae }
}
"""

Point = tuple[float, float]
Series = TypeVar("Series")


class Axis:
    """A logarithmic axis: from numbers to pixels.

    Parameters
    ----------
    values : iterable of float
        What has to find a place, all above 0.
    start, end : float
        The pixels of the axis's ends.
    """

    def __init__(self, values: Iterable[float], start: float, end: float) -> None:
        found = sorted(values)
        self.low, self.high = math.log(found[0] / 1.1), math.log(found[-1] * 1.1)
        self.start, self.end = start, end

    def place(self, value: float) -> float:
        share = (math.log(value) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    @property
    def marks(self) -> list[float]:
        """The numbers to write beside the axis: 1, 2 and 5 times powers of ten; or these alone."""
        powers = range(math.floor(self.low / math.log(10)), math.ceil(self.high / math.log(10)) + 1)
        for digits in ((1, 2, 5), (1, 3), (1,)):
            marks = [d * 10.0**p for p in powers for d in digits]
            inside = [m for m in marks if self.low <= math.log(m) <= self.high]
            if len(inside) <= 9:
                break
        return inside


def draw_bars(title: str, series: Mapping[str, Sequence[tuple[str, float]]]) -> bytes:
    """Return ratios as bars that start from 1, on a logarithmic axis, as SVG.

    Parameters
    ----------
    title : str
        Stands above.
    series : mapping of str to sequence of (str, float)
        Of each series the ratio of each group, by the group's name.
    """
    groups = list(dict.fromkeys(group for values in series.values() for group, _ in values))
    ratios = [ratio for values in series.values() for _, ratio in values]
    axis = Axis([0.8, 2.0, *ratios], HEIGHT - BOTTOM, TOP)
    parts = guides(axis, "×")
    room = (WIDTH - LEFT - RIGHT) / max(1, len(groups))
    bar = 0.8 * room / max(1, len(series))
    for number, ((colour, _), values) in enumerate(styled(series)):
        for group, ratio in values:
            x = LEFT + room * (groups.index(group) + 0.1) + bar * number
            ends = sorted([axis.place(1.0), axis.place(ratio)])
            parts.append(
                f'<rect x="{x:.1f}" y="{ends[0]}" width="{bar - 2:.1f}"'
                f' height="{ends[1] - ends[0]:.1f}" fill="{colour}"/>'
            )
            parts.append(words(x + bar / 2 - 1, ends[0] - 3, f"{ratio:.2g}", "middle"))
    base = axis.place(1.0)
    parts.append(line("base", LEFT, base, WIDTH - RIGHT, base))
    for i, group in enumerate(groups):
        parts.append(words(LEFT + room * (i + 0.5), HEIGHT - BOTTOM + 22, group, "middle"))
    return picture(title, parts, series, 12)


def draw_curves(
    title: str, x_title: str, y_title: str, series: Mapping[str, Sequence[Point]]
) -> bytes:
    """Return curves on two logarithmic axes, as SVG.

    Parameters
    ----------
    title, x_title, y_title : str
        What stands above, and what the axes are.
    series : mapping of str to sequence of (x, y)
        The points of each curve, all numbers above 0.
    """
    points = [point for values in series.values() for point in values]
    across = Axis((x for x, _ in points), LEFT, WIDTH - RIGHT)
    up = Axis((y for _, y in points), HEIGHT - BOTTOM, TOP)
    parts = guides(up, "")
    for x in sorted({x for x, _ in points}):
        parts.append(words(across.place(x), HEIGHT - BOTTOM + 18, f"{x:g}", "middle"))
    for (colour, dashes), values in styled(series):
        places = [(across.place(x), up.place(y)) for x, y in values]
        path = " ".join(f"{x},{y}" for x, y in places)
        stroke = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"'
        parts.append(f'<polyline points="{path}" fill="none" {stroke}/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in places]
    parts.append(words(WIDTH - RIGHT, HEIGHT - 10, x_title, "end"))
    parts.append(words(LEFT, TOP - 8, y_title, "start"))
    return picture(title, parts, series, 3)


def guides(axis: Axis, unit: str) -> list[str]:
    """Return the lines across the picture, with their numbers."""
    parts = []
    for mark in axis.marks:
        y = axis.place(mark)
        parts.append(line("guide", LEFT, y, WIDTH - RIGHT, y))
        parts.append(words(LEFT - 8, y + 4, f"{mark:g}{unit}", "end"))
    return parts


def line(kind: str, x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<line class="{kind}" x1="{x}" y1="{y}" x2="{to_x}" y2="{to_y}"/>'


def words(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text{style} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def styled(series: Mapping[str, Series]) -> Iterator[tuple[tuple[str, str], Series]]:
    """Yield colour and dashes of each series with its values."""
    row = len(series) if len(series) <= len(COLOURS) else ROW
    for i, values in enumerate(series.values()):
        yield (COLOURS[i % row], DASHES[i // row]), values


def picture(title: str, parts: Sequence[str], series: Mapping[str, Any], mark: int) -> bytes:
    """Return a whole picture, with what each colour means; `mark` is how thick it is shown."""
    row = len(series) if len(series) <= len(COLOURS) else ROW
    legend = []
    for i, (name, ((colour, dashes), _)) in enumerate(zip(series, styled(series), strict=True)):
        x, y = LEFT + (WIDTH - LEFT - RIGHT) / row * (i % row), 44 + 20 * (i // row)
        stroke = f'stroke="{colour}" stroke-width="{mark}" stroke-dasharray="{dashes}"'
        legend.append(f'<path d="M{x:.1f} {y} h22" {stroke}/>')
        legend.append(words(x + 28, y + 5, name, "start"))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' width="{WIDTH}" height="{HEIGHT}" role="img">'
    )
    lines = [head, f"<title>{escape(title)}</title>", f"<style>\n{STYLE}</style>"]
    lines.append(f'<rect class="page" width="{WIDTH}" height="{HEIGHT}" rx="8"/>')
    lines += [words(LEFT, 24, title, "start", "title"), *legend, *parts, "</svg>"]
    return ("\n".join(lines) + "\n").encode()
