"""Operations that make one number of many: sums, means, extremes and their places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.dtypes import as_dtype
from tensorgraph.base.shapes import num_elements
from tensorgraph.graph.defaults import apply, convert_to_tensor
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    DISTINCT,
    REAL,
    Arg,
    Blockwise,
    Domain,
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
from tensorgraph.graph.static import static_ints
from tensorgraph.ops.array import broadcast_to, shape
from tensorgraph.ops.math import cast, equal
from tensorgraph.ops.products import inner_product


class Reduction(OpDef):
    """An op that reduces ``axes`` (None: all); with ``keepdims`` they stay with size 1."""

    inputs = (Arg("x", dtypes.NUMERIC),)
    uses_out = True
    domain: Domain = REAL
    least = 0  # the smallest size that can be reduced

    def infer(self, op: Operation) -> Sequence[Spec]:
        x = op.inputs[0]
        return (Spec(x.dtype, shapes.reduce(x.dims, op.attrs["axes"], op.attrs["keepdims"])),)

    def flops(self, op: Operation) -> int:
        return elements(op.inputs)

    def formula_of(self, op: Operation) -> str:
        axes = op.attrs["axes"]
        if axes is None:
            return self.formula
        noun = "axis" if len(axes) == 1 else "axes"
        return f"{self.formula} over {noun} {', '.join(map(str, axes))}"

    def sample(self, draw: Draw) -> Sample:
        dims = draw.shape(low=self.least)
        axes = draw.choice([None, *[(i,) for i in range(-len(dims), len(dims))], ()])
        if len(dims) > 1 and draw.boolean():
            axes = (0, len(dims) - 1)
        return Sample((Input(dims, self.domain),), {"axes": axes, "keepdims": draw.boolean()})


def _spread(reduced: Tensor, op: Operation) -> Tensor:
    """Return a reduced tensor stretched over the axes that were reduced."""
    x, axes = op.inputs[0], op.attrs["axes"]
    if not op.attrs["keepdims"] and axes:
        reduced = apply("ExpandDims", reduced, axes=axes)
    target: Any = x.dims if shapes.is_full(x.dims) else shape(x)
    result = broadcast_to(reduced, target)
    result.set_shape(x.dims)
    return result


@register
class Sum(Reduction):
    """The sum."""

    type = "Sum"
    formula = "Σ {x}"

    def blockwise(self, op: Operation) -> Blockwise | None:
        over_rows = tuple(op.attrs["axes"] or ()) == (0,) and not op.attrs["keepdims"]
        rank = len(op.inputs[0].dims or ())
        return Blockwise((Role.ROWS,), (Role.SUM,)) if over_rows and rank > 1 else None

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, axes, keepdims = inputs[0], k.op.attrs["axes"], k.op.attrs["keepdims"]
        if not _are_rows(x, axes):
            return x.sum(axes, dtype=x.dtype, out=k.out, keepdims=keepdims)
        rest = x.shape[len(axes) :]
        out = k.out
        if out is None:
            out = k.xp.empty((1,) * len(axes) * keepdims + rest, x.dtype)
        rows = x.reshape(math.prod(x.shape[: len(axes)]), math.prod(rest))
        # A product with ones is up to ten times as fast as a sum over the first axis.
        ones = k.scratch("ones", rows.shape[:1], x.dtype, 1)
        inner_product(k.xp, ones, rows, out.reshape(rows.shape[1]))
        return out

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (_spread(grads[0], op),)


def _are_rows(x: Any, axes: Sequence[int] | None) -> bool:
    """Return whether `axes` are the first ones, but not all, of numbers that BLAS adds."""
    return (
        bool(axes)
        and x.dtype in (np.float32, np.float64)
        and x.flags.c_contiguous
        and sorted(axis % x.ndim for axis in axes or ()) == list(range(len(axes or ())))
        and len(axes or ()) < x.ndim
    )


@register
class Mean(Reduction):
    """The mean; that of no elements is NaN, and integers are cut towards zero."""

    type = "Mean"
    formula = "mean({x})"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x, attrs = inputs[0], k.op.attrs
        total = x.sum(attrs["axes"], dtype=x.dtype, keepdims=attrs["keepdims"])
        count = x.size // total.size if total.size else 1
        if k.out is None:
            return k.xp.asarray(total / total.dtype.type(count), total.dtype)
        return k.xp.true_divide(total, count, out=k.out, casting="unsafe")

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        x, y = op.inputs[0], op.outputs[0]
        before, after = num_elements(x.dims), num_elements(y.dims)
        if before is not None and after:
            return (_spread(grads[0] * (after / before if before else 0.0), op),)
        count = cast(_size(x), x.dtype) / cast(_size(y), x.dtype)
        return (_spread(grads[0] / count, op),)


class _Extreme(Reduction):
    """The largest or smallest element; equal ones share the gradient."""

    domain = DISTINCT
    least = 1

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        x = op.inputs[0]
        chosen = cast(equal(x, _spread(op.outputs[0], op)), x.dtype)
        count = apply("Sum", chosen, **op.attrs)
        return (chosen * _spread(grads[0] / count, op),)


@register
class Max(_Extreme):
    """The largest element."""

    type = "Max"
    formula = "max({x})"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        attrs = k.op.attrs
        return inputs[0].max(attrs["axes"], out=k.out, keepdims=attrs["keepdims"])


@register
class Min(_Extreme):
    """The smallest element."""

    type = "Min"
    formula = "min({x})"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        attrs = k.op.attrs
        return inputs[0].min(attrs["axes"], out=k.out, keepdims=attrs["keepdims"])


class _Vote(Reduction):
    """A question about bools, answered over axes."""

    inputs = (Arg("x", (dtypes.bool_,)),)
    differentiable = False

    def sample(self, draw: Draw) -> Sample:
        drawn = super().sample(draw)
        return Sample((Input(drawn.inputs[0].shape, dtype=dtypes.bool_),), drawn.attrs)


@register
class All(_Vote):
    """Whether all hold; so it is of none."""

    type = "All"
    formula = "all({x})"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        attrs = k.op.attrs
        return inputs[0].all(attrs["axes"], out=k.out, keepdims=attrs["keepdims"])


@register
class AnyOf(_Vote):
    """Whether at least one holds; none does of none."""

    type = "Any"
    formula = "any({x})"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        attrs = k.op.attrs
        return inputs[0].any(attrs["axes"], out=k.out, keepdims=attrs["keepdims"])


class _Place(OpDef):
    """The place of an extreme along one axis; the first among equals."""

    inputs = (Arg("x", dtypes.NUMERIC),)
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        x = op.inputs[0]
        if x.dims is not None:
            axis = shapes.normalize_axis(op.attrs["axis"], len(x.dims))
            if x.dims[axis] == 0:
                raise ValueError(f"axis {axis} of {x.shape} is empty: it has no extreme")
        dims = shapes.reduce(x.dims, op.attrs["axis"], keepdims=False)
        return (Spec(op.attrs["output_type"], dims),)

    def sample(self, draw: Draw) -> Sample:
        dims = draw.shape(min_rank=1, low=1)
        axis = draw.integer(-len(dims), len(dims) - 1)
        return Sample((Input(dims, DISTINCT),), {"axis": axis, "output_type": dtypes.int64})


@register
class ArgMax(_Place):
    """The place of the largest element."""

    type = "ArgMax"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        place = inputs[0].argmax(k.op.attrs["axis"])
        return place.astype(k.op.attrs["output_type"].np_dtype)


@register
class ArgMin(_Place):
    """The place of the smallest element."""

    type = "ArgMin"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        place = inputs[0].argmin(k.op.attrs["axis"])
        return place.astype(k.op.attrs["output_type"].np_dtype)


@register
class Size(OpDef):
    """How many elements the input has."""

    type = "Size"
    inputs = (Arg("x", dtypes.ALL),)
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(dtypes.int32, ()),)

    def known(self, op: Operation, inputs: Sequence[Tensor]) -> np.ndarray[Any, Any] | None:
        count = num_elements(inputs[0].dims)
        return None if count is None else np.asarray(count, np.int32)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.xp.asarray(inputs[0].size, np.int32)

    def sample(self, draw: Draw) -> Sample:
        return Sample((Input(draw.shape()),))


def _size(x: Tensor) -> Tensor:
    return apply("Size", x)


def reduction_axes(axis: Any) -> tuple[int, ...] | None:
    """Return the axes that a user gave as an int, a list, or None for all."""
    return None if axis is None else static_ints(axis, "the axes of a reduction")


def _reduce(
    op_type: str, x: Any, axis: Any, keepdims: bool | None, name: str | None, old: dict[str, Any]
) -> Tensor:
    """Make a reduction; `old` holds the names that these arguments had before TensorFlow 1.5."""
    axis = old.pop("reduction_indices", axis)
    keepdims = old.pop("keep_dims", keepdims)
    if old:
        raise TypeError(f"unknown arguments: {', '.join(old)}")
    attrs = {"axes": reduction_axes(axis), "keepdims": bool(keepdims)}
    return apply(op_type, convert_to_tensor(x), name=name, **attrs)


def reduce_sum(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    **old: Any,
) -> Tensor:
    """Return the sum over `axis`.

    Parameters
    ----------
    input_tensor : Tensor
        What to sum.
    axis : int or sequence of int, optional
        Which axes; default all. The older name ``reduction_indices`` is understood.
    keepdims : bool, default False
        Keep them with size 1. The older name ``keep_dims`` is understood.
    name : str, optional
        Its name.
    **old
        The older names.

    Raises
    ------
    ValueError
        If there is no such axis.
    """
    return _reduce("Sum", input_tensor, axis, keepdims, name, old)


def reduce_mean(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    **old: Any,
) -> Tensor:
    """Return the mean over `axis`, NaN where there is nothing; parameters as in `reduce_sum`."""
    return _reduce("Mean", input_tensor, axis, keepdims, name, old)


def reduce_max(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    **old: Any,
) -> Tensor:
    """Return the largest element over `axis`; parameters as in `reduce_sum`."""
    return _reduce("Max", input_tensor, axis, keepdims, name, old)


def reduce_min(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    **old: Any,
) -> Tensor:
    """Return the smallest element over `axis`; parameters as in `reduce_sum`."""
    return _reduce("Min", input_tensor, axis, keepdims, name, old)


def reduce_prod(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    **old: Any,
) -> Tensor:
    """Return the product over `axis`; parameters as in `reduce_sum`."""
    return _reduce("Prod", input_tensor, axis, keepdims, name, old)


def reduce_all(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    **old: Any,
) -> Tensor:
    """Return whether all hold over `axis`; parameters as in `reduce_sum`."""
    return _reduce("All", input_tensor, axis, keepdims, name, old)


def reduce_any(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    **old: Any,
) -> Tensor:
    """Return whether at least one holds over `axis`; parameters as in `reduce_sum`."""
    return _reduce("Any", input_tensor, axis, keepdims, name, old)


def argmax(
    input: Any,
    axis: int | None = None,
    name: str | None = None,
    dimension: int | None = None,
    output_type: Any = dtypes.int64,
) -> Tensor:
    """Return the place of the largest element along an axis.

    Parameters
    ----------
    input : Tensor
        Where to look.
    axis : int, default 0
        Along which axis; ``dimension`` is its older name.
    name : str, optional
        Its name.
    dimension : int, optional
        The older name of `axis`.
    output_type : DType, default int64
        Element type of the result.

    Raises
    ------
    ValueError
        If there is no such axis, or it is empty.
    """
    return _place("ArgMax", input, axis, dimension, output_type, name)


def argmin(
    input: Any,
    axis: int | None = None,
    name: str | None = None,
    dimension: int | None = None,
    output_type: Any = dtypes.int64,
) -> Tensor:
    """Return the place of the smallest element along an axis; parameters as in `argmax`."""
    return _place("ArgMin", input, axis, dimension, output_type, name)


def _place(
    op_type: str,
    x: Any,
    axis: int | None,
    dimension: int | None,
    output_type: Any,
    name: str | None,
) -> Tensor:
    along = axis if dimension is None else dimension
    attrs = {"axis": 0 if along is None else int(along), "output_type": as_dtype(output_type)}
    return apply(op_type, x, name=name, **attrs)


def size(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Tensor:
    """Return how many elements the tensor has when the graph runs, as an `out_type`."""
    x = convert_to_tensor(input)
    with x.graph.name_scope(name or "Size") as scope:
        target = as_dtype(out_type)
        if target is dtypes.int32:
            return apply("Size", x, name=scope)
        return apply("Cast", apply("Size", x), name=scope, dtype=target)
