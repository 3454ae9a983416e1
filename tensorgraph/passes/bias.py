"""Biases before a batch normalization: taken out of training, where they make no difference.

Batch normalization subtracts the mean of each channel, and with it whatever was added to the whole
channel before. So the bias changes nothing but that mean; its gradient is zero, since a sum over a
channel of gradients by what is normalized is. What is computed for it in plain floating-point is a
rounding error, which an optimizer that divides by the gradient's size (Adam) takes for a signal.

Both follow from the graph: who takes the biased values, and where the gradient comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base.backend import Backend
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.passes.program import Program, Uses, derive, rebuild

_NORM, _NORM_GRAD = "FusedBatchNormV3", "FusedBatchNormGradV3"


def drop_needless_biases(program: Program, backend: Backend) -> Program:
    """Normalize without the bias before; the mean that is handed out has it added."""
    del backend
    uses = Uses(program)
    norms = [op for op in uses.operations if op.type == _NORM and not op.control_inputs]
    without = {op for op in norms if _is_biased(op.inputs[0]) and _only_normalized(op, uses)}
    gradients = {
        g
        for g in uses.operations
        if g.type == _NORM_GRAD and not g.control_inputs and _norm_of(g) is not None
    }
    if not without and not gradients:
        return program

    def rule(op: Operation, inputs: Sequence[Tensor], graph: Graph) -> Sequence[Tensor] | None:
        if op in without:
            plain, bias = inputs[0].op.inputs
            y, mean, variance = graph.copy_op(op, (plain, *inputs[1:]), ()).outputs
            return [y, derive(graph, op, "Add", (mean, bias), part="mean"), variance]
        if op in gradients and _norm_of(op) in without:
            dy, x, scale, mean, variance = inputs
            plain = x.op.inputs[0]
            return graph.copy_op(op, (dy, plain, scale, mean.op.inputs[0], variance), ()).outputs
        if _sums_channels(op) and op.inputs[0].op in gradients and op.inputs[0].value_index == 0:
            y = op.outputs[0]
            zeros: Any = np.zeros(y.dims or (), y.dtype.np_dtype)
            return [derive(graph, op, "Const", (), {"value": zeros})]
        return None

    return rebuild(program, rule)


def _is_biased(x: Tensor) -> bool:
    """Return whether a tensor is a sum with a number for each channel, and nothing else."""
    op = x.op
    if op.control_inputs or op.type not in ("BiasAdd", "Add"):
        return False
    plain, bias = op.inputs
    if x.dims is None or plain.is_ref or bias.is_ref:
        return False
    return plain.dims == x.dims and bias.dims == x.dims[-1:]


def _only_normalized(norm: Operation, uses: Uses) -> bool:
    """Return whether only a batch normalization and its gradient take the values."""
    x = norm.inputs[0]
    if not uses.is_inner(x.op):
        return False
    return all(op is norm or _norm_of(op) is norm for op in uses.takers(x))


def _norm_of(op: Operation) -> Operation | None:
    """Return the normalization that an operation is the gradient of, for the same values."""
    if op.type != _NORM_GRAD:
        return None
    _, x, scale, mean, variance = op.inputs
    norm = mean.op
    if norm.type != _NORM or norm.attrs != op.attrs or norm.inputs[1] is not scale:
        return None
    same = norm.inputs[0] is x and mean is norm.outputs[1] and variance is norm.outputs[2]
    return norm if same and not norm.control_inputs else None


def _sums_channels(op: Operation) -> bool:
    """Return whether an operation adds up all elements of each channel."""
    if op.type == "BiasAddGrad":
        return True
    if op.type != "Sum" or op.attrs["keepdims"]:
        return False
    rank = len(op.inputs[0].dims or ())
    return rank > 1 and op.attrs["axes"] == tuple(range(rank - 1))
