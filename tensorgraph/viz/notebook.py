"""What a notebook shows of graphs, tensors, and of what `tf.explain_gradient` found."""

from __future__ import annotations

from typing import Any

from tensorgraph.base.display import Bundle
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.runtime.explanation import GradientPath
from tensorgraph.viz.drawing import DrawingError
from tensorgraph.viz.picture import Picture
from tensorgraph.viz.problems import render_problem
from tensorgraph.viz.render import render

MOST_OPERATIONS = 20_000
"""Of a larger graph a notebook shows text only: a cell should not take long."""

_MAX_BOXES = 150


def draw_for_notebook(obj: Any) -> Bundle:
    """Return the picture of an object as Jupyter takes it; nothing, where it cannot be drawn.

    Parameters
    ----------
    obj : Graph, Tensor, Operation or GradientPath
        What to draw.
    """
    try:
        picture = _picture(obj)
    except DrawingError:  # the text has to do
        return {}
    return {} if picture is None else {"image/svg+xml": picture.text}


def _picture(obj: Any) -> Picture | None:
    if isinstance(obj, GradientPath):
        return render_problem(obj) if obj.operations or obj.cuts else None
    if isinstance(obj, Graph):
        ends, graph = results_of(obj), obj
    elif isinstance(obj, Tensor | Operation):
        ends, graph = [obj.op if isinstance(obj, Tensor) else obj], obj.graph
    else:
        return None
    if not ends or len(graph.get_operations()) > MOST_OPERATIONS:
        return None
    return render(ends, max_boxes=_MAX_BOXES)


def results_of(graph: Graph) -> list[Operation]:
    """Return the operations of a graph that no other one uses, but for those that initialise."""
    variables = graph.get_collection(GraphKeys.GLOBAL_VARIABLES)
    starts = {variable.initializer for variable in variables}
    used: set[Operation] = set()
    for op in graph.get_operations():
        if op not in starts:
            used.update(t.op for t in op.inputs)
            used.update(op.control_inputs)
    return [
        op
        for op in graph.get_operations()
        if op not in used and op not in starts and not _only_starts(op, starts, used)
    ]


def _only_starts(op: Operation, starts: set[Operation], used: set[Operation]) -> bool:
    """Return whether an operation is there for initialisation alone, or reads a variable."""
    sources = [*(t.op for t in op.inputs), *op.control_inputs]
    if op.type == "NoOp":
        return not sources or starts.issuperset(sources)
    if op.type == "Identity" and sources and sources[0].type == "VariableV2":
        return sources[0] in used
    return op.type == "Const" and any(op in (t.op for t in s.inputs) for s in starts)
