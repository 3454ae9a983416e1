"""How boxes and arrows look.

Roles differ in colour, and in outline too, so that a black-and-white print still tells them apart:
forward boxes have a plain outline, gradients a dashed one, updates a double one. Inputs are
ellipses and variables drums.
"""

from __future__ import annotations

from typing import NamedTuple

from tensorgraph.viz.diagram import Arrow, Box, Flow, Kind, Role

FONT = "Helvetica,Arial,Liberation Sans,DejaVu Sans,sans-serif"
INK = "#1f2933"
GREY = "#52606d"
RED, RED_FILL = "#c81e1e", "#fbd5d5"
FRAME = "#b8c4d0"
FRAME_FILL = "#f7f9fb"

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
    Role.FORWARD: Look("#e3eefa", "#2f6299"),
    Role.GRADIENT: Look("#fdebdc", "#b2591d", "dashed"),
    Role.UPDATE: Look("#e4f3e6", "#2f7d3b", peripheries=2),
}
KINDS = {
    Kind.INPUT: Look("#ffffff", INK, shape="ellipse"),
    Kind.VARIABLE: Look("#fbf3cf", "#8a6d0b", shape="cylinder"),
    Kind.CONSTANT: Look("#f0f0f0", "#6b7680", shape="note"),
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
        attributes["shape"] = "box3d"
        attributes["style"] = attributes["style"].replace(",rounded", "")
    if box.fetched:
        attributes["penwidth"] = "2.2" if look.peripheries == 1 else "1.6"
    if box.marked:
        attributes |= {"color": RED, "fillcolor": RED_FILL, "penwidth": "3"}
    return attributes


def arrow_attributes(arrow: Arrow, tail: Box, head: Box) -> Attributes:
    """Return the attributes of an arrow but for its text."""
    if arrow.flow is Flow.SAVED:
        return {"style": "dotted", "color": "#7b8794", "arrowsize": "0.6"}
    if arrow.flow is Flow.CONTROL:
        return {"style": "dotted", "color": GREY, "arrowhead": "open", "arrowsize": "0.6"}
    if arrow.flow is Flow.STORE:
        return {"style": "dashed", "color": ROLES[Role.UPDATE].line}
    if Role.UPDATE in (tail.role, head.role):
        return {"color": ROLES[Role.UPDATE].line}
    if Role.GRADIENT in (tail.role, head.role):
        return {"color": ROLES[Role.GRADIENT].line, "style": "dashed"}
    if tail.kind in (Kind.VARIABLE, Kind.CONSTANT):
        return {"color": look_of(tail).line}
    return {"color": INK}
