"""Constant folding: what does not depend on feeds, variables or chance is computed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.backend import Backend
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.passes.program import Program, rebuild

# Larger results are computed anew in each run rather than kept.
LARGEST = 10 << 20
# So are those that only repeat a value: that takes no longer than to read them.
REPEATING = ("Fill", "BroadcastTo", "Tile")
LARGEST_REPEATED = 1 << 20


def fold_constants(program: Program, backend: Backend) -> Program:
    """Replace operations on constants, and the shapes of tensors of known shape, by constants."""

    def rule(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Sequence[Tensor] | None:
        values = _evaluate(op, inputs, backend)
        if values is None:
            return None
        with graph.source(op.source):
            names = [op.name, *[f"{op.name}/output_{i}" for i in range(1, len(values))]]
            return [
                graph.create_op("Const", (), {"value": v}, f"{name}/").outputs[0]
                for v, name in zip(values, names, strict=True)
            ]

    return rebuild(program, rule)


def _evaluate(
    op: Operation, inputs: Sequence[Tensor], backend: Backend
) -> Sequence[np.ndarray[Any, Any]] | None:
    definition = op.definition
    if definition.stateful or op.type == "Const" or not op.outputs:
        return None
    if any(t.dtype is dtypes.variant for t in op.outputs):
        return None
    known = definition.known(op, inputs)
    if known is not None:
        return [known]
    if op.type in REPEATING and nbytes(op.outputs[0]) > LARGEST_REPEATED:
        return None
    values = [t.op.attrs["value"] for t in inputs if t.op.type == "Const"]
    if len(values) < len(inputs):
        return None
    context = KernelContext(op, backend, outs=(None,) * len(op.outputs))
    try:
        with backend.running():
            arrays = [backend.from_host(v) for v in values]
            result = definition.kernel(context, *arrays)
    except Exception:
        return None  # it will fail again when it runs, and there the error is explained
    results = result if isinstance(result, tuple) else (result,)
    folded = [
        np.asarray(backend.to_host(r), t.dtype.np_dtype)
        for r, t in zip(results, op.outputs, strict=True)
    ]
    return folded if sum(v.nbytes for v in folded) <= LARGEST else None


def nbytes(t: Tensor) -> int:
    """Return the size of a tensor; 0 where its shape is not known."""
    return (shapes.num_elements(t.dims) or 0) * t.dtype.size
