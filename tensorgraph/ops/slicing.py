"""Parts of a tensor by ranges: what ``tensor[...]`` makes, `strided_slice` and `slice`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes
from tensorgraph.base.shapes import format_shape
from tensorgraph.graph.defaults import apply, convert_to_tensor
from tensorgraph.graph.indexing import MASKS
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
from tensorgraph.graph.static import static_elements, static_shape, static_value
from tensorgraph.ops.array import ANY, shape
from tensorgraph.ops.blocks import slice_ as static_slice
from tensorgraph.ops.math import where

_INDEX = (dtypes.int32, dtypes.int64)
# Each may be of its own integer type, for they come from different places.
BOUNDS = tuple(Arg(name, _INDEX, group="", host=True) for name in ("begin", "end", "strides"))


def _places(attrs: dict[str, Any], *bounds: Sequence[int | None]) -> list[Any]:
    """Return an index as NumPy takes it; what is not known is None inside of a list.

    A range is a list [begin, end, step] while not all of it is known, so that it can be told from
    a `slice`.
    """
    entries: list[Any] = []
    for i, (begin, end, step) in enumerate(zip(*bounds, strict=True)):
        begin_mask, end_mask, ellipsis, new_axis, shrink = (attrs[m] >> i & 1 for m in MASKS)
        if ellipsis:
            entries.append(Ellipsis)
        elif new_axis:
            entries.append(None)
        elif shrink:
            entries.append([begin] if begin is None else begin)
        else:
            if step == 0:
                raise ValueError(f"strides[{i}] must not be 0")
            known = step is not None and (begin_mask or begin is not None)
            known = known and (end_mask or end is not None)
            range_ = slice(None if begin_mask else begin, None if end_mask else end, step)
            entries.append(range_ if known else [range_])
    return entries


def _sliced_shape(dims: tuple[int | None, ...], entries: Sequence[Any]) -> tuple[int | None, ...]:
    """Return the shape of ``x[entries]``, as far as it is known."""
    taken = sum(entry is not None and entry is not Ellipsis for entry in entries)
    if taken > len(dims):
        raise ValueError(f"{taken} indices are too many for a tensor of shape {format_shape(dims)}")
    result: list[int | None] = []
    axis = 0
    for entry in entries:
        if entry is Ellipsis:
            result.extend(dims[axis : axis + len(dims) - taken])
            axis += len(dims) - taken
            continue
        if entry is None:
            result.append(1)
            continue
        size = dims[axis]
        if isinstance(entry, int) and size is not None and not -size <= entry < size:
            raise ValueError(
                f"slice index {entry} of dimension {axis} is out of bounds of {format_shape(dims)}"
            )
        if isinstance(entry, slice):
            result.append(None if size is None else len(range(*entry.indices(size))))
        elif isinstance(entry, list) and isinstance(entry[0], slice):
            result.append(None)
        axis += 1
    return (*result, *dims[axis:])


def _index(k: KernelContext, bounds: Sequence[Any], sizes: Sequence[int]) -> tuple[Any, ...]:
    """Return the index of a kernel, whose inputs from the second on are the bounds."""
    entries = tuple(_places(k.op.attrs, *(k.host(i, b).tolist() for i, b in enumerate(bounds, 1))))
    # Checks single places, and counts them: NumPy does the same in other words.
    _sliced_shape(tuple(sizes), entries)
    if k.op.attrs["exact"]:
        for axis, (entry, size) in enumerate(zip(entries, sizes, strict=True)):
            if not 0 <= entry.start <= entry.stop <= size:
                raise ValueError(
                    f"begin {entry.start} and end {entry.stop} lie outside of axis {axis} of size"
                    f" {size}"
                )
    return entries


def _draw_index(draw: Draw, dims: Sequence[int]) -> tuple[list[Input], dict[str, Any]]:
    """Return begin, end and strides for a tensor of that shape, and the masks."""
    bounds: list[list[int]] = [[], [], []]
    masks = dict.fromkeys(MASKS, 0)
    axis = 0
    has_ellipsis = False
    while axis < len(dims):
        size = dims[axis]
        bit = 1 << len(bounds[0])
        kinds = ["range"]
        kinds += ["place"] if size else []
        kinds += ["new_axis"] if len(bounds[0]) < 4 else []
        # After an ellipsis the entries must go on to the last axis.
        kinds += [] if has_ellipsis else ["stop", "ellipsis"]
        kind = draw.choice(kinds)
        if kind == "stop":
            break
        entry = (0, 0, 1)
        if kind == "ellipsis":
            has_ellipsis = True
            axis = draw.integer(axis, len(dims))
            masks["ellipsis_mask"] |= bit
        elif kind == "new_axis":
            masks["new_axis_mask"] |= bit
        elif kind == "place":
            begin = draw.integer(-size, size - 1)
            entry = (begin, begin + 1, 1)
            masks["shrink_axis_mask"] |= bit
            axis += 1
        else:
            reach = size + 1
            step = draw.choice([1, -1, 2, -2])
            entry = (draw.integer(-reach, reach), draw.integer(-reach, reach), step)
            masks["begin_mask"] |= bit * draw.integer(0, 1)
            masks["end_mask"] |= bit * draw.integer(0, 1)
            axis += 1
        for bound, number in zip(bounds, entry, strict=True):
            bound.append(number)
    inputs = [Input((len(b),), value=np.array(b, np.int32), constant=True) for b in bounds]
    return inputs, {**masks, "exact": False}


@register
class StridedSlice(OpDef):
    """The part of a tensor from begin to end by strides; masks as in TensorFlow.

    With ``exact`` the range must lie inside of the tensor; else it is cut, as in Python.
    """

    type = "StridedSlice"
    formula = "part of {x}"
    inputs = (ANY, *BOUNDS)
    view = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        x = op.inputs[0]
        bounds = [static_elements(t) for t in op.inputs[1:]]
        lengths = {len(b) for b in bounds if b is not None}
        if len(lengths) > 1:
            raise ValueError("begin, end and strides must have the same length")
        if x.dims is None or not lengths:
            return (Spec(x.dtype, None),)
        unknown = (None,) * lengths.pop()
        entries = _places(op.attrs, *(unknown if b is None else b for b in bounds))
        return (Spec(x.dtype, _sliced_shape(x.dims, entries)),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return inputs[0][_index(k, inputs[1:], inputs[0].shape)]

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        x, *bounds = op.inputs
        result = apply("StridedSliceGrad", shape(x), *bounds, grads[0], **op.attrs)
        result.set_shape(x.dims)
        return (result, None, None, None)

    def sample(self, draw: Draw) -> Sample:
        dims = draw.shape()
        bounds, attrs = _draw_index(draw, dims)
        return Sample((Input(dims), *bounds), attrs)


@register
class StridedSliceGrad(OpDef):
    """Zeros of a shape, with the last input put where `StridedSlice` takes from."""

    type = "StridedSliceGrad"
    formula = "{dy} in its place, else 0"
    inputs = (Arg("shape", _INDEX, group=""), *BOUNDS, Arg("dy", dtypes.ALL))

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[4].dtype, static_shape(op.inputs[0])),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        target, *bounds, dy = inputs
        result = k.xp.zeros(k.sizes(0, target), dy.dtype)
        result[_index(k, bounds, result.shape)] = dy
        return result

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (
            None,
            None,
            None,
            None,
            apply("StridedSlice", grads[0], *op.inputs[1:4], **op.attrs),
        )

    def sample(self, draw: Draw) -> Sample:
        dims = draw.shape()
        bounds, attrs = _draw_index(draw, dims)
        entries = _places(attrs, *([int(v) for v in b.value] for b in bounds))
        target = Input((len(dims),), value=np.array(dims, np.int32), constant=True)
        dy = Input(tuple(d or 0 for d in _sliced_shape(dims, entries)))
        return Sample((target, *bounds, dy), attrs)


# The names users type


def strided_slice(
    input_: Any,
    begin: Any,
    end: Any,
    strides: Any = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    var: Any = None,
    name: str | None = None,
) -> Tensor:
    """Return what ``tensor[...]`` does, spelt out by bounds and masks.

    Parameters
    ----------
    input_ : Tensor
        Where to cut from.
    begin, end, strides : sequence of int, or Tensor of int32 or int64
        First place, place after the last, and step, for each entry of the index; negative places
        count from the end. The steps are 1 by default.
    begin_mask, end_mask : int
        Bit i: entry i has no begin, or no end.
    ellipsis_mask, new_axis_mask, shrink_axis_mask : int
        Bit i: entry i is an ellipsis, a new axis, or a single place whose axis goes.
    var : Variable, optional
        Accepted for TensorFlow's sake.
    name : str, optional
        Its name.

    Raises
    ------
    ValueError
        If there are more entries than axes, a step is 0, or a single place lies outside.
    """
    del var
    begin = convert_to_tensor(begin)
    steps = _ones(begin) if strides is None else strides
    masks = (begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    attrs = dict(zip(MASKS, masks, strict=True))
    return apply("StridedSlice", input_, begin, end, steps, name=name, exact=False, **attrs)


def _ones(begin: Tensor) -> Any:
    if begin.dims is None or begin.dims[0] is None:
        raise ValueError("without strides the number of entries of begin must be known")
    return [1] * begin.dims[0]


def slice_(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """Return a block of a tensor.

    Parameters
    ----------
    input_ : Tensor
        Where to cut from.
    begin : sequence of int, or Tensor of int32 or int64
        The first element along each axis.
    size : sequence of int, or Tensor of int32 or int64
        How many elements along each axis; -1 takes the rest.
    name : str, optional
        Its name.

    Raises
    ------
    ValueError
        If the block lies outside; InvalidArgumentError where that is known only when it runs.
    """
    x, start, count = (convert_to_tensor(v) for v in (input_, begin, size))
    known = static_value(start), static_value(count)
    if known[0] is not None and known[1] is not None:
        return static_slice(x, known[0].tolist(), known[1].tolist(), name)
    with x.graph.name_scope(name or "Slice") as scope:
        count = apply("Cast", count, dtype=start.dtype)
        rest = shape(x, out_type=start.dtype)
        end = where(count < 0, rest, start + count)
        result = apply(
            "StridedSlice", x, start, end, apply("Fill", shape(start), 1), name=scope,
            exact=True, **dict.fromkeys(MASKS, 0),
        )  # fmt: skip
    result.set_shape(static_shape(count))
    return result
