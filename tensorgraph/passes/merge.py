"""Common subexpressions: equal operations on equal inputs are computed once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from tensorgraph.base.backend import Backend
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.passes.program import Program, Rule, rebuild

# x · y is y · x, to the last bit.
_ARITHMETIC = ("Add", "Mul", "SquaredDifference", "Equal", "NotEqual")
_SYMMETRIC = frozenset([*_ARITHMETIC, "LogicalAnd", "LogicalOr", "LogicalXor"])


def merge_equal_nodes(program: Program, backend: Backend) -> Program:
    """Replace an operation by an earlier one of the same type, attributes and inputs.

    Gradients are full of them: what two rules need of one value, each makes by itself. The inputs
    of a symmetric operation may stand in any order.
    """
    del backend
    return rebuild(program, merging())


def merging() -> Rule:
    """Return a rule that gives the outputs of an equal operation that it was asked about before."""
    seen: dict[Hashable, Operation] = {}

    def rule(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Sequence[Tensor] | None:
        if op.definition.stateful:
            return None
        key = (op.type, _inputs_key(op, inputs), tuple((k, _key(v)) for k, v in op.attrs.items()))
        if key not in seen:
            seen[key] = graph.copy_op(op, inputs, ())
        return seen[key].outputs

    return rule


def _inputs_key(op: Operation, inputs: Sequence[Tensor]) -> Hashable:
    if op.type in _SYMMETRIC and inputs[0].op.index > inputs[1].op.index:
        return tuple(reversed(inputs))
    return tuple(inputs)


def _key(value: Any) -> Hashable:
    """Return something that is equal for equal attributes only."""
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    # 0.0 == -0.0 and 1 == True, but they are different attributes.
    return (type(value), repr(value)) if isinstance(value, int | float) else value
