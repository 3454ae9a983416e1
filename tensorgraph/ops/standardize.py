"""Rows of mean 0 and variance 1: what layer normalization does before it scales and shifts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tensorgraph.graph.defaults import apply, apply_op, convert_to_tensor
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    POSITIVE,
    Arg,
    Draw,
    Gradients,
    Input,
    KernelContext,
    OpDef,
    Sample,
    Spec,
    elements,
    register,
)
from tensorgraph.ops.array import shape
from tensorgraph.ops.math import cast
from tensorgraph.ops.reduction import reduce_mean, reduce_sum
from tensorgraph.ops.shares import Block, for_blocks


def _matrix(x: Any) -> Any:
    """Return an array as a matrix whose rows are its last axis."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _result(k: KernelContext, index: int, shape: Sequence[int], dtype: Any) -> Any:
    """Return where to write an output: a piece of memory, as `_matrix` needs it."""
    out = k.outs[index] if index < len(k.outs) else None
    return k.xp.empty(shape, dtype) if out is None or not out.flags.c_contiguous else out


@register
class Standardize(OpDef):
    """(x - mean) / √(variance + ε) of each vector along the last axis, and one over that root."""

    type = "Standardize"
    formula = "({x} − mean) / √(variance + ε) along the last axis"
    formulas_besides = ("1 / √(variance({x}) + ε) along the last axis",)
    inputs = (Arg("x"),)
    uses_out = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x = op.inputs[0]
        if x.dims == ():
            raise ValueError("a scalar has no last axis to be standardized along")
        return (Spec(x.dtype, x.dims), Spec(x.dtype, x.dims and (*x.dims[:-1], 1)))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x = inputs[0]
        xp, rows = k.xp, _matrix(x)
        u = _result(k, 0, x.shape, x.dtype)
        inverse = _result(k, 1, (*x.shape[:-1], 1), x.dtype)
        flat, roots = _matrix(u), inverse.reshape(-1)
        count = x.dtype.type(max(x.shape[-1], 1))
        ones = k.scratch("ones", x.shape[-1:], x.dtype, 1)
        epsilon = x.dtype.type(k.op.attrs["epsilon"])

        def task(block: Block) -> None:
            part, root = flat[block.part], roots[block.part]
            xp.true_divide(xp.matmul(rows[block.part], ones, out=root), count, out=root)
            xp.subtract(rows[block.part], root[:, None], out=part)
            xp.true_divide(xp.einsum("ij,ij->i", part, part), count, out=root)
            xp.true_divide(1, xp.sqrt(xp.add(root, epsilon, out=root), out=root), out=root)
            xp.multiply(part, root[:, None], out=part)

        for_blocks(k, len(rows), 2 * x.shape[-1] * x.dtype.itemsize, task)
        return u, inverse

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        u, inverse = op.outputs
        by_u, by_inverse = grads

        def by_x() -> Tensor:
            parts = []
            if by_u is not None:
                parts.append(apply(StandardizeGrad.type, by_u, u, inverse))
            if by_inverse is not None:
                parts.append(u * (-by_inverse * inverse * inverse / _length(u)))
            return parts[0] if len(parts) == 1 else apply("AddN", *parts)

        return (by_x,)

    def flops(self, op: Operation) -> int:
        return 7 * elements(op.inputs)

    def sample(self, draw: Draw) -> Sample:
        return Sample((Input(draw.shape(min_rank=1)),), {"epsilon": 0.1})


@register
class StandardizeGrad(OpDef):
    """The gradient of `Standardize` by x: inputs are that of its result, and both results."""

    type = "StandardizeGrad"
    formula = "{inverse} · ({dy} − mean({dy}) − {u} · mean({dy} · {u}))"
    inputs = (Arg("dy"), Arg("u"), Arg("inverse"))
    uses_out = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[1].dtype, op.inputs[1].dims),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        dy, u, inverse = inputs
        xp = k.xp
        dx = _result(k, 0, u.shape, u.dtype)
        given, unit, target = (_matrix(a) for a in (dy, u, dx))
        roots = inverse.reshape(-1, 1)
        count = u.dtype.type(max(u.shape[-1], 1))
        ones = k.scratch("ones", u.shape[-1:], u.dtype, 1)

        def task(block: Block) -> None:
            g, y, out = given[block.part], unit[block.part], target[block.part]
            along = xp.einsum("ij,ij->i", g, y) / count
            mean = xp.matmul(g, ones) / count
            product = xp.multiply(y, along[:, None], out=block.scratch("product", y.shape, y.dtype))
            xp.subtract(g, mean[:, None], out=out)
            xp.subtract(out, product, out=out)
            xp.multiply(out, roots[block.part], out=out)

        for_blocks(k, len(unit), 3 * u.shape[-1] * u.dtype.itemsize, task)
        return dx

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        dy, u, inverse = op.inputs
        g = grads[0]

        def by_u() -> Tensor:
            across = dy * reduce_mean(g * u, -1, keepdims=True)
            result: Tensor = -inverse * (g * reduce_mean(dy * u, -1, keepdims=True) + across)
            return result

        def by_inverse() -> Tensor:
            mean, along = (reduce_mean(t, -1, keepdims=True) for t in (dy, dy * u))
            return reduce_sum(g * (dy - mean - u * along), -1, keepdims=True)

        return (lambda: apply(StandardizeGrad.type, g, u, inverse), by_u, by_inverse)

    def flops(self, op: Operation) -> int:
        return 8 * elements(op.outputs)

    def sample(self, draw: Draw) -> Sample:
        dims = draw.shape(min_rank=1)
        return Sample((Input(dims), Input(dims), Input((*dims[:-1], 1), POSITIVE)))


def _length(u: Tensor) -> Any:
    """Return how many elements each vector has, as a number of their type."""
    if u.dims is not None and u.dims[-1] is not None:
        return float(max(u.dims[-1], 1))
    return cast(shape(u)[-1], u.dtype)


def standardize(x: Any, epsilon: float) -> Tensor:
    """Return each vector along the last axis with mean 0 and variance 1.

    Parameters
    ----------
    x : Tensor of rank 1 or more
        The vectors.
    epsilon : float
        Is added to the variance.
    """
    op = apply_op(Standardize.type, convert_to_tensor(x), epsilon=float(epsilon))
    u: Tensor = op.outputs[0]
    return u
