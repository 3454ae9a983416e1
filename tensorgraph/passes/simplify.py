"""Simplification: operations that algebra shows to be needless are taken out."""

from __future__ import annotations

from collections.abc import Sequence

from tensorgraph.base.backend import Backend
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.passes.algebra import simpler
from tensorgraph.passes.merge import merging
from tensorgraph.passes.program import Program, rebuild


def simplify(program: Program, backend: Backend) -> Program:
    """Replace operations by simpler ones of the same value, or by one of their inputs.

    What an operation says of itself comes first (`OpDef.forwards`: an identity, a reshape to the
    same shape), then the rules of `passes.algebra`: x · 1, -(-x), two transposes in a row. What
    stays is merged with what has become equal to it.
    """
    del backend
    merged = merging()

    def rule(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Sequence[Tensor] | None:
        source = op.definition.forwards(op)
        # A variable itself says nothing of when it is read; the operation's place does.
        if source is not None and not source.is_ref:
            return [inputs[op.inputs.index(source)]]
        if len(op.outputs) == 1 and not any(t.is_ref for t in inputs):
            found = simpler(op, inputs, graph)
            if found is not None:
                return [found]
        return merged(op, inputs, graph)

    return rebuild(program, rule)
