"""How boxes and arrows look.

Roles differ in colour, and in outline too, so that a black-and-white print still tells them apart:
forward boxes have a plain outline, gradients a dashed one, updates a double one. Inputs are
ellipses and variables drums.
"""

from __future__ import annotations

from typing import NamedTuple

from tensorgraph.viz import palette
from tensorgraph.viz.diagram import Arrow, Box, Flow, Kind, Mark, Role

FONT = "Helvetica,Arial,Liberation Sans,DejaVu Sans,sans-serif"

TITLE_SIZE = 11
DETAIL_SIZE = 9
LABEL_SIZE = 8.5
HEADING_SIZE = 15


class Look(NamedTuple):
    """Colours and outline of a kind of box."""

    fill: str
    line: str
    outline: str = ""  # more words of Graphviz's ``style``
    shape: str = "box"
    peripheries: int = 1


ROLES = {
    Role.FORWARD: Look(palette.FORWARD_FILL, palette.FORWARD),
    Role.GRADIENT: Look(palette.GRADIENT_FILL, palette.GRADIENT, "dashed"),
    Role.UPDATE: Look(palette.UPDATE_FILL, palette.UPDATE, peripheries=2),
}
KINDS = {
    Kind.INPUT: Look(palette.PAPER, palette.INK, shape="ellipse"),
    Kind.VARIABLE: Look(palette.VARIABLE_FILL, palette.VARIABLE, shape="cylinder"),
    Kind.CONSTANT: Look(palette.CONSTANT_FILL, palette.CONSTANT, shape="note"),
}

MARKS = {
    Mark.HOT: {"color": palette.RED, "fillcolor": palette.RED_FILL, "penwidth": "3"},
    Mark.COLD: {
        "color": palette.FADED,
        "fillcolor": palette.FADED_FILL,
        "fontcolor": palette.FADED_INK,
    },
    Mark.NEW: {"color": palette.GREEN, "fillcolor": palette.GREEN_FILL, "penwidth": "3"},
}

Attributes = dict[str, str]


def look_of(box: Box) -> Look:
    """Return the look of a box: that of its kind, or else that of its role."""
    if box.kind in KINDS and box.role is not Role.GRADIENT:
        return KINDS[box.kind]
    return ROLES[box.role]


def box_attributes(box: Box) -> Attributes:
    """Return the attributes of a box but for its text."""
    look = look_of(box)
    style = ["filled"] if look.shape != "box" else ["filled", "rounded"]
    if look.outline:
        style.append(look.outline)
    attributes = {
        "shape": look.shape,
        "style": ",".join(style),
        "fillcolor": look.fill,
        "color": look.line,
    }
    if look.shape == "box":
        attributes["width"] = "1.4"
    if look.peripheries > 1:
        attributes["peripheries"] = str(look.peripheries)
    if box.kind is Kind.FOLDED and box.role is not Role.UPDATE:
        attributes |= {
            "shape": "box3d",
            "margin": "0.12,0.09",
        }  # its top side covers the first line
        attributes["style"] = attributes["style"].replace(",rounded", "")
    if box.fetched:
        attributes["penwidth"] = "2.2" if look.peripheries == 1 else "1.6"
    return attributes | MARKS.get(box.mark, {})


def arrow_attributes(arrow: Arrow, tail: Box, head: Box) -> Attributes:
    """Return the attributes of an arrow but for its text."""
    if tail.mark is Mark.COLD and head.mark in (Mark.COLD, Mark.HOT):
        return {"color": palette.FADED, "style": "dashed"}
    if arrow.flow is Flow.SAVED:
        return {"style": "dotted", "color": palette.DOTS, "arrowsize": "0.6"}
    if arrow.flow is Flow.CONTROL:
        return {"style": "dotted", "color": palette.GREY, "arrowhead": "open", "arrowsize": "0.6"}
    if arrow.flow is Flow.STORE:
        return {"style": "dashed", "color": ROLES[Role.UPDATE].line}
    if Role.UPDATE in (tail.role, head.role):
        return {"color": ROLES[Role.UPDATE].line}
    if Role.GRADIENT in (tail.role, head.role):
        return {"color": ROLES[Role.GRADIENT].line, "style": "dashed"}
    if tail.kind in (Kind.VARIABLE, Kind.CONSTANT):
        return {"color": look_of(tail).line}
    return {"color": palette.INK}
