"""Control edges: an operation that only computes need not wait for anything.

``with tf.control_dependencies(...)`` makes every operation inside wait, also those whose value does
not depend on when they run: an addition, or the whole backward pass where a training step waits for
moving averages. No other pass may touch an operation that waits. What has to be kept is the order
of those that read variables, change them, or have another effect. So what the others wait for is
handed down to what takes their results, until it comes to one of those, or to a result of the run.
"""

from __future__ import annotations

from collections.abc import Iterable

from tensorgraph.base.backend import Backend
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.passes.program import Program

_Waits = frozenset[Operation]
_NONE: _Waits = frozenset()


def relax_control(program: Program, backend: Backend) -> Program:
    """Move control edges from operations without effect to those that they matter to."""
    del backend
    operations = program.live()
    if not any(op.control_inputs and is_timeless(op) for op in operations):
        return program
    graph = Graph()
    tensors: dict[Tensor, Tensor] = {}
    copies: dict[Operation, Operation] = {}
    waits: dict[Operation, _Waits] = {}  # what an operation hands on to those after it
    for op in operations:
        own = frozenset(copies[c] for c in op.control_inputs)
        before = [own, *(waits[o] for o in op.control_inputs), *(waits[t.op] for t in op.inputs)]
        awaited = _union(before)
        timeless = is_timeless(op)
        control = [] if timeless else _in_order(awaited)
        copy = graph.copy_op(op, [tensors[t] for t in op.inputs], control)
        copies[op], waits[op] = copy, awaited if timeless else _NONE
        tensors.update(zip(op.outputs, copy.outputs, strict=True))
    ends = [*(t.op for t in program.fetches), *program.targets]
    left = _union(waits[op] for op in ends)
    return Program(
        graph,
        tuple(tensors[t] for t in program.feeds),
        tuple(tensors[t] for t in program.fetches),
        tuple(dict.fromkeys([*(copies[op] for op in program.targets), *_in_order(left)])),
    )


def is_timeless(op: Operation) -> bool:
    """Return whether all that an operation does is to compute outputs from values."""
    return bool(op.outputs) and not op.definition.stateful and not any(t.is_ref for t in op.inputs)


def _in_order(operations: _Waits) -> list[Operation]:
    return sorted(operations, key=lambda op: op.index)


def _union(sets: Iterable[_Waits]) -> _Waits:
    """Return the union; the set itself where all are the same one, as along a chain."""
    distinct = list({id(s): s for s in sets if s}.values())
    if len(distinct) < 2:
        return distinct[0] if distinct else _NONE
    return _NONE.union(*distinct)
