"""Constants, placeholders, and operations that rearrange a tensor without computing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.dtypes import DType, as_dtype
from tensorgraph.base.shapes import Shape
from tensorgraph.graph.defaults import apply, convert_to_tensor, get_default_graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    Arg,
    Draw,
    Gradients,
    Input,
    KernelContext,
    OpDef,
    Sample,
    Spec,
    register,
)
from tensorgraph.graph.static import static_ints, static_shape

# `Arg`s that recur: any tensor, and an integer vector that describes a shape.
ANY = Arg("x", dtypes.ALL)
SHAPE = Arg("shape", (dtypes.int32, dtypes.int64), group="shape")


@register
class Const(OpDef):
    """A value that is part of the graph."""

    type = "Const"

    def infer(self, op: Operation) -> Sequence[Spec]:
        value = op.attrs["value"]
        return (Spec(as_dtype(value.dtype), value.shape),)

    def known(self, op: Operation, inputs: Sequence[Tensor]) -> np.ndarray[Any, Any] | None:
        value: np.ndarray[Any, Any] = op.attrs["value"]
        return value

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.backend.from_host(k.op.attrs["value"])

    def sample(self, draw: Draw) -> Sample:
        return Sample((), {"value": np.zeros(draw.shape(), np.float32)})


@register
class Placeholder(OpDef):
    """A value that every run must be fed, or a body is given; ``ref`` for a variable itself."""

    type = "Placeholder"
    stateful = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.attrs["dtype"], op.attrs["shape"], op.attrs.get("ref", False)),)


@register
class PlaceholderWithDefault(OpDef):
    """A value that a run may be fed, else the input's."""

    type = "PlaceholderWithDefault"
    inputs = (ANY,)
    view = True
    # The static shape is what may be fed; the default must not be folded into it.
    stateful = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x = op.inputs[0]
        shape: Shape = op.attrs["shape"]
        if not shapes.compatible(x.dims, shape):
            raise ValueError(
                f"the default has shape {x.shape}, the placeholder {shapes.format_shape(shape)}"
            )
        return (Spec(x.dtype, shape),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return inputs[0]

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0],)

    def sample(self, draw: Draw) -> Sample:
        shape = draw.shape()
        return Sample((Input(shape),), {"shape": shape})


@register
class Identity(OpDef):
    """The input itself; reading a variable is this."""

    type = "Identity"
    inputs = (Arg("x", (*dtypes.ALL, dtypes.string, dtypes.variant)),)
    view = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[0].dtype, op.inputs[0].dims),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return inputs[0]

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0],)

    def forwards(self, op: Operation) -> Tensor | None:
        return op.inputs[0]

    def sample(self, draw: Draw) -> Sample:
        return Sample((Input(draw.shape()),))


@register
class StopGradient(Identity):
    """The input itself, taken for a constant by differentiation."""

    type = "StopGradient"
    differentiable = False


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
        return x.reshape(tuple(int(d) for d in shape))

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
class Transpose(OpDef):
    """The axes in the order ``perm``."""

    type = "Transpose"
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
        return k.xp.broadcast_to(inputs[0], tuple(int(d) for d in inputs[1]))

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
    inputs = (Arg("x", dtypes.NUMERIC), SHAPE)

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[0].dtype, static_shape(op.inputs[1])),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, target = inputs[0], tuple(int(d) for d in inputs[1])
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


