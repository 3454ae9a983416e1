"""The colours of a picture, by day and by night.

A picture is drawn in the light colours; an SVG carries a style sheet that replaces each of them
where the reader's screen is dark. On paper it is always light.
"""

from __future__ import annotations

import html
import re
from typing import Final

PAPER = "white"
INK = "#1f2933"
GREY = "#52606d"
RED, RED_FILL = "#c81e1e", "#fbd5d5"
GREEN, GREEN_FILL = "#1a7f37", "#d7f5dd"
FADED, FADED_FILL, FADED_INK = "#9aa5b1", "#f1f3f5", "#5b6670"
FRAME, FRAME_FILL = "#b8c4d0", "#f7f9fb"
FORWARD, FORWARD_FILL = "#2f6299", "#e3eefa"
GRADIENT, GRADIENT_FILL = "#b2591d", "#fdebdc"
UPDATE, UPDATE_FILL = "#2f7d3b", "#e4f3e6"
VARIABLE, VARIABLE_FILL = "#8a6d0b", "#fbf3cf"
CONSTANT, CONSTANT_FILL = "#6b7680", "#f0f0f0"
DOTS = "#7b8794"

DARK: Final = {
    PAPER: "#14181d",
    INK: "#e6ebf0",
    GREY: "#aeb9c4",
    RED: "#ff7b72",
    RED_FILL: "#4d1f1f",
    GREEN: "#56d364",
    GREEN_FILL: "#173a20",
    FADED: "#5c6773",
    FADED_FILL: "#1e242a",
    FADED_INK: "#9aa5b1",
    FRAME: "#4a5563",
    FRAME_FILL: "#1b2128",
    FORWARD: "#7fb2e5",
    FORWARD_FILL: "#1d3348",
    GRADIENT: "#f0a060",
    GRADIENT_FILL: "#3d2a1a",
    UPDATE: "#7fce8b",
    UPDATE_FILL: "#1c3322",
    VARIABLE: "#d9bb4d",
    VARIABLE_FILL: "#38310f",
    CONSTANT: "#a3adb7",
    CONSTANT_FILL: "#2a2f35",
    DOTS: "#8b97a3",
}
"""What stands in the place of each colour on a dark screen."""

_CLASS = "tensorgraph"


def finish_svg(svg: str, title: str) -> str:
    """Return an SVG that says what it is, and is dark where the reader's screen is.

    Parameters
    ----------
    svg : str
        As Graphviz draws it.
    title : str
        What a screen reader says of it.
    """
    rules = "".join(
        f'.{_CLASS} [{side}="{light}"]{{{side}:{dark}}}'
        for light, dark in DARK.items()
        for side in ("fill", "stroke")
    )
    style = f"<style>@media screen and (prefers-color-scheme:dark){{{rules}}}</style>"
    head = f'<svg class="{_CLASS}" role="img" aria-label="{html.escape(title)}"'
    return re.sub(r"<svg\b([^>]*)>", lambda m: f"{head}{m[1]}>\n{style}", svg, count=1)
