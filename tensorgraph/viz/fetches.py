"""What a picture is asked for: operations, and all that they need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tensorgraph.graph.node import Operation, as_operation


def operations_of(fetches: Any) -> list[Operation]:
    """Return the operations that fetches stand for, of one graph, each once.

    Raises
    ------
    TypeError
        If a fetch is nothing of a graph.
    ValueError
        If there is no fetch, or they are of several graphs.
    """
    fetched = list(dict.fromkeys(flatten(fetches)))
    if not fetched:
        raise ValueError("there is nothing to draw: no fetches were given")
    if any(op.graph is not fetched[0].graph for op in fetched):
        raise ValueError("the fetches are of different graphs: draw each by itself")
    return fetched


def flatten(fetches: Any) -> list[Operation]:
    """Return the operations of a nest of fetches, as often as they stand in it."""
    if isinstance(fetches, Mapping):
        return [op for value in fetches.values() for op in flatten(value)]
    if isinstance(fetches, list | tuple | set):
        return [op for value in fetches for op in flatten(value)]
    return [] if fetches is None else [as_operation(fetches)]


def needed(fetched: Iterable[Operation]) -> list[Operation]:
    """Return all operations that the fetches need, in order of creation."""
    found: set[Operation] = set()
    pending = list(fetched)
    while pending:
        op = pending.pop()
        if op not in found:
            found.add(op)
            pending.extend(t.op for t in op.inputs)
            pending.extend(op.control_inputs)
    return sorted(found, key=lambda op: op.index)
