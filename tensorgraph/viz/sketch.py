"""`Sketch`: polygons, lines and texts at given places, in every format that Graphviz knows.

Graphviz places boxes by itself. Where something else is to be drawn, to scale say, its own drawing
instructions (xdot) are given to it as the background of a graph that has texts only, each pinned
to its place. (Texts among the instructions would crash it.)
"""

from __future__ import annotations

from collections.abc import Iterable

from tensorgraph.viz import palette, style
from tensorgraph.viz.escapes import markup, quoted

Point = tuple[float, float]


class Sketch:
    """A drawing, made step by step.

    Parameters
    ----------
    width, height : float
        Its size in points; (0, 0) is the lower left corner.
    """

    def __init__(self, width: float, height: float) -> None:
        self._size = width, height
        self._steps: list[str] = []
        self._texts: list[str] = []

    def polygon(self, points: Iterable[Point], fill: str, line: str, width: float = 1.0) -> None:
        """Draw a filled polygon."""
        self._look(line, width)
        places = list(points)
        self._steps.append(f"C {_string(fill)} P {len(places)} {_places(places)}")

    def curve(self, points: Iterable[Point], line: str, width: float = 1.0) -> None:
        """Draw a line of Bézier curves: the first point, then three for each curve."""
        self._look(line, width)
        places = list(points)
        self._steps.append(f"B {len(places)} {_places(places)}")

    def text(
        self, at: Point, text: str, size: float, color: str = palette.INK, bold: bool = False
    ) -> None:
        """Write a line of text, `at` its middle."""
        words = f"<B>{markup(text)}</B>" if bold else markup(text)
        label = f'<<FONT POINT-SIZE="{size:g}" COLOR="{color}">{words}</FONT>>'
        self._texts.append(f'[label={label}, pos="{at[0]:.2f},{at[1]:.2f}!"]')

    def to_dot(self, tooltip: str = "picture") -> str:
        """Return the drawing as DOT text, for `draw` with `pinned`."""
        width, height = self._size
        size = f'width="{width / 72:.4f}", height="{height / 72:.4f}"'
        middle = f'pos="{width / 2:.2f},{height / 2:.2f}!"'
        lines = [
            'graph [charset="UTF-8", pad="0.2", inputscale=72]',
            f'graph [bgcolor="{palette.PAPER}", tooltip={quoted(tooltip)}]',
            f"graph [_background={self._background()}]",
            f'node [fontname="{style.FONT}", label="", shape=plain, tooltip=" "]',
            f"page [shape=box, style=invis, fixedsize=true, {middle}, {size}]",
            *(f"t{number} {text}" for number, text in enumerate(self._texts)),
        ]
        return "\n  ".join(["digraph sketch {", *lines]) + "\n}\n"

    def _background(self) -> str:
        """Return the instructions as strings to be joined, for a long one is an error."""
        return " + ".join(f'"{step} "' for step in self._steps) or '""'

    def _look(self, line: str, width: float) -> None:
        words = f"setlinewidth({width:g})"
        self._steps.append(f"S {_string(words)} c {_string(line)}")


def _string(text: str) -> str:
    """Return a text as the instructions have it: its length in bytes, and itself."""
    return f"{len(text.encode('utf-8'))} -{text}"


def _places(points: Iterable[Point]) -> str:
    return " ".join(f"{x:.2f} {y:.2f}" for x, y in points)
