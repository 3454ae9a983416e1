"""Graphs and plans as text."""

from __future__ import annotations

import os
from typing import Any, TextIO

from tensorgraph.base import shapes
from tensorgraph.graph.defaults import get_default_graph
from tensorgraph.graph.pretty import format_operations
from tensorgraph.runtime.labels import label
from tensorgraph.runtime.plan import Plan, Step
from tensorgraph.runtime.session import ConfigProto, Session

MOST_TYPES = 2


def print_graph(
    fetches: Any = None, feed_dict: Any = None, passes: Any = (), file: TextIO | None = None
) -> None:
    """Print a graph as typed lines, one an operation.

    Parameters
    ----------
    fetches : Tensor, Operation, Variable, or nested lists of them, optional
        Print only what they need; default is the whole default graph, as it was built.
    feed_dict : mapping, optional
        What a run would be fed: values of these shapes. What only they need is left out, and all
        shapes after them are known.
    passes : sequence of str, default none
        The graph passes to run first; ``tf.ConfigProto().passes`` names all of them.
    file : file, optional
        Where to print; default is the standard output.
    """
    if fetches is None:
        operations = get_default_graph().get_operations()
    else:
        session = Session(graph=None, config=ConfigProto(passes=tuple(passes)))
        operations = session.program(fetches, feed_dict).graph.get_operations()
    print(format_operations(operations), end="", file=file)


def format_plan(plan: Plan) -> str:
    """Return a compiled plan as text: its steps in order, the buffers they write to, the memory.

    A result without a buffer is a view of its input, or is allocated by its kernel in each run.
    """
    buffers: dict[int, int] = {}
    rows = [_row(number, step, buffers) for number, step in enumerate(plan.steps)]
    widths = [max(len(row[i]) for row in rows) if rows else 0 for i in range(4)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        + f"  # {row[4]}"
        for row in rows
    ]
    total = f"{len(plan.steps)} steps, {len(buffers)} buffers, {plan.buffer_bytes:,} bytes"
    return "\n".join([*lines, total]) + "\n"


def _row(number: int, step: Step, buffers: dict[int, int]) -> tuple[str, ...]:
    found, slots = label(step), ", ".join(f"%{i}" for i in step.inputs)
    types = [f"{t.dtype.name}{shapes.format_shape(t.dims)}" for t in found.outputs]
    if len(types) > MOST_TYPES:
        types[MOST_TYPES:] = ["…"]  # a region may have a dozen results
    results = ", ".join(f"%{i}" for i in step.outputs)
    return (
        str(number),
        f"{results}: {', '.join(types)}" if results else "",
        f"{found.type}({slots})",
        ", ".join(_buffer(out, buffers) for out in step.context.outs if out is not None),
        f"{found.text}, {os.path.basename(found.source)}",
    )


def _buffer(out: Any, buffers: dict[int, int]) -> str:
    """Return the number of the buffer that an output array lies in."""
    base = out
    while base.base is not None:
        base = base.base
    return f"buffer {buffers.setdefault(id(base), len(buffers))}"
