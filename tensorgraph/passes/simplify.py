"""Simplification: operations that only hand on their input are taken out."""

from __future__ import annotations

from collections.abc import Sequence

from tensorgraph.base.backend import Backend
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.passes.program import Program, rebuild


def simplify(program: Program, backend: Backend) -> Program:
    """Replace each operation whose `OpDef.forwards` names an input by that input."""
    del backend

    def rule(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Sequence[Tensor] | None:
        del graph
        source = op.definition.forwards(op)
        # A variable itself says nothing of when it is read; the operation's place does.
        if source is None or source.is_ref:
            return None
        return [inputs[op.inputs.index(source)]]

    return rebuild(program, rule)
