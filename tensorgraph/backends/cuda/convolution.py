"""Convolution on the device: by cuDNN where that is there and can, else by matrix products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorgraph.backends.cuda import columns, cudnn, depthwise
from tensorgraph.backends.cuda.arrays import dense
from tensorgraph.backends.cuda.windows import Case, case_of, result_dims
from tensorgraph.base.backend import Array
from tensorgraph.graph.kernel import KernelContext

# What computes one of the three products: given the node, the shapes, two arrays and the result.
_Way = Callable[[KernelContext, Case, Array, Array, Array], None]


def _compute(k: KernelContext, case: Case, product: str, one: Array, other: Array, out: Any) -> Any:
    """Compute a convolution or one of its gradients.

    Parameters
    ----------
    k : KernelContext
        The node.
    case : Case
        Its shapes.
    product : str
        ``"forward"``, ``"by_input"`` or ``"by_filter"``.
    one, other : array
        What the function of that name takes.
    out : array
        Where to write.
    """
    way = getattr(columns, product)
    # A product of two matrices is best left to cuBLAS: filters need not be turned for it.
    if not case.is_pointwise:
        faster = cudnn.find(k, case, product, out.dtype)
        way = way if faster is None else faster
    return _written(k, way, case, one, other, out)


def _written(
    k: KernelContext, way: _Way, case: Case, one: Array, other: Array, out: Array
) -> Array:
    """Have a way compute in memory that lies in one piece."""
    if not out.size:
        return out
    if not (one.size and other.size):
        out[...] = 0
        return out
    one, other = (dense(k, a) for a in (one, other))
    target = out if out.flags.c_contiguous else k.scratch("in one piece", out.shape, out.dtype)
    way(k, case, one, other, target)
    if target is not out:
        out[...] = target
    return out


def _made(k: KernelContext, index: int, dims: Sequence[int], dtype: Any) -> Array:
    """Return where to write an output."""
    out = k.outs[index] if index < len(k.outs) else None
    return k.xp.empty(dims, dtype) if out is None else out


def _forward(k: KernelContext, x: Array, w: Array) -> Array:
    case = case_of(k.op.attrs, x.shape, w.shape)
    out = _made(k, 0, (case.batch, *case.places, w.shape[-1]), x.dtype)
    return _compute(k, case, "forward", x, w, out)


def _by_input(k: KernelContext, target: Array, w: Array, dy: Array) -> Array:
    dims = result_dims(k, target)
    case = case_of(k.op.attrs, dims, w.shape)
    return _compute(k, case, "by_input", w, dy, _made(k, 0, dims, dy.dtype))


def _by_filter(k: KernelContext, x: Array, target: Array, dy: Array) -> Array:
    dims = result_dims(k, target)
    case = case_of(k.op.attrs, x.shape, dims)
    return _compute(k, case, "by_filter", x, dy, _made(k, 0, dims, x.dtype))


def _both(k: KernelContext, x: Array, w: Array, dy: Array) -> tuple[Array, Array]:
    case = case_of(k.op.attrs, x.shape, w.shape)
    dx, dw = (_made(k, i, a.shape, a.dtype) for i, a in enumerate((x, w)))
    _compute(k, case, "by_input", w, dy, dx)
    _compute(k, case, "by_filter", x, dy, dw)
    return dx, dw


def _deep_forward(k: KernelContext, x: Array, w: Array) -> Array:
    case = case_of(k.op.attrs, x.shape, w.shape, depthwise=True)
    out = _made(k, 0, (case.batch, *case.places, case.groups * case.filters), x.dtype)
    return _written(k, depthwise.forward, case, x, w, out)


def _deep_by_input(k: KernelContext, target: Array, w: Array, dy: Array) -> Array:
    dims = result_dims(k, target)
    case = case_of(k.op.attrs, dims, w.shape, depthwise=True)
    return _written(k, depthwise.by_input, case, w, dy, _made(k, 0, dims, dy.dtype))


def _deep_by_filter(k: KernelContext, x: Array, target: Array, dy: Array) -> Array:
    dims = result_dims(k, target)
    case = case_of(k.op.attrs, x.shape, dims, depthwise=True)
    return _written(k, depthwise.by_filter, case, x, dy, _made(k, 0, dims, x.dtype))


KERNELS: dict[str, Callable[..., Any]] = {
    "Conv2D": _forward,
    "Conv2DBackpropInput": _by_input,
    "Conv2DBackpropFilter": _by_filter,
    "Conv2DBackprop": _both,
    "Conv3D": _forward,
    "Conv3DBackpropInputV2": _by_input,
    "Conv3DBackpropFilterV2": _by_filter,
    "DepthwiseConv2dNative": _deep_forward,
    "DepthwiseConv2dNativeBackpropInput": _deep_by_input,
    "DepthwiseConv2dNativeBackpropFilter": _deep_by_filter,
}
