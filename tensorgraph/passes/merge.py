"""Common subexpressions: equal operations on equal inputs are computed once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from tensorgraph.base.backend import Backend
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.passes.program import Program, rebuild


def merge_equal_nodes(program: Program, backend: Backend) -> Program:
    """Replace an operation by an earlier one of the same type, attributes and inputs."""
    del backend
    seen: dict[Hashable, Operation] = {}

    def rule(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Sequence[Tensor] | None:
        if op.definition.stateful:
            return None
        key = (op.type, tuple(inputs), tuple((k, _key(v)) for k, v in op.attrs.items()))
        if key not in seen:
            seen[key] = graph.copy_op(op, inputs, ())
        return seen[key].outputs

    return rebuild(program, rule)


def _key(value: Any) -> Hashable:
    """Return something that is equal for equal attributes only."""
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    # 0.0 == -0.0 and 1 == True, but they are different attributes.
    return (type(value), repr(value)) if isinstance(value, int | float) else value
