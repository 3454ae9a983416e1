"""`Diagram` → DOT text.

The forward pass runs down the page. Gradient arrows are given to Graphviz the other way round
(``dir=back``), so that the backward pass runs up beside it, each gradient on a line with its
operation. The same diagram gives the same text.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from tensorgraph.viz import palette, style
from tensorgraph.viz.diagram import Box, Diagram, Flow, Kind, Path, Repeat, Role
from tensorgraph.viz.escapes import graphviz, markup, plain
from tensorgraph.viz.labels import TIMES
from tensorgraph.viz.repeats import costs_of

_LEGEND = {
    Role.FORWARD: "forward",
    Role.GRADIENT: "gradient",
    Role.UPDATE: "update",
}


def to_dot(diagram: Diagram, title: str | None = None) -> str:
    """Return the DOT text of a diagram.

    Parameters
    ----------
    diagram : Diagram
        What to draw.
    title : str, optional
        A heading.
    """
    graph = graphviz().Digraph("graph", graph_attr=_page(diagram, title))
    graph.node_attr.update(
        fontname=style.FONT,
        fontcolor=palette.INK,
        fontsize=str(style.TITLE_SIZE),
        margin="0.1,0.03",
        height="0.25",
        penwidth="1.1",
    )
    graph.edge_attr.update(
        fontname=style.FONT,
        fontcolor=palette.GREY,
        fontsize=str(style.LABEL_SIZE),
        penwidth="1.1",
        arrowsize="0.7",
    )
    pairs = [p for p in diagram.beside if len({diagram.boxes[k].scope for k in p}) == 1]
    boxes = list(diagram.boxes.values())
    # Variables stand on the left and push everything else to the right.
    pushed = any(box.kind is Kind.VARIABLE for box in boxes)
    _write_scope(graph, (), boxes, _rows(pairs), diagram.repeats, pushed)
    for attributes in _arrows(diagram):
        graph.edge(attributes.pop("tail"), attributes.pop("head"), **attributes)
    return str(graph.source)


def _page(diagram: Diagram, title: str | None) -> dict[str, str]:
    attributes = {
        "bgcolor": palette.PAPER,
        "charset": "UTF-8",
        "fontname": style.FONT,
        "fontcolor": palette.INK,
        "remincross": "false",  # the second search for fewer crossings gives up the order of rows
        "newrank": "true",  # else layers that overlap in height slide past each other
        "nodesep": "0.22",
        # Frames keep what is in them apart already.
        "ranksep": "0.1" if any(box.scope for box in diagram.boxes.values()) else "0.22",
        "pad": "0.2",
        "rankdir": "TB",
        "tooltip": plain(title or "graph"),
    }
    heading = _heading(diagram, title)
    if heading:
        attributes |= {"label": heading, "labelloc": "t", "labeljust": "l"}
    return attributes


# Text


def _sized(text: str, size: float, color: str) -> str:
    return f'<FONT POINT-SIZE="{size:g}" COLOR="{color}">{markup(text)}</FONT>'


def _classes(box: Box) -> str:
    """Return what a style sheet or a script of a page can tell the box by."""
    return f"{box.role.value} {box.kind.value} {box.mark.value}".strip()


def _label(box: Box) -> str:
    aside = f" {_sized(box.aside, style.DETAIL_SIZE, palette.INK)}" if box.aside else ""
    lines = [f"<B>{markup(box.title)}</B>{aside}"]
    lines.extend(_sized(line, style.DETAIL_SIZE, palette.GREY) for line in box.details)
    return f"<{'<BR/>'.join(lines)}>"


def _heading(diagram: Diagram, title: str | None) -> str:
    """Return the title, and the legend where there is more than the forward pass."""
    rows = []
    if title:
        size = style.HEADING_SIZE
        rows.append(f'<TD ALIGN="LEFT"><B>{_sized(title, size, palette.INK)}</B></TD>')
    if diagram.roles() - {Role.FORWARD}:
        rows.append(f'<TD ALIGN="LEFT">{_legend(diagram)}</TD>')
    if not rows:
        return ""
    lines = "".join(f"<TR>{row}</TR>" for row in rows)
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="2">{lines}</TABLE>>'


def _legend(diagram: Diagram) -> str:
    cells = []
    for role, text in _LEGEND.items():
        if role in diagram.roles():
            cells.append(_legend_cell(style.ROLES[role], text))
    if any(box.kind is Kind.VARIABLE for box in diagram.boxes.values()):
        cells.append(_legend_cell(style.KINDS[Kind.VARIABLE], "variable"))
    if any(arrow.flow is Flow.SAVED for arrow in diagram.arrows):
        text = "·····> forward value read again"
        cells.append(f"<TD>{_sized(text, style.DETAIL_SIZE, palette.GREY)}</TD>")
    return (
        '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="4" CELLPADDING="2"><TR>'
        f"{''.join(cells)}</TR></TABLE>"
    )


def _legend_cell(look: style.Look, text: str) -> str:
    inner = _sized(text, style.DETAIL_SIZE, palette.INK)
    border = f'BORDER="1" COLOR="{look.line}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3"'
    outline = f' STYLE="{",".join(filter(None, ("ROUNDED", look.outline.upper())))}"'
    cell = f'<TABLE {border} BGCOLOR="{look.fill}"{outline}><TR><TD>{inner}</TD></TR></TABLE>'
    if look.peripheries > 1:
        frame = 'BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2" STYLE="ROUNDED"'
        cell = f'<TABLE {frame} COLOR="{look.line}"><TR><TD>{cell}</TD></TR></TABLE>'
    return f"<TD>{cell}</TD>"


# Boxes


def _write_scope(
    graph: Any,
    scope: Path,
    boxes: list[Box],
    rows: list[list[str]],
    repeats: Mapping[Path, Repeat],
    pushed: bool,
) -> None:
    """Write the boxes of a scope, and those of the scopes in it as clusters."""
    inner: dict[str, list[Box]] = {}
    for box in boxes:
        if box.scope == scope:
            graph.node(
                box.id,
                label=_label(box),
                tooltip=plain(box.tooltip),
                **{"class": _classes(box)},
                **style.box_attributes(box),
            )
        else:
            inner.setdefault(box.scope[len(scope)], []).append(box)
    here = {box.id for box in boxes if box.scope == scope}
    for row in rows:
        if row[0] in here:
            with graph.subgraph(graph_attr={"rank": "same"}) as line:
                for key in row:
                    line.node(key)
    for name, members in inner.items():
        with graph.subgraph(name=f"cluster_{members[0].id}_{len(scope)}") as cluster:
            cluster.attr(
                label=_frame_label((*scope, name), members, repeats, pushed),
                tooltip=plain(_frame_tooltip((*scope, name), repeats)),
                labeljust=_side(members),
                style="rounded,filled",
                color=palette.FRAME,
                fillcolor=palette.PAPER if len(scope) % 2 else palette.FRAME_FILL,
                fontname=style.FONT,
                fontsize="9",
                fontcolor=palette.GREY,
                margin="5",
                penwidth="0.9",
            )
            _write_scope(cluster, (*scope, name), members, rows, repeats, pushed)


_CHARACTER = 0.55 * style.DETAIL_SIZE  # how wide one is in the mean, in points


def _side(boxes: Collection[Box]) -> str:
    """Return the side of a frame on which its heading is in nothing's way."""
    if any(box.kind is Kind.VARIABLE for box in boxes):
        return "l"  # above them
    return "r" if any(box.role is Role.GRADIENT for box in boxes) else "l"


