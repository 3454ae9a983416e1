"""What the plots of a training have in common: one SVG file each, which opens anywhere."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pygal
from pygal.style import Style

# Okabe and Ito's colours, which colour-blind readers can tell apart.
BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
PINK, SKY, YELLOW, BLACK = "#CC79A7", "#56B4E9", "#F0E442", "#333333"

MAX_NAMED = 16
"""Of more series a plot does not show the names."""

Point = tuple[float, float]


def make_style(*colours: str) -> Style:
    """Return the style of a plot whose series have these colours, in their order."""
    return Style(
        background="white",
        plot_background="white",
        foreground="#333333",
        foreground_strong="#111111",
        foreground_subtle="#999999",
        colors=colours or (BLUE, VERMILLION, GREEN, ORANGE, PINK, SKY, BLACK, YELLOW),
        font_family="Helvetica, Arial, sans-serif",
        label_font_size=13,
        major_label_font_size=13,
        legend_font_size=14,
        title_font_size=18,
        guide_stroke_color="#e4e4e4",
        major_guide_stroke_color="#d0d0d0",
        guide_stroke_dasharray="none",
        major_guide_stroke_dasharray="none",
        stroke_width=2.5,
    )


def format_number(value: float) -> str:
    """Return a number as the axes write it."""
    return f"{value:.4g}"


FORM: Mapping[str, Any] = {
    "js": (),  # the default would load a script from the network
    "width": 900,
    "height": 520,
    "legend_at_bottom": True,
    "dots_size": 3,
}


def draw_points(
    title: str,
    x_title: str,
    y_title: str,
    series: Mapping[str, Sequence[Point]],
    *,
    log: bool = False,
    dots: Collection[str] = (),
    ticks: Sequence[str] = (),
    colours: Sequence[str] = (),
    size: tuple[int, int] = (900, 520),
) -> bytes:
    """Return series of points as SVG.

    Parameters
    ----------
    title, x_title, y_title : str
        What stands above the plot, and at its axes.
    series : mapping of str to sequence of (x, y)
        The points of each series, by its name. Those that are not finite are left out.
    log : bool, default False
        Whether the x-axis is logarithmic; all x are then above 0.
    dots : collection of str, optional
        The series whose points are not joined.
    ticks : sequence of str, optional
        What stands at x = 0, 1, …, where these are words and not numbers.
    colours : sequence of str, optional
        The colour of each series.
    size : (int, int), default (900, 520)
        Width and height, in pixels.
    """
    place = math.log10 if log else float
    chart = pygal.XY(
        title=title,
        x_title=x_title,
        y_title=y_title,
        style=make_style(*colours),
        show_legend=len(series) <= MAX_NAMED,
        value_formatter=format_number,
        x_value_formatter=(lambda x: format_number(10**x)) if log else format_number,
        **{**FORM, "width": size[0], "height": size[1]},
    )
    points = {
        name: [(place(x), y) for x, y in values if math.isfinite(x) and math.isfinite(y)]
        for name, values in series.items()
    }
    places = [x for values in points.values() for x, _ in values]
    if log and places:
        chart.x_labels = list(range(math.floor(min(places)), math.ceil(max(places)) + 1))
    if ticks:
        chart.xrange = (-0.5, len(ticks) - 0.5)
        chart.x_labels = [{"value": i, "label": word} for i, word in enumerate(ticks)]
    for name, values in points.items():
        chart.add(name, values, stroke=name not in dots, show_dots=name in dots)
    svg: bytes = chart.render()
    return svg
