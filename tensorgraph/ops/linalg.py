"""Matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorgraph.base import dtypes, shapes
from tensorgraph.graph.defaults import apply
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    Arg,
    Blockwise,
    Draw,
    Gradients,
    Input,
    KernelContext,
    OpDef,
    Role,
    Sample,
    Spec,
    elements,
    register,
)
from tensorgraph.ops.array import shape
from tensorgraph.ops.products import shared_product

# A matrix of more bytes is no part of the work on a block.
SMALL_MATRIX = 1 << 19


@register
class MatMul(OpDef):
    """The product of matrices, or of stacks of them with broadcast leading axes."""

    type = "MatMul"
    inputs = (Arg("a", dtypes.NUMERIC), Arg("b", dtypes.NUMERIC))
    uses_out = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        a, b = op.inputs
        for t in op.inputs:
            if t.dims is not None and len(t.dims) < 2:
                raise ValueError(
                    f"matmul needs matrices: {t.name} has shape {t.shape}, of rank {len(t.dims)}"
                )
        if a.dims is None or b.dims is None:
            return (Spec(a.dtype, None),)
        *lead_a, m, inner_a = _swapped(a.dims, op.attrs["transpose_a"])
        *lead_b, inner_b, n = _swapped(b.dims, op.attrs["transpose_b"])
        if inner_a is not None and inner_b is not None and inner_a != inner_b:
            raise ValueError(
                f"matmul of {a.shape} and {b.shape}: the inner sizes {inner_a} and {inner_b}"
                " must be equal"
            )
        lead = shapes.broadcast(tuple(lead_a), tuple(lead_b))
        return (Spec(a.dtype, None if lead is None else (*lead, m, n)),)

    def formula_of(self, op: Operation) -> str:
        a, b = ("ᵀ" if op.attrs[f"transpose_{name}"] else "" for name in "ab")
        return f"{{a}}{a} @ {{b}}{b}"

    def blockwise(self, op: Operation) -> Blockwise | None:
        a, b = op.inputs
        by_rows, turned = op.attrs["transpose_a"], op.attrs["transpose_b"]
        whole = op.outputs[0] if by_rows else b
        if len(a.dims or ()) != 2 or len(b.dims or ()) != 2 or (by_rows and turned):
            return None
        # A larger matrix is read anew for each block, or added up.
        if elements([whole]) * whole.dtype.size > SMALL_MATRIX:
            return None
        if by_rows:
            return Blockwise((Role.ROWS, Role.ROWS), (Role.SUM,))
        return Blockwise((Role.ROWS, Role.WHOLE))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        a, b = inputs
        if k.op.attrs["transpose_a"]:
            a = a.swapaxes(-1, -2)
        if k.op.attrs["transpose_b"]:
            b = b.swapaxes(-1, -2)
        if a.ndim > 2 or b.ndim > 2:
            return k.xp.matmul(a, b, out=k.out)
        out = k.out
        if out is None:
            out = k.xp.empty((a.shape[0], b.shape[1]), a.dtype)
        shared_product(k, a, b, out)
        return out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        (dy,), (a, b) = grads, op.inputs
        ta, tb = op.attrs["transpose_a"], op.attrs["transpose_b"]

        def left() -> Tensor:
            product = matmul(b, dy, tb, True) if ta else matmul(dy, b, False, not tb)
            return _sum_stack(product, a, b)

        def right() -> Tensor:
            product = matmul(dy, a, True, ta) if tb else matmul(a, dy, not ta, False)
            return _sum_stack(product, b, a)

        return (left, right)

    def flops(self, op: Operation) -> int:
        a = op.inputs[0].dims
        if a is None:
            return 0
        inner = a[-2] if op.attrs["transpose_a"] else a[-1]
        return 2 * elements(op.outputs) * (inner or 1)

    def sample(self, draw: Draw) -> Sample:
        m, n, inner = draw.size(), draw.size(), draw.size()
        ta, tb = draw.boolean(), draw.boolean()
        lead_a, lead_b = draw.choice([((), ()), ((2,), ()), ((), (2,)), ((2, 1), (3,))])
        a = (*lead_a, inner, m) if ta else (*lead_a, m, inner)
        b = (*lead_b, n, inner) if tb else (*lead_b, inner, n)
        return Sample((Input(a), Input(b)), {"transpose_a": ta, "transpose_b": tb})


def _swapped(dims: tuple[int | None, ...], swap: bool) -> tuple[int | None, ...]:
    return (*dims[:-2], dims[-1], dims[-2]) if swap else dims


def _sum_stack(grad: Tensor, x: Tensor, other: Tensor) -> Tensor:
    """Sum the gradient over the leading axes along which `x` was stretched."""
    if x.dims is not None and other.dims is not None:
        if len(x.dims) == len(other.dims) == 2:
            return grad
        if x.dims[:-2] == other.dims[:-2] and shapes.is_full(x.dims[:-2]):
            return grad
    result = apply("SumTo", grad, shape(x))
    result.set_shape(x.dims)
    return result


def matmul(
    a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, name: str | None = None
) -> Tensor:
    """Return the matrix product.

    Parameters
    ----------
    a : Tensor of shape (…, m, k)
        The left factor.
    b : Tensor of shape (…, k, n)
        The right factor; leading axes are broadcast.
    transpose_a, transpose_b : bool, default False
        Swap the last two axes of a factor first.
    name : str, optional
        Its name.

    Returns
    -------
    Tensor of shape (…, m, n)

    Raises
    ------
    ValueError
        If the inner sizes differ, or a factor is no matrix.
    """
    attrs = {"transpose_a": bool(transpose_a), "transpose_b": bool(transpose_b)}
    return apply("MatMul", a, b, name=name, **attrs)