def _frame_label(
    scope: Path, boxes: Collection[Box], repeats: Mapping[Path, Repeat], pushed: bool
) -> str:
    """Return the heading of a scope: its name, how often it is there, and what it costs."""
    repeat = repeats.get(scope)
    name = scope[-1] if repeat is None else f"{repeat.count:,} {TIMES} {repeat.title}"
    costs = costs_of(scope, boxes, repeats)
    lines = [_sized(text, style.DETAIL_SIZE, palette.GREY) for text in costs]
    title = f"<B>{markup(name)}</B>"
    left = '<BR ALIGN="LEFT"/>'
    # Below each other, for the arrow into the scope runs past its heading; variables, which stand
    # on the left, make room for more.
    if lines and any(box.kind is Kind.VARIABLE for box in boxes):
        title = f"{title}&#160; {lines.pop(0)}"
        return f"<{left.join([title, *lines])}{left if lines else ''}>"
    if not lines:
        return f"<{title}>"
    # As much room again where the boxes stand, for them and the arrow into them.
    room = round(_CHARACTER * max(len(name), *map(len, costs)))
    text = left.join([title, *lines]) + left
    cells = ['<TD ALIGN="LEFT" BALIGN="LEFT">' + text + "</TD>", f'<TD WIDTH="{room}"></TD>']
    row = "".join(cells if pushed else reversed(cells))
    return f'<<TABLE BORDER="0" CELLPADDING="0" CELLSPACING="0"><TR>{row}</TR></TABLE>>'


