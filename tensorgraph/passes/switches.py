"""Max-pooling whose gradient is wanted remembers where its maxima are.

Then the images need not be kept for the gradient: see `tensorgraph.ops.pool_switches`. It takes
about as long either way, and less memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tensorgraph.base import shapes
from tensorgraph.base.backend import Backend
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.ops.pool_switches import MOST_TAPS, MaxPoolSwitches, MaxPoolSwitchesGrad
from tensorgraph.passes.program import Program, derive, rebuild
from tensorgraph.passes.regions import nbytes

# Smaller images are found in the cache again.
LEAST_BYTES = 1 << 23


def remember_switches(program: Program, backend: Backend) -> Program:
    """Replace max-poolings and their gradients by such as hand on the places of maxima."""
    del backend
    pairs = {op: pool for op in program.live() if (pool := _pooling_of(op))}
    if not pairs:
        return program
    pools = set(pairs.values())
    places: dict[Operation, Tensor] = {}

    def rule(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Sequence[Tensor] | None:
        if op in pools:
            largest = derive(graph, op, MaxPoolSwitches.type, inputs, op.attrs)
            places[op] = largest.op.outputs[1]
            return [largest]
        if op in pairs and pairs[op] in places:
            attrs = {**op.attrs, "spatial": (op.inputs[0].dims or ())[1:-1]}
            given = (places[pairs[op]], inputs[2])
            return [derive(graph, op, MaxPoolSwitchesGrad.type, given, attrs)]
        return None

    return rebuild(program, rule)


def _pooling_of(op: Operation) -> Operation | None:
    """Return the max-pooling that an operation is the gradient of; None if it is none."""
    if op.type != "MaxPoolGrad" or not all(shapes.is_full(t.dims) for t in op.inputs):
        return None
    x, y, _ = op.inputs
    pool = y.op
    same = pool.type == "MaxPool" and pool.inputs[0] is x and pool.attrs == op.attrs
    # One with control inputs is not replaced, and then it remembers nothing.
    if not same or pool.control_inputs or math.prod(op.attrs["ksize"]) > MOST_TAPS:
        return None
    return pool if nbytes(x) >= LEAST_BYTES else None
