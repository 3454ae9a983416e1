"""Shapes: operations that give a tensor another shape without computing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.dtypes import as_dtype
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
    register,
)
from tensorgraph.graph.static import static_ints, static_shape

# `Arg`s that recur: any tensor, and an integer vector that describes a shape.
ANY = Arg("x", dtypes.ALL)
SHAPE = Arg("shape", (dtypes.int32, dtypes.int64), group="shape", host=True)


@register
class ShapeOf(OpDef):
    """The input's shape as an integer vector."""

    type = "Shape"
    inputs = (ANY,)
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        dims = op.inputs[0].dims
        return (Spec(op.attrs["out_type"], (None if dims is None else len(dims),)),)

    def known(self, op: Operation, inputs: Sequence[Tensor]) -> np.ndarray[Any, Any] | None:
        dims = inputs[0].dims
        full = dims is not None and None not in dims
        return np.asarray(dims, op.attrs["out_type"].np_dtype) if full else None

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.xp.asarray(inputs[0].shape, k.op.attrs["out_type"].np_dtype)

    def sample(self, draw: Draw) -> Sample:
        return Sample((Input(draw.shape()),), {"out_type": dtypes.int32})


@register
class Reshape(OpDef):
    """The same elements in another shape; one size may be -1."""

    type = "Reshape"
    formula = "reshape({x})"
    inputs = (ANY, SHAPE)
    view = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, shape = op.inputs
        target = static_shape(shape)
        count = shapes.num_elements(x.dims)
        if target is None or count is None:
            return (Spec(x.dtype, target),)
        known = shapes.num_elements(tuple(d for d in target if d is not None)) or 0
        unknown = sum(d is None for d in target)
        fits = known == count if unknown == 0 else known != 0 and count % known == 0
        if not fits and not (unknown and known == 0 and count == 0):
            raise ValueError(
                f"cannot reshape {x.shape} ({count} elements) into {shapes.format_shape(target)}"
            )
        if unknown == 1 and known:
            target = tuple(count // known if d is None else d for d in target)
        return (Spec(x.dtype, target),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, shape = inputs
        return x.reshape(k.sizes(1, shape))

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (reshape_like(grads[0], op.inputs[0]), None)

    def forwards(self, op: Operation) -> Tensor | None:
        return _same_shape(op)

    def sample(self, draw: Draw) -> Sample:
        old = draw.shape(low=1)
        count = math.prod(old)
        new = draw.choice([(count,), (1, count), old[::-1], (count, 1, 1), (-1,), (-1, 1)])
        value = np.array(new, np.int32)
        return Sample((Input(old), Input(value.shape, value=value, constant=True)))


@register
class ReshapeCopy(Reshape):
    """The same elements in another shape, in memory of their own.

    A block of a batch may lie in memory in an order that no other shape can be a view of.
    """

    type = "ReshapeCopy"
    view = False
    uses_out = True

    def blockwise(self, op: Operation) -> Blockwise | None:
        return Blockwise((Role.ROWS, Role.SHAPE))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, shape = inputs
        if k.out is None:
            return k.xp.array(x.reshape(k.sizes(1, shape)))
        if k.out.flags.c_contiguous:
            k.xp.copyto(k.out.reshape(x.shape), x)
        else:
            k.xp.copyto(k.out, x.reshape(k.out.shape))
        return k.out

    def forwards(self, op: Operation) -> Tensor | None:
        return None


@register
class Transpose(OpDef):
    """The axes in the order ``perm``."""

    type = "Transpose"
    formula = "transpose({x})"
    inputs = (ANY,)
    view = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, perm = op.inputs[0], op.attrs["perm"]
        if perm is None:
            return (Spec(x.dtype, None if x.dims is None else x.dims[::-1]),)
        if sorted(perm) != list(range(len(perm))):
            raise ValueError(f"perm {perm} is no permutation of 0 … {len(perm) - 1}")
        if x.dims is None:
            return (Spec(x.dtype, (None,) * len(perm)),)
        if len(x.dims) != len(perm):
            raise ValueError(f"perm {perm} does not suit a tensor of rank {len(x.dims)}")
        return (Spec(x.dtype, tuple(x.dims[i] for i in perm)),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return inputs[0].transpose(k.op.attrs["perm"])

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        perm = op.attrs["perm"]
        inverse = None if perm is None else sorted(range(len(perm)), key=perm.__getitem__)
        return (transpose(grads[0], inverse),)

    def forwards(self, op: Operation) -> Tensor | None:
        perm = op.attrs["perm"]
        return op.inputs[0] if perm is not None and perm == tuple(range(len(perm))) else None

    def sample(self, draw: Draw) -> Sample:
        shape = draw.shape()
        perm = list(range(len(shape)))
        for i in range(len(perm) - 1, 0, -1):
            j = draw.integer(0, i)
            perm[i], perm[j] = perm[j], perm[i]
        return Sample((Input(shape),), {"perm": draw.choice([None, tuple(perm)])})


@register
class ExpandDims(OpDef):
    """New axes of size 1 at the places ``axes`` of the result."""

    type = "ExpandDims"
    formula = "{x}"
    inputs = (ANY,)
    view = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x = op.inputs[0]
        if x.dims is None:
            return (Spec(x.dtype, None),)
        axes = op.attrs["axes"]
        rank = len(x.dims) + len(axes)
        places = shapes.normalize_axes(axes, rank)
        rest = iter(x.dims)
        return (Spec(x.dtype, tuple(1 if i in places else next(rest) for i in range(rank))),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.xp.expand_dims(inputs[0], k.op.attrs["axes"])

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (reshape_like(grads[0], op.inputs[0]),)

    def sample(self, draw: Draw) -> Sample:
        shape = draw.shape()
        return Sample((Input(shape),), {"axes": (draw.integer(-len(shape) - 1, len(shape)),)})


@register
class Squeeze(OpDef):
    """The tensor without its axes ``axes`` of size 1; None stands for all such axes."""

    type = "Squeeze"
    formula = "{x}"
    inputs = (ANY,)
    view = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, axes = op.inputs[0], op.attrs["axes"]
        if x.dims is None or (axes is None and None in x.dims):
            return (Spec(x.dtype, None),)
        if axes is None:
            return (Spec(x.dtype, tuple(d for d in x.dims if d != 1)),)
        gone = shapes.normalize_axes(axes, len(x.dims))
        for i in gone:
            if x.dims[i] not in (1, None):
                raise ValueError(f"cannot squeeze axis {i} of {x.shape}: its size is not 1")
        return (Spec(x.dtype, tuple(d for i, d in enumerate(x.dims) if i not in gone)),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return inputs[0].squeeze(k.op.attrs["axes"])

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (reshape_like(grads[0], op.inputs[0]),)

    def sample(self, draw: Draw) -> Sample:
        shape = draw.shape(max_rank=2)
        axis = draw.integer(0, len(shape))
        return Sample(
            (Input((*shape[:axis], 1, *shape[axis:])),), {"axes": draw.choice([None, (axis,)])}
        )


@register
class BroadcastTo(OpDef):
    """The tensor stretched to a shape, by NumPy's rules."""

    type = "BroadcastTo"
    formula = "{x} repeated"
    inputs = (ANY, SHAPE)
    view = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, shape = op.inputs
        target = static_shape(shape)
        if target is not None and x.dims is not None:
            if len(x.dims) > len(target):
                raise ValueError(
                    f"cannot broadcast {x.shape} to fewer axes, {shapes.format_shape(target)}"
                )
            for have, want in zip(x.dims[::-1], target[::-1], strict=False):
                if have not in (1, None, want) and want is not None:
                    raise ValueError(f"cannot broadcast {x.shape} to {shapes.format_shape(target)}")
        return (Spec(x.dtype, target),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.xp.broadcast_to(inputs[0], k.sizes(1, inputs[1]))

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (apply("SumTo", grads[0], shape(op.inputs[0])), None)

    def forwards(self, op: Operation) -> Tensor | None:
        return _same_shape(op)

    def sample(self, draw: Draw) -> Sample:
        small, other = draw.broadcastable(2)
        target = np.array(np.broadcast_shapes(small, other), np.int32)
        return Sample((Input(small), Input(target.shape, value=target, constant=True)))


@register
class SumTo(OpDef):
    """The tensor summed down to a shape that could be broadcast to its own.

    What broadcasting does to a gradient, run backwards.
    """

    type = "SumTo"
    formula = "Σ {x} to the shape of the input"
    inputs = (Arg("x", dtypes.NUMERIC), SHAPE)

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[0].dtype, static_shape(op.inputs[1])),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, target = inputs[0], k.sizes(1, inputs[1])
        lead = x.ndim - len(target)
        axes = tuple(range(lead)) + tuple(
            lead + i for i, d in enumerate(target) if d == 1 and x.shape[lead + i] != 1
        )
        return x.sum(axes, dtype=x.dtype).reshape(target) if axes else x.copy()

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (broadcast_to(grads[0], shape(op.inputs[0])), None)

    def forwards(self, op: Operation) -> Tensor | None:
        return _same_shape(op)

    def sample(self, draw: Draw) -> Sample:
        small, other = draw.broadcastable(2)
        target = np.array(small, np.int32)
        return Sample(
            (
                Input(np.broadcast_shapes(small, other)),
                Input(target.shape, value=target, constant=True),
            )
        )


# Helpers of gradient rules


def _same_shape(op: Operation) -> Tensor | None:
    """Return input 0 if its shape is known to be the output's."""
    x, y = op.inputs[0], op.outputs[0]
    return x if shapes.is_full(x.dims) and x.dims == y.dims else None


def reshape_like(x: Tensor, like: Tensor) -> Tensor:
    """Return `x` in the shape of `like`."""
    result = reshape(x, shape(like))
    result.set_shape(like.dims)
    return result


def unbroadcast(grad: Tensor, x: Tensor, *others: Tensor) -> Tensor:
    """Return the gradient of an elementwise op's result summed to the shape of its input `x`.

    Parameters
    ----------
    grad : Tensor
        Gradient of the result, of the broadcast shape.
    x : Tensor
        The input.
    *others : Tensor
        The op's other inputs, which may have stretched `x`.
    """
    if all(t.dims == x.dims and shapes.is_full(x.dims) for t in others):
        return grad
    if x.dims is not None and all(t.dims is not None for t in others):
        rank = max(len(t.dims or ()) for t in (x, *others))
        lead = rank - len(x.dims)
        stretched = [
            any(len(t.dims or ()) >= rank - i and (t.dims or ())[i - rank] != 1 for t in others)
            for i in range(lead, rank)
        ]
        unsure = any(d is None and s for d, s in zip(x.dims, stretched, strict=True))
        if not unsure or all(t is x for t in others):
            axes = [lead + i for i, d in enumerate(x.dims) if d == 1 and stretched[i]]
            if axes:
                grad = apply("Sum", grad, axes=tuple(axes), keepdims=True)
            if lead:
                grad = apply("Sum", grad, axes=tuple(range(lead)), keepdims=False)
            return grad
    result = apply("SumTo", grad, shape(x))
    result.set_shape(x.dims)
    return result


# The names users type


def shape(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Tensor:
    """Return the shape that the tensor has when the graph runs, as a vector of `out_type`."""
    return apply("Shape", input, name=name, out_type=as_dtype(out_type))


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """Return the same elements in row-major order in another shape.

    Parameters
    ----------
    tensor : Tensor
        What to reshape.
    shape : sequence of int, or Tensor of int32 or int64
        The new shape; one size may be -1 and is then computed.
    name : str, optional
        Its name.

    Raises
    ------
    ValueError
        If the number of elements differs.
    """
    return apply("Reshape", tensor, shape, name=name)


def transpose(a: Any, perm: Sequence[int] | None = None, name: str | None = "transpose") -> Tensor:
    """Return the tensor with its axes in the order `perm`; None reverses them."""
    order = None if perm is None else static_ints(perm, "the order of the axes")
    return apply("Transpose", a, name=name, perm=order)


def expand_dims(
    input: Any, axis: int | None = None, name: str | None = None, dim: int | None = None
) -> Tensor:
    """Return the tensor with a new axis of size 1 at place `axis` of the result."""
    place = axis if dim is None else dim
    return apply("ExpandDims", input, name=name, axes=(0 if place is None else int(place),))


def squeeze(input: Any, axis: Any = None, name: str | None = None) -> Tensor:
    """Return the tensor without its axes of size 1, or without those of `axis`.

    Raises
    ------
    ValueError
        If a size of `axis` is not 1.
    """
    axes = None if axis is None else tuple(np.atleast_1d(np.asarray(axis, np.int64)).tolist())
    return apply("Squeeze", input, name=name, axes=axes or None)


def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """Return the tensor stretched to `shape` by NumPy's broadcasting."""
    return apply("BroadcastTo", input, shape, name=name)