@register
class Fill(OpDef):
    """A tensor of a shape, all of whose elements are one value."""

    type = "Fill"
    inputs = (SHAPE, Arg("value", dtypes.ALL))

    def infer(self, op: Operation) -> Sequence[Spec]:
        if op.inputs[1].dims not in (None, ()):
            raise ValueError(f"the value must be a scalar, not of shape {op.inputs[1].shape}")
        return (Spec(op.inputs[1].dtype, static_shape(op.inputs[0])),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        target, value = inputs
        result = k.xp.empty(tuple(int(d) for d in target), value.dtype)
        result[...] = value
        return result

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (None, apply("SumTo", grads[0], shape(op.inputs[1])))

    def sample(self, draw: Draw) -> Sample:
        value = np.array(draw.shape(), np.int32)
        return Sample((Input(value.shape, value=value, constant=True), Input(())))


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
        start = sum(int(p[axis]) for p in parts[:index])
        return x[(slice(None),) * axis + (slice(start, start + int(parts[index][axis])),)]

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        def rule() -> Tensor:
            parts = [
                grads[0] if i == op.attrs["index"] else apply("Fill", s, _zero(grads[0].dtype))
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
    inputs = (ANY, SHAPE)

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[0].dtype, static_shape(op.inputs[1])),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        dy, target = inputs
        result = k.xp.zeros(tuple(int(d) for d in target), dy.dtype)
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


# Helpers of gradient rules


def _same_shape(op: Operation) -> Tensor | None:
    """Return input 0 if its shape is known to be the output's."""
    x, y = op.inputs[0], op.outputs[0]
    return x if shapes.is_full(x.dims) and x.dims == y.dims else None


def _zero(dtype: DType) -> Tensor:
    return convert_to_tensor(0, dtype)


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

# As in TensorFlow, zeros and ones of more elements are filled in when the graph runs.
LARGEST_LITERAL = 1000


def constant(
    value: Any,
    dtype: Any = None,
    shape: Any = None,
    name: str = "Const",
    verify_shape: bool = False,
) -> Tensor:
    """Return a constant.

    Parameters
    ----------
    value : array_like
        Its value. Python floats become float32 and integers int32; arrays keep their type.
    dtype : DType, optional
        Its element type.
    shape : sequence of int, optional
        Its shape; a scalar or a shorter list fills it with its last element.
    name : str, default "Const"
        Its name.
    verify_shape : bool, default False
        Refuse a value of another shape instead of filling.

    Raises
    ------
    TypeError
        If the value cannot have that element type.
    ValueError
        If it has more elements than the shape, or is ragged.
    """
    tensor_dtype = None if dtype is None else as_dtype(dtype)
    if shape is None:
        return convert_to_tensor(value, tensor_dtype, name)
    from_value = np.asarray(value)
    target = tuple(int(d) for d in shapes.TensorShape(shape))
    count = math.prod(target)
    if from_value.size > count or (verify_shape and from_value.shape != target):
        raise ValueError(f"a value of shape {from_value.shape} does not suit shape {target}")
    flat = from_value.ravel()
    if flat.size < count:
        if flat.size == 0:
            raise ValueError(f"an empty value cannot fill shape {target}")
        flat = np.concatenate([flat, np.full(count - flat.size, flat[-1])])
    if not isinstance(value, np.ndarray) and tensor_dtype is None:
        tensor_dtype = convert_to_tensor(value).dtype
    return convert_to_tensor(flat.reshape(target), tensor_dtype, name)


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Tensor:
    """Return a tensor that must be fed in every run that uses it.

    Parameters
    ----------
    dtype : DType
        The element type of what will be fed.
    shape : sequence of (int or None), optional
        Its shape; None for a size that may vary, or in place of the whole.
    name : str, optional
        Its name; default ``"Placeholder"``.
    """
    attrs = {"dtype": as_dtype(dtype), "shape": shapes.as_shape(shape)}
    return get_default_graph().create_op("Placeholder", (), attrs, name).outputs[0]


def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """Return a tensor that has the value of `input` unless it is fed.

    Parameters
    ----------
    input : array_like or Tensor
        The default.
    shape : sequence of (int or None)
        What shapes may be fed.
    name : str, optional
        Its name.

    Raises
    ------
    ValueError
        If the default has another shape.
    """
    return apply("PlaceholderWithDefault", input, name=name, shape=shapes.as_shape(shape))


def identity(input: Any, name: str | None = None) -> Tensor:
    """Return a tensor of the same value."""
    return apply("Identity", input, name=name)


def stop_gradient(input: Any, name: str | None = None) -> Tensor:
    """Return a tensor of the same value, which `gradients` takes for a constant."""
    return apply("StopGradient", input, name=name)


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


def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    """Return a tensor of shape `dims`, every element of which is `value`."""
    return apply("Fill", dims, value, name=name)


def zeros(shape: Any, dtype: Any = dtypes.float32, name: str | None = "zeros") -> Tensor:
    """Return a tensor of zeros; `shape` may be a tensor."""
    return _filled(shape, 0, as_dtype(dtype), name)


def ones(shape: Any, dtype: Any = dtypes.float32, name: str | None = "ones") -> Tensor:
    """Return a tensor of ones; `shape` may be a tensor."""
    return _filled(shape, 1, as_dtype(dtype), name)


def _filled(shape: Any, value: int, dtype: DType, name: str | None) -> Tensor:
    if not isinstance(shape, Tensor) and not _has_tensors(shape):
        dims = tuple(int(d) for d in shapes.TensorShape(shape))
        if math.prod(dims) <= LARGEST_LITERAL:
            return convert_to_tensor(np.full(dims, value, dtype.np_dtype), name=name)
        shape = dims
    with get_default_graph().name_scope(name) as scope:
        return fill(shape, convert_to_tensor(np.array(value, dtype.np_dtype)), scope or None)


def _has_tensors(shape: Any) -> bool:
    return isinstance(shape, list | tuple) and any(isinstance(d, Tensor) for d in shape)


def zeros_like(tensor: Any, dtype: Any = None, name: str | None = "zeros_like") -> Tensor:
    """Return zeros of the shape of `tensor`, and of its element type unless `dtype` is given."""
    return _filled_like(tensor, 0, dtype, name)


def ones_like(tensor: Any, dtype: Any = None, name: str | None = "ones_like") -> Tensor:
    """Return ones of the shape of `tensor`, and of its element type unless `dtype` is given."""
    return _filled_like(tensor, 1, dtype, name)


def _filled_like(tensor: Any, value: int, dtype: Any, name: str | None) -> Tensor:
    like = convert_to_tensor(tensor)
    target = like.dtype if dtype is None else as_dtype(dtype)
    dims: Any = like.dims if shapes.is_full(like.dims) else shape(like)
    result = _filled(dims, value, target, name)
    result.set_shape(like.dims)
    return result


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
