"""Operations that take a tensor apart, repeat it, or put its elements in another order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes, shapes
from tensorgraph.graph.defaults import apply, apply_op, convert_to_tensor
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
from tensorgraph.graph.static import static_elements, static_int, static_ints, static_shape
from tensorgraph.ops.array import ANY, SHAPE, shape
from tensorgraph.ops.blocks import concat
from tensorgraph.ops.sources import zeros_like

MULTIPLES = Arg("multiples", (dtypes.int32, dtypes.int64), group="multiples", host=True)


def _present(op: Operation, grads: Sequence[Any]) -> list[Tensor]:
    """Return the gradients of all outputs, zeros for those that nothing depends on."""
    return [zeros_like(t) if g is None else g for t, g in zip(op.outputs, grads, strict=True)]


@register
class Unpack(OpDef):
    """The ``num`` parts along an axis, without it."""

    type = "Unpack"
    inputs = (ANY,)
    view = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, num = op.inputs[0], op.attrs["num"]
        dims = None
        if x.dims is not None:
            axis = shapes.normalize_axis(op.attrs["axis"], len(x.dims))
            if x.dims[axis] not in (num, None):
                raise ValueError(f"axis {axis} of {x.shape} cannot be unstacked into {num} parts")
            dims = (*x.dims[:axis], *x.dims[axis + 1 :])
        return [Spec(x.dtype, dims)] * num

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, num = inputs[0], k.op.attrs["num"]
        parts = k.xp.moveaxis(x, k.op.attrs["axis"], 0)
        if len(parts) != num:
            raise ValueError(f"{len(parts)} parts along the axis, where {num} were expected")
        return tuple(parts[i, ...] for i in range(num)) if num != 1 else parts[0, ...]

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (apply("Pack", *_present(op, grads), axis=op.attrs["axis"]),)

    def sample(self, draw: Draw) -> Sample:
        dims = draw.shape(min_rank=1, low=1)
        axis = draw.integer(-len(dims), len(dims) - 1)
        return Sample((Input(dims),), {"axis": axis, "num": dims[axis]})


@register
class Split(OpDef):
    """The parts of ``sizes`` along an axis."""

    type = "Split"
    inputs = (ANY,)
    view = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, sizes = op.inputs[0], op.attrs["sizes"]
        if x.dims is None:
            return [Spec(x.dtype, None)] * len(sizes)
        axis = shapes.normalize_axis(op.attrs["axis"], len(x.dims))
        whole = x.dims[axis]
        if whole is not None and None not in sizes and sum(sizes) != whole:
            raise ValueError(f"axis {axis} of {x.shape} cannot be split into parts of {sizes}")
        before, after = x.dims[:axis], x.dims[axis + 1 :]
        known = _resolved(sizes, whole)
        return [Spec(x.dtype, (*before, s, *after)) for s in known]

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x = inputs[0]
        axis = k.op.attrs["axis"] % x.ndim
        sizes = _resolved(k.op.attrs["sizes"], x.shape[axis])
        lead = (slice(None),) * axis
        parts, start = [], 0
        for size in sizes:
            assert size is not None
            parts.append(x[(*lead, slice(start, start + size))])
            start += size
        if start != x.shape[axis]:
            raise ValueError(f"axis {axis} of {x.shape} cannot be split into parts of {sizes}")
        return tuple(parts) if len(parts) != 1 else parts[0]

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (concat(_present(op, grads), op.attrs["axis"]),)

    def sample(self, draw: Draw) -> Sample:
        dims = draw.shape(min_rank=1)
        axis = draw.integer(0, len(dims) - 1)
        sizes = [draw.size() for _ in range(draw.integer(1, 3))]
        whole = (*dims[:axis], sum(sizes), *dims[axis + 1 :])
        attrs = {"axis": axis - draw.choice([0, len(dims)]), "sizes": tuple(sizes)}
        return Sample((Input(whole),), attrs)


def _resolved(sizes: Sequence[int | None], whole: int | None) -> list[int | None]:
    """Return the sizes, those that are None computed from the whole."""
    missing = [i for i, s in enumerate(sizes) if s is None]
    if not missing or whole is None:
        return list(sizes)
    rest, over = divmod(whole - sum(s for s in sizes if s is not None), len(missing))
    if over or rest < 0:
        raise ValueError(f"{whole} elements cannot be split into parts of {tuple(sizes)}")
    return [rest if s is None else s for s in sizes]


@register
class Tile(OpDef):
    """The tensor repeated along each axis as often as the second input says."""

    type = "Tile"
    formula = "{x} repeated"
    inputs = (ANY, MULTIPLES)

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, multiples = op.inputs
        times = static_elements(multiples)
        if times is None or x.dims is None:
            dims = x.dims if times is None else times
            return (Spec(x.dtype, None if dims is None else (None,) * len(dims)),)
        if len(times) != len(x.dims):
            raise ValueError(f"{len(times)} multiples for a tensor of rank {len(x.dims)}")
        if any(m is not None and m < 0 for m in times):
            raise ValueError(f"multiples must not be negative: {times}")
        pairs = zip(x.dims, times, strict=True)
        sizes = (None if d is None or m is None else d * m for d, m in pairs)
        return (Spec(x.dtype, tuple(sizes)),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, times = inputs
        return k.xp.tile(x, k.sizes(1, times))

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        result = apply("TileGrad", grads[0], op.inputs[1], shape(op.inputs[0]))
        result.set_shape(op.inputs[0].dims)
        return (result, None)

    def sample(self, draw: Draw) -> Sample:
        dims, times = _draw_tile(draw)
        return Sample((Input(dims), Input(times.shape, value=times, constant=True)))


@register
class TileGrad(OpDef):
    """The sum of the copies that `Tile` made of a tensor of the shape that stands last."""

    type = "TileGrad"
    inputs = (Arg("dy", dtypes.NUMERIC), MULTIPLES, SHAPE)

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[0].dtype, static_shape(op.inputs[2])),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        dy, times, target = inputs
        pairs = zip(k.sizes(1, times), k.sizes(2, target), strict=True)
        layout = [n for pair in pairs for n in pair]
        return dy.reshape(layout).sum(tuple(range(0, 2 * dy.ndim, 2)), dtype=dy.dtype)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (apply("Tile", grads[0], op.inputs[1]), None, None)

    def sample(self, draw: Draw) -> Sample:
        dims, times = _draw_tile(draw)
        tiled = tuple(int(d * m) for d, m in zip(dims, times, strict=True))
        target = np.array(dims, np.int32)
        known = [Input(v.shape, value=v, constant=True) for v in (times, target)]
        return Sample((Input(tiled), *known))


def _draw_tile(draw: Draw) -> tuple[tuple[int, ...], Any]:
    dims = draw.shape()
    return dims, np.array([draw.integer(0, 3) for _ in dims], np.int32)


@register
class Reverse(OpDef):
    """The elements along ``axes`` in reverse order."""

    type = "ReverseV2"
    inputs = (ANY,)
    view = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x = op.inputs[0]
        if x.dims is not None:
            shapes.normalize_axes(op.attrs["axes"], len(x.dims))
        return (Spec(x.dtype, x.dims),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.xp.flip(inputs[0], k.op.attrs["axes"])

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (apply("ReverseV2", grads[0], **op.attrs),)

    def sample(self, draw: Draw) -> Sample:
        dims = draw.shape()
        axes = tuple(i - draw.choice([0, len(dims)]) for i in range(len(dims)) if draw.boolean())
        return Sample((Input(dims),), {"axes": axes})


@register
class ReverseSequence(OpDef):
    """The first ``seq_lengths[b]`` elements of each sequence b in reverse order."""

    type = "ReverseSequence"
    inputs = (ANY, Arg("seq_lengths", (dtypes.int32, dtypes.int64), group="lengths"))

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, lengths = op.inputs
        if x.dims is not None:
            axes = op.attrs["seq_axis"], op.attrs["batch_axis"]
            _, batch = (shapes.normalize_axis(a, len(x.dims)) for a in axes)
            shapes.merge(lengths.dims, (x.dims[batch],))
        return (Spec(x.dtype, x.dims),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, lengths = inputs
        sequence, batch = (k.op.attrs[a] % x.ndim for a in ("seq_axis", "batch_axis"))
        steps = k.xp.arange(x.shape[sequence])[None, :]
        ends = lengths[:, None]
        outside = (lengths < 0) | (lengths > x.shape[sequence])
        if k.backend.immediate and bool(outside.any()):
            raise ValueError(f"sequence lengths must lie in [0, {x.shape[sequence]}]")
        order = k.xp.where(steps < ends, ends - 1 - steps, steps)
        view = k.xp.moveaxis(x, (batch, sequence), (0, 1))
        rows = k.xp.arange(len(lengths))[:, None]
        return k.xp.moveaxis(view[rows, order], (0, 1), (batch, sequence))

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (apply("ReverseSequence", grads[0], op.inputs[1], **op.attrs), None)

    def sample(self, draw: Draw) -> Sample:
        dims = draw.shape(min_rank=2)
        batch, sequence = draw.choice([(0, 1), (1, 0)])
        lengths = np.array([draw.integer(0, dims[sequence]) for _ in range(dims[batch])], np.int32)
        attrs = {"seq_axis": sequence, "batch_axis": batch}
        return Sample((Input(dims), Input(lengths.shape, value=lengths)), attrs)


@register
class Roll(OpDef):
    """The elements moved by ``shift`` along ``axis``; what falls off the end comes in again."""

    type = "Roll"
    inputs = (ANY,)

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, shift, axis = op.inputs[0], op.attrs["shift"], op.attrs["axis"]
        if len(shift) != len(axis):
            raise ValueError(f"shift {shift} and axis {axis} must have the same length")
        if x.dims is not None:
            for a in axis:
                shapes.normalize_axis(a, len(x.dims))
        return (Spec(x.dtype, x.dims),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.xp.roll(inputs[0], k.op.attrs["shift"], k.op.attrs["axis"])

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        back = tuple(-s for s in op.attrs["shift"])
        return (apply("Roll", grads[0], shift=back, axis=op.attrs["axis"]),)

    def sample(self, draw: Draw) -> Sample:
        dims = draw.shape(min_rank=1)
        axis = tuple(draw.integer(-len(dims), len(dims) - 1) for _ in range(draw.integer(1, 2)))
        shift = tuple(draw.integer(-4, 4) for _ in axis)
        return Sample((Input(dims),), {"shift": shift, "axis": axis})


# The names users type


def unstack(
    value: Any, num: int | None = None, axis: int = 0, name: str = "unstack"
) -> list[Tensor]:
    """Return the parts of a tensor along an axis, without it.

    Parameters
    ----------
    value : Tensor
        What to take apart.
    num : int, optional
        How many parts; by default the size of the axis, which must then be known.
    axis : int, default 0
        Along which axis.
    name : str, default "unstack"
        Its name.

    Raises
    ------
    ValueError
        If there is no such axis, or its size is not known or not `num`.
    """
    x = convert_to_tensor(value)
    if num is None:
        if x.dims is None:
            raise ValueError(f"cannot infer num: the rank of {x.name!r} is not known")
        num = x.dims[shapes.normalize_axis(axis, len(x.dims))]
        if num is None:
            raise ValueError(f"cannot infer num: axis {axis} of {x.shape} is not known")
    return list(apply_op("Unpack", x, name=name, num=int(num), axis=int(axis)).outputs)


def split(
    value: Any,
    num_or_size_splits: Any,
    axis: Any = 0,
    num: int | None = None,
    name: str = "split",
) -> list[Tensor]:
    """Return the parts of a tensor along an axis.

    Parameters
    ----------
    value : Tensor
        What to take apart.
    num_or_size_splits : int or sequence of int
        How many equal parts, or the size of each; one size may be -1.
    axis : int, default 0
        Along which axis.
    num : int, optional
        The number of sizes; not needed.
    name : str, default "split"
        Its name.

    Raises
    ------
    ValueError
        If the sizes do not add up to that of the axis.
    """
    del num
    x = convert_to_tensor(value)
    if isinstance(num_or_size_splits, int | np.integer):
        if num_or_size_splits < 1:
            raise ValueError(f"a tensor can be split into 1 part or more, not {num_or_size_splits}")
        sizes: tuple[int | None, ...] = (None,) * int(num_or_size_splits)
    else:
        given = static_ints(num_or_size_splits, "the sizes of a split")
        sizes = tuple(None if s == -1 else s for s in given)
        if sizes.count(None) > 1:
            raise ValueError(f"only one size may be -1: {given}")
    place = static_int(axis, "the axis of a split")
    return list(apply_op("Split", x, name=name, axis=place, sizes=sizes).outputs)


def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    """Return the tensor repeated along each axis.

    Parameters
    ----------
    input : Tensor
        What to repeat.
    multiples : sequence of int, or Tensor of int32 or int64
        How often, for each axis.
    name : str, optional
        Its name.

    Raises
    ------
    ValueError
        If there is not one number for each axis.
    """
    return apply("Tile", input, multiples, name=name)


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Tensor:
    """Return the elements along the axes `axis` (a list) in reverse order."""
    axes = static_ints(axis, "the axes to reverse")
    return apply("ReverseV2", tensor, name=name or "ReverseV2", axes=axes)


def reverse_sequence(
    input: Any,
    seq_lengths: Any,
    seq_axis: int | None = None,
    batch_axis: int | None = None,
    name: str | None = None,
    seq_dim: int | None = None,
    batch_dim: int | None = None,
) -> Tensor:
    """Return sequences of which the first elements stand in reverse order.

    Parameters
    ----------
    input : Tensor
        The sequences.
    seq_lengths : vector of int32 or int64
        How many elements of each to reverse.
    seq_axis : int
        The axis along the sequences; ``seq_dim`` is its older name.
    batch_axis : int, default 0
        The axis from sequence to sequence; ``batch_dim`` is its older name.
    name : str, optional
        Its name.
    seq_dim, batch_dim : int, optional
        The older names.

    Raises
    ------
    ValueError
        If the axes do not exist, or the number of lengths is wrong.
    """
    along = seq_axis if seq_dim is None else seq_dim
    if along is None:
        raise ValueError("reverse_sequence needs seq_axis")
    batch = batch_axis if batch_dim is None else batch_dim
    attrs = {"seq_axis": int(along), "batch_axis": int(batch or 0)}
    return apply("ReverseSequence", input, seq_lengths, name=name, **attrs)


def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Tensor:
    """Return the elements moved along axes; what falls off the end comes in again at the start.

    Parameters
    ----------
    input : Tensor
        What to roll.
    shift, axis : int or sequence of int
        How far to the end, and along which axis, as often as there are numbers.
    name : str, optional
        Its name.

    Raises
    ------
    ValueError
        If there are not as many shifts as axes, or an axis does not exist.
    """
    attrs = {"shift": static_ints(shift, "the shift"), "axis": static_ints(axis, "the axis")}
    return apply("Roll", input, name=name, **attrs)
