"""The picture of a walk: a drawing whose texts and colours the page switches on, step by step."""

from __future__ import annotations

import itertools

from tensorgraph.viz import style
from tensorgraph.viz.drawing import draw
from tensorgraph.viz.escapes import graphviz, markup, plain
from tensorgraph.viz.walk.outline import Edge, Node, Outline

# Graphviz gives no classes to the lines of a label. It keeps their colours, so that each of these
# stands for a class until the drawing is done.
_CLASSES = {"name": "#00000a", "type": "#00000b", "value": "#00000c", "gradient": "#00000d"}

LONGEST_LINE = 26
"""Longer lines are left out of a box."""

_SHAPES = {"input": "ellipse", "variable": "cylinder", "constant": "note", "operation": "box"}


def draw_outline(outline: Outline) -> str:
    """Return the picture as SVG; nodes and edges have their ids and their kinds as classes.

    Raises
    ------
    GraphvizMissingError
        If there is no Graphviz to draw with.
    DrawingError
        If Graphviz fails.
    """
    svg = draw(_dot(outline), "svg").decode("utf-8")
    for name, color in _CLASSES.items():
        svg = svg.replace(f'fill="{color}"', f'class="{name}"')
    return svg


def _dot(outline: Outline) -> str:
    graph = graphviz().Digraph("walk", graph_attr=_PAGE)
    graph.node_attr.update(fontname=style.FONT, fontsize="12", margin="0.12,0.05", height="0.3")
    graph.edge_attr.update(fontname=style.FONT, fontsize="10", arrowsize="0.7")
    scopes: dict[str, list[Node]] = {}
    for node in outline.nodes:
        scopes.setdefault(node.scope, []).append(node)
    for number, (scope, nodes) in enumerate(scopes.items()):
        if not scope or len(nodes) == 1:
            _add_nodes(graph, nodes)
            continue
        with graph.subgraph(name=f"cluster_{number}") as cluster:
            label = f"<{_colored(scope, 'type')}>"
            cluster.attr(label=label, labeljust="l", style="rounded", fontname=style.FONT)
            cluster.attr(fontsize="10", margin="8", tooltip=plain(scope))
            _add_nodes(cluster, nodes)
    for edge in outline.edges:
        graph.edge(edge.tail, edge.head, id=edge.id, label=_edge_label(edge), tooltip=" ")
    return str(graph.source)


_PAGE = {
    "bgcolor": "transparent",
    "charset": "UTF-8",
    "newrank": "true",
    "nodesep": "0.3",
    "ranksep": "0.25",
    "pad": "0.1",
    "tooltip": " ",
}


def _add_nodes(graph: object, nodes: list[Node]) -> None:
    for node in nodes:
        outline = "rounded" if node.kind == "operation" else ""
        graph.node(  # type: ignore[attr-defined]
            node.id,
            id=node.id,
            label=_node_label(node),
            shape=_SHAPES[node.kind],
            style=f"filled,{outline}".rstrip(","),
            tooltip=plain(node.name),
            **{"class": node.kind},
        )


def _colored(text: str, kind: str) -> str:
    return f'<FONT COLOR="{_CLASSES[kind]}">{markup(text)}</FONT>'


def _node_label(node: Node) -> str:
    lines = [f"<B>{_colored(node.name.rpartition('.')[2], 'name')}</B>"]
    if node.kind == "operation":
        said = (text for text in (node.formula, node.type) if len(text) <= LONGEST_LINE)
        lines.extend(_colored(text, "type") for text in itertools.islice(said, 1))
    if node.gradient:
        lines.append(_colored(f"Σ {node.gradient}", "gradient"))
    return f"<{'<BR/>'.join(lines)}>"


def _edge_label(edge: Edge) -> str:
    """Return the value and below it the gradient; the spaces keep the text off the line."""
    lines = [
        f"&#160;{_colored(text, kind)}"
        for text, kind in ((edge.value, "value"), (edge.gradient, "gradient"))
        if text
    ]
    left = '<BR ALIGN="LEFT"/>'
    return f"<{''.join(line + left for line in lines)}>" if lines else ""
