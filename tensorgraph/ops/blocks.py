"""Blocks of tensors: joined, stacked, cut out, and put into a frame."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from tensorgraph.base import shapes
from tensorgraph.base.shapes import Shape
from tensorgraph.graph.defaults import apply, convert_to_tensor
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    Draw,
    Gradients,
    Input,
    KernelContext,
    OpDef,
    Sample,
    Spec,
    register,
)
from tensorgraph.graph.static import static_shape
from tensorgraph.ops.array import ANY, SHAPE, shape, squeeze


@register
class Concat(OpDef):
    """The tensors joined along an axis."""

    type = "ConcatV2"
    inputs = (ANY,)
    variadic = True
    uses_out = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        ranked = [t.dims for t in op.inputs if t.dims is not None]
        if not ranked:
            return (Spec(op.inputs[0].dtype, None),)
        axis = shapes.normalize_axis(op.attrs["axis"], len(ranked[0]))
        result: Shape = ranked[0]
        for dims in ranked[1:]:
            if len(dims) != len(ranked[0]):
                raise ValueError("all inputs of concat must have the same rank")
            # What the inputs have in common is all but the axis they are joined along.
            result = shapes.merge(result, (*dims[:axis], ranked[0][axis], *dims[axis + 1 :]))
        sizes = [None if t.dims is None else t.dims[axis] for t in op.inputs]
        total = None if None in sizes else sum(d for d in sizes if d is not None)
        assert result is not None
        return (Spec(op.inputs[0].dtype, (*result[:axis], total, *result[axis + 1 :])),)

    def formula_of(self, op: Operation) -> str:
        return f"join({', '.join(f'{{{n}}}' for n in range(len(op.inputs)))})"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.xp.concatenate(inputs, k.op.attrs["axis"], out=k.out)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        count = len(op.inputs)
        return [_concat_slice(grads[0], op, i) for i in range(count)]

    def forwards(self, op: Operation) -> Tensor | None:
        return op.inputs[0] if len(op.inputs) == 1 else None

    def sample(self, draw: Draw) -> Sample:
        shape = draw.shape(min_rank=1)
        axis = draw.integer(-len(shape), len(shape) - 1)
        place = axis % len(shape)
        parts = [
            Input((*shape[:place], draw.size(), *shape[place + 1 :]))
            for _ in range(draw.integer(1, 3))
        ]
        return Sample(tuple(parts), {"axis": axis})


@register
class ConcatSlice(OpDef):
    """The part of a joined tensor that one of the inputs of `Concat` became.

    Inputs are the joined tensor, then the shapes of all parts; ``index`` says which part.
    """

    type = "ConcatSlice"
    inputs = (ANY, SHAPE)
    variadic = True
    view = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[0].dtype, static_shape(op.inputs[1 + op.attrs["index"]])),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, parts = inputs[0], inputs[1:]
        axis = k.op.attrs["axis"] % x.ndim
        index = k.op.attrs["index"]
        sizes = [k.host(i, part)[axis].item() for i, part in enumerate(parts[: index + 1], 1)]
        start = sum(sizes[:-1])
        return x[(slice(None),) * axis + (slice(start, start + sizes[-1]),)]

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        def rule() -> Tensor:
            parts = [
                grads[0]
                if i == op.attrs["index"]
                else apply("Fill", s, convert_to_tensor(0, grads[0].dtype))
                for i, s in enumerate(op.inputs[1:])
            ]
            return concat(parts, op.attrs["axis"])

        return (rule, *[None] * (len(op.inputs) - 1))

    def sample(self, draw: Draw) -> Sample:
        shape = draw.shape(min_rank=1)
        axis = draw.integer(0, len(shape) - 1)
        sizes = [draw.size() for _ in range(draw.integer(1, 3))]
        joined = (*shape[:axis], sum(sizes), *shape[axis + 1 :])
        parts = [np.array([*shape[:axis], s, *shape[axis + 1 :]], np.int32) for s in sizes]
        return Sample(
            (Input(joined), *[Input(p.shape, value=p, constant=True) for p in parts]),
            {"axis": axis, "index": draw.integer(0, len(sizes) - 1)},
        )


@register
class Pack(OpDef):
    """The tensors, all of one shape, stacked along a new axis."""

    type = "Pack"
    inputs = (ANY,)
    variadic = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        dims: Shape = None
        for t in op.inputs:
            dims = shapes.merge(dims, t.dims)
        if dims is None:
            return (Spec(op.inputs[0].dtype, None),)
        axis = shapes.normalize_axis(op.attrs["axis"], len(dims) + 1)
        return (Spec(op.inputs[0].dtype, (*dims[:axis], len(op.inputs), *dims[axis:])),)

    def formula_of(self, op: Operation) -> str:
        return f"stack({', '.join(f'{{{n}}}' for n in range(len(op.inputs)))})"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.xp.stack(inputs, k.op.attrs["axis"])

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        axis = op.attrs["axis"]
        return [partial(_unpack, grads[0], axis, i) for i in range(len(op.inputs))]

    def sample(self, draw: Draw) -> Sample:
        shape = draw.shape(max_rank=2)
        count = draw.integer(1, 3)
        return Sample(
            tuple(Input(shape) for _ in range(count)), {"axis": draw.integer(-1, len(shape))}
        )


@register
class Slice(OpDef):
    """A block: ``size`` elements from ``begin`` on along each axis; a size of -1 takes the rest."""

    type = "Slice"
    formula = "part of {x}"
    inputs = (ANY,)
    view = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, begin, size = op.inputs[0], op.attrs["begin"], op.attrs["size"]
        if len(begin) != len(size):
            raise ValueError(f"begin {begin} and size {size} differ in length")
        dims = (None,) * len(begin) if x.dims is None else x.dims
        if len(dims) != len(begin):
            raise ValueError(f"begin {begin} does not suit a tensor of rank {len(dims)}")
        result: list[int | None] = []
        for d, b, s in zip(dims, begin, size, strict=True):
            if d is not None and not 0 <= b <= b + max(s, 0) <= d:
                raise ValueError(f"begin {begin} and size {size} lie outside of {x.shape}")
            rest = None if d is None else d - b
            result.append(rest if s == -1 else s)
        return (Spec(x.dtype, tuple(result)),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        begin, size = k.op.attrs["begin"], k.op.attrs["size"]
        where = (slice(b, None if s == -1 else b + s) for b, s in zip(begin, size, strict=True))
        return inputs[0][tuple(where)]

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (apply("SliceGrad", grads[0], shape(op.inputs[0]), **op.attrs),)

    def sample(self, draw: Draw) -> Sample:
        shape = draw.shape()
        begin = tuple(draw.integer(0, d) for d in shape)
        size = tuple(draw.integer(-1, d - b) for d, b in zip(shape, begin, strict=True))
        return Sample((Input(shape),), {"begin": begin, "size": size})


@register
class SliceGrad(OpDef):
    """Zeros of a shape, with the input put in where `Slice` cuts it out."""

    type = "SliceGrad"
    formula = "{x} in its place, else 0"
    inputs = (ANY, SHAPE)

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[0].dtype, static_shape(op.inputs[1])),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        dy, target = inputs
        result = k.xp.zeros(k.sizes(1, target), dy.dtype)
        begin = k.op.attrs["begin"]
        result[tuple(slice(b, b + d) for b, d in zip(begin, dy.shape, strict=True))] = dy
        return result

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (slice_(grads[0], **op.attrs), None)

    def sample(self, draw: Draw) -> Sample:
        shape = draw.shape()
        begin = tuple(draw.integer(0, d) for d in shape)
        size = tuple(draw.integer(0, d - b) for d, b in zip(shape, begin, strict=True))
        target = np.array(shape, np.int32)
        return Sample(
            (Input(size), Input(target.shape, value=target, constant=True)),
            {"begin": begin, "size": size},
        )


@register
class Pad(OpDef):
    """The tensor with ``paddings[i] = (before, after)`` constant elements added along axis i."""

    type = "Pad"
    formula = "{x} with a margin"
    inputs = (ANY,)
    uses_out = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, paddings = op.inputs[0], op.attrs["paddings"]
        if any(len(p) != 2 or min(p) < 0 for p in paddings):
            raise ValueError(f"paddings {paddings} must be pairs of numbers that are not negative")
        dims = (None,) * len(paddings) if x.dims is None else x.dims
        if len(dims) != len(paddings):
            raise ValueError(f"{len(paddings)} paddings for a tensor of rank {len(dims)}")
        padded = (None if d is None else d + sum(p) for d, p in zip(dims, paddings, strict=True))
        return (Spec(x.dtype, tuple(padded)),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, paddings = inputs[0], k.op.attrs["paddings"]
        out = k.out
        if out is None:
            padded = tuple(d + sum(p) for d, p in zip(x.shape, paddings, strict=True))
            out = k.xp.empty(padded, x.dtype)
        out[...] = k.op.attrs["constant_values"]
        out[tuple(slice(b, b + d) for d, (b, _) in zip(x.shape, paddings, strict=True))] = x
        return out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (apply("Unpad", grads[0], paddings=op.attrs["paddings"]),)

    def forwards(self, op: Operation) -> Tensor | None:
        return op.inputs[0] if not any(map(any, op.attrs["paddings"])) else None

    def sample(self, draw: Draw) -> Sample:
        shape = draw.shape()
        paddings = tuple((draw.integer(0, 2), draw.integer(0, 2)) for _ in shape)
        return Sample((Input(shape),), {"paddings": paddings, "constant_values": 0.5})


@register
class Unpad(OpDef):
    """The tensor without its ``paddings``."""

    type = "Unpad"
    formula = "{x} without its margin"
    inputs = (ANY,)
    view = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, paddings = op.inputs[0], op.attrs["paddings"]
        dims = (None,) * len(paddings) if x.dims is None else x.dims
        cut = (None if d is None else d - sum(p) for d, p in zip(dims, paddings, strict=True))
        return (Spec(x.dtype, tuple(cut)),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, paddings = inputs[0], k.op.attrs["paddings"]
        return x[tuple(slice(b, d - a) for d, (b, a) in zip(x.shape, paddings, strict=True))]

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (pad(grads[0], op.attrs["paddings"]),)

    def sample(self, draw: Draw) -> Sample:
        shape = draw.shape()
        paddings = tuple((draw.integer(0, 2), draw.integer(0, 2)) for _ in shape)
        padded = tuple(d + sum(p) for d, p in zip(shape, paddings, strict=True))
        return Sample((Input(padded),), {"paddings": paddings})


def _concat_slice(grad: Tensor, op: Operation, index: int) -> Any:
    parts = op.inputs
    return lambda: apply(
        "ConcatSlice", grad, *[shape(t) for t in parts], axis=op.attrs["axis"], index=index
    )


def _unpack(grad: Tensor, axis: int, index: int) -> Tensor:
    if grad.dims is None:
        raise LookupError("the gradient of tf.stack needs the rank of its inputs")
    place = axis % len(grad.dims)
    begin = [index if i == place else 0 for i in range(len(grad.dims))]
    size = [1 if i == place else -1 for i in range(len(grad.dims))]
    return squeeze(slice_(grad, begin, size), [place])


# The names users type


def concat(values: Any, axis: int, name: str | None = "concat") -> Tensor:
    """Return the tensors joined along `axis`.

    Parameters
    ----------
    values : list of Tensor
        Tensors that agree in all sizes but that of `axis`.
    axis : int
        The axis; negative counts from the end.
    name : str, default "concat"
        Its name.

    Raises
    ------
    ValueError
        If the shapes do not fit, or `values` is empty.
    """
    tensors = list(values) if isinstance(values, list | tuple) else [values]
    return apply("ConcatV2", *tensors, name=name, axis=int(axis))


def stack(values: Any, axis: int = 0, name: str | None = "stack") -> Tensor:
    """Return the tensors, all of one shape, stacked along a new axis."""
    return apply("Pack", *values, name=name, axis=int(axis))


def slice_(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """Return a block of a tensor.

    Parameters
    ----------
    input_ : Tensor
        Where to cut from.
    begin : sequence of int
        The first element along each axis.
    size : sequence of int
        How many elements along each axis; -1 takes the rest.
    name : str, optional
        Its name.

    Raises
    ------
    ValueError
        If the block lies outside.
    """
    where = {"begin": tuple(int(b) for b in begin), "size": tuple(int(s) for s in size)}
    return apply("Slice", input_, name=name, **where)


def pad(
    tensor: Any,
    paddings: Any,
    mode: str = "CONSTANT",
    name: str | None = None,
    constant_values: float = 0,
) -> Tensor:
    """Return the tensor with constant elements around it.

    Parameters
    ----------
    tensor : Tensor
        What to pad.
    paddings : sequence of (int, int)
        How many elements to add before and after, for each axis.
    mode : str, default "CONSTANT"
        The only mode so far.
    name : str, optional
        Its name.
    constant_values : float, default 0
        What to pad with.

    Raises
    ------
    ValueError
        If the paddings do not suit the rank, or the mode is another.
    """
    if mode.upper() != "CONSTANT":
        raise ValueError(f"mode must be 'CONSTANT', not {mode!r}")
    pairs = tuple(tuple(int(n) for n in pair) for pair in paddings)
    return apply("Pad", tensor, name=name, paddings=pairs, constant_values=constant_values)