def _frame_tooltip(scope: Path, repeats: Mapping[Path, Repeat]) -> str:
    repeat = repeats.get(scope)
    return "/".join(scope) if repeat is None else "/".join((*scope[:-1], repeat.names))


def _rows(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Return the boxes that stand on one line, line by line."""
    rows: dict[str, list[str]] = {}
    for a, b in pairs:
        first, second = rows.setdefault(a, [a]), rows.setdefault(b, [b])
        if first is not second:
            first.extend(second)
            rows.update(dict.fromkeys(second, first))
    return list({id(row): row for row in rows.values()}.values())


# Arrows


def _arrows(diagram: Diagram) -> Iterable[dict[str, str]]:
    linked = set()
    plain = diagram.roles() == {Role.FORWARD}  # nothing beside the arrows that labels could meet
    leaving = Counter(arrow.tail for arrow in diagram.arrows if arrow.label)
    entering = Counter(arrow.head for arrow in diagram.arrows if arrow.label)
    sides = {p for p in diagram.beside if len({diagram.boxes[k].scope for k in p}) == 1}
    for arrow in diagram.arrows:
        tail, head = diagram.boxes[arrow.tail], diagram.boxes[arrow.head]
        attributes = style.arrow_attributes(arrow, tail, head)
        straight = leaving[tail.id] == entering[head.id] == 1 and tail.scope == head.scope
        if arrow.label and plain and straight:
            attributes |= _label_at_tail(arrow.label)
        elif arrow.label:
            # The space keeps the text off the line.
            attributes["label"] = f"<&#160;{markup(arrow.label)}>"
        attributes |= {"tail": tail.id, "head": head.id}
        if (tail.id, head.id) in sides:
            attributes.pop("label", None)
            linked.add((tail.id, head.id))
        elif arrow.flow in (Flow.SAVED, Flow.STORE):
            attributes["constraint"] = "false"
        elif tail.role is head.role is Role.GRADIENT and tail.order == head.order == 1:
            attributes |= {"tail": head.id, "head": tail.id, "dir": "back"}
        elif tail.role is head.role is Role.FORWARD:
            attributes["weight"] = "2" if tail.kind is Kind.VARIABLE else "12"
        yield attributes
    for left, right in diagram.beside:
        if (left, right) in sides and (left, right) not in linked:
            yield {"tail": left, "head": right, "style": "invis"}
    for above, below in _stacking(diagram):
        yield {"tail": above, "head": below, "style": "invis", "weight": "0"}


def _label_at_tail(text: str) -> dict[str, str]:
    """Return a label to the left of where an arrow begins, seen along it.

    Unlike a label in the middle it takes no line of its own, which is half of the page's height.
    Graphviz puts its centre at an angle and a distance (in units of 10 points) from the tail.
    """
    across = 0.28 * style.LABEL_SIZE * len(text) + 5
    along = 0.8 * style.LABEL_SIZE
    return {
        "taillabel": f"<{markup(text)}>",
        "labelangle": f"{math.degrees(math.atan2(across, along)):.1f}",
        "labeldistance": f"{math.hypot(across, along) / 10:.2f}",
    }


def _stacking(diagram: Diagram) -> Iterable[tuple[str, str]]:
    """Return invisible arrows that keep a layer, with its gradients, above the layer after it."""
    above = {
        arrow.head
        for arrow in diagram.arrows
        if arrow.flow is Flow.DATA
        and diagram.boxes[arrow.tail].scope[:1] == diagram.boxes[arrow.head].scope[:1]
    }
    lowest: dict[Path, list[str]] = {}
    for box in diagram.boxes.values():
        if box.role is Role.GRADIENT and box.scope and box.id not in above:
            lowest.setdefault(box.scope[:1], []).append(box.id)
    done = set()
    for arrow in diagram.arrows:
        tail, head = diagram.boxes[arrow.tail], diagram.boxes[arrow.head]
        step = (tail.scope[:1], head.scope[:1])
        if tail.role is head.role is Role.FORWARD and step[0] != step[1] and step not in done:
            done.add(step)
            for key in lowest.get(step[0], ()):
                yield key, head.id
