"""Reshapes between operations that work block by block, made copies of a block.

Before the dense layers of a network, images become rows. Of a whole batch that is a view. Of a
block, whose images lie side by side, it is a copy, small and in the cache; and then the dense
layers, the loss and all gradients can belong to the same region as the images, so that workers
meet once for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from tensorgraph.base.backend import Backend
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import Role
from tensorgraph.passes.program import Program, Uses, derive, rebuild
from tensorgraph.passes.regions import way_of


def copy_reshapes(program: Program, backend: Backend) -> Program:
    """Replace reshapes whose neighbours work block by block."""
    del backend
    uses = Uses(program)
    between = {op for op in uses.operations if _is_between(op, uses)}
    if not between:
        return program

    def rule(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Sequence[Tensor] | None:
        return [derive(graph, op, "ReshapeCopy", inputs)] if op in between else None

    return rebuild(program, rule)


def _is_between(op: Operation, uses: Uses) -> bool:
    """Return whether a reshape keeps the rows of a batch that others make and take."""
    if op.type != "Reshape" or not uses.is_inner(op) or op.inputs[1].op.type != "Const":
        return False
    (x, _), (y,) = op.inputs, op.outputs
    takers = uses.takers(y)
    if not x.dims or not y.dims or x.dims[0] != y.dims[0] or not takers:
        return False
    made = way_of(x.op)
    if made is None or made.outputs[x.value_index] is not Role.ROWS:
        return False
    ways = [(way_of(taker), taker.inputs) for taker in takers]
    return all(
        way is not None
        and all(role is Role.ROWS for t, role in zip(inputs, way.inputs, strict=True) if t is y)
        for way, inputs in ways
    )
