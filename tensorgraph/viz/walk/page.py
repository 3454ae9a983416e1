"""`make_page`: an outline → the text of a page to walk through it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tensorgraph.pages import inline_svg, render_page
from tensorgraph.viz.drawing import DrawingError, GraphvizMissingError
from tensorgraph.viz.walk.outline import Outline
from tensorgraph.viz.walk.sketch import draw_outline

_TEMPLATES = Path(__file__).with_name("templates")


def make_page(outline: Outline, title: str) -> str:
    """Return the page; where nothing can draw, it does without the picture."""
    try:
        picture, note = inline_svg(draw_outline(outline)), ""
    except (DrawingError, GraphvizMissingError) as error:
        picture, note = "", str(error)
    phases = Counter(step["phase"] for step in outline.steps)
    return render_page(
        "step.html",
        _TEMPLATES,
        title=title,
        loss=outline.loss,
        forward=phases["forward"],
        backward=phases["backward"],
        picture=picture,
        note=note,
        walk={
            "loss": outline.loss,
            "steps": outline.steps,
            "values": outline.values,
            "edges": [
                [edge.id, edge.tail, edge.head, bool(edge.gradient)] for edge in outline.edges
            ],
        },
    )
