"""Order: sorting, the largest k, distinct values, permutations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.dtypes import as_dtype
from tensorgraph.graph.defaults import apply, apply_op, convert_to_tensor
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    DISTINCT,
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
from tensorgraph.graph.static import static_int, static_shape, static_value
from tensorgraph.ops.array import SHAPE, shape
from tensorgraph.ops.gather import draw_integers
from tensorgraph.ops.sources import zeros_like

NUMBERS = Arg("x", dtypes.NUMERIC)
PLACES = Arg("indices", (dtypes.int32, dtypes.int64), group="indices")


def _order(k: KernelContext, x: Any, axis: int, descending: bool) -> Any:
    """Return the places in order; among equals the first comes first."""
    if not descending:
        return k.xp.argsort(x, axis, kind="stable")
    # Backwards twice: so that equal elements keep their order.
    backwards = k.xp.argsort(k.xp.flip(x, axis), axis, kind="stable")
    return x.shape[axis] - 1 - k.xp.flip(backwards, axis)


@register
class ArgSort(OpDef):
    """The places of the elements along ``axis`` in order of their values."""

    type = "ArgSort"
    inputs = (NUMBERS,)
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        x = op.inputs[0]
        if x.dims is not None:
            shapes.normalize_axis(op.attrs["axis"], len(x.dims))
        return (Spec(dtypes.int32, x.dims),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        attrs = k.op.attrs
        return _order(k, inputs[0], attrs["axis"], attrs["descending"]).astype(np.int32)

    def sample(self, draw: Draw) -> Sample:
        dims = draw.shape(min_rank=1)
        attrs = {"axis": draw.integer(-len(dims), len(dims) - 1), "descending": draw.boolean()}
        return Sample((Input(dims, DISTINCT),), attrs)


@register
class TakeAlongAxis(OpDef):
    """The elements at places along ``axis``, which are given for each vector by itself."""

    type = "TakeAlongAxis"
    inputs = (NUMBERS, PLACES)

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, indices = op.inputs
        if x.dims is not None:
            axis = shapes.normalize_axis(op.attrs["axis"], len(x.dims))
            shapes.merge(indices.dims, (*x.dims[:axis], None, *x.dims[axis + 1 :]))
        return (Spec(x.dtype, indices.dims),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.xp.take_along_axis(*inputs, k.op.attrs["axis"])

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        x, indices = op.inputs
        result = apply("TakeAlongAxisGrad", grads[0], indices, shape(x), **op.attrs)
        result.set_shape(x.dims)
        return (result, None)

    def sample(self, draw: Draw) -> Sample:
        dims, indices, attrs = _draw_places(draw)
        return Sample((Input(dims), Input(indices.shape, value=indices)), attrs)


@register
class TakeAlongAxisGrad(OpDef):
    """Zeros of a shape, with each element added where `TakeAlongAxis` took it from."""

    type = "TakeAlongAxisGrad"
    inputs = (Arg("dy", dtypes.NUMERIC), PLACES, SHAPE)

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[0].dtype, static_shape(op.inputs[2])),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        dy, indices, target = inputs
        result = k.xp.zeros(k.sizes(2, target), dy.dtype)
        axis = k.op.attrs["axis"] % result.ndim
        index: list[Any] = [
            k.xp.arange(n).reshape((-1,) + (1,) * (result.ndim - i - 1))
            for i, n in enumerate(indices.shape)
        ]
        index[axis] = indices
        k.xp.add.at(result, tuple(index), dy)
        return result

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (apply("TakeAlongAxis", grads[0], op.inputs[1], **op.attrs), None, None)

    def sample(self, draw: Draw) -> Sample:
        dims, indices, attrs = _draw_places(draw)
        target = Input((len(dims),), value=np.array(dims, np.int32), constant=True)
        places = Input(indices.shape, value=indices)
        return Sample((Input(indices.shape), places, target), attrs)


def _draw_places(draw: Draw) -> tuple[tuple[int, ...], Any, dict[str, Any]]:
    dims = draw.shape(min_rank=1, low=1)
    axis = draw.integer(-len(dims), len(dims) - 1)
    place = axis % len(dims)
    indices = draw_integers(draw, (*dims[:place], draw.size(), *dims[place + 1 :]), dims[place])
    return dims, indices, {"axis": axis}


@register
class TopK(OpDef):
    """The ``k`` largest along the last axis, and their places; the first among equals."""

    type = "TopKV2"
    inputs = (NUMBERS,)

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, k = op.inputs[0], op.attrs["k"]
        if x.dims is None:
            return (Spec(x.dtype, None), Spec(dtypes.int32, None))
        if not x.dims or (x.dims[-1] is not None and x.dims[-1] < k):
            raise ValueError(f"the input must have at least k = {k} columns, but is {x.shape}")
        dims = (*x.dims[:-1], k)
        return (Spec(x.dtype, dims), Spec(dtypes.int32, dims))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x = inputs[0]
        if x.shape[-1] < k.op.attrs["k"]:
            raise ValueError(f"the input must have at least k = {k.op.attrs['k']} columns")
        places = _order(k, x, -1, True)[..., : k.op.attrs["k"]]
        return k.xp.take_along_axis(x, places, -1), places.astype(np.int32)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        x, places = op.inputs[0], op.outputs[1]
        dy = zeros_like(op.outputs[0]) if grads[0] is None else grads[0]
        result = apply("TakeAlongAxisGrad", dy, places, shape(x), axis=-1)
        result.set_shape(x.dims)
        return (result,)

    def sample(self, draw: Draw) -> Sample:
        dims = draw.shape(min_rank=1)
        return Sample((Input(dims, DISTINCT),), {"k": draw.integer(0, dims[-1])})


@register
class InTopK(OpDef):
    """Whether the prediction of the target class is among the ``k`` largest of its row."""

    type = "InTopK"
    inputs = (
        Arg("predictions", (dtypes.float32, dtypes.float64)),
        Arg("targets", (dtypes.int32, dtypes.int64), group="targets"),
    )
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        predictions, targets = op.inputs
        if predictions.dims is not None and len(predictions.dims) != 2:
            raise ValueError(f"predictions must be a matrix, not of shape {predictions.shape}")
        rows = None if predictions.dims is None else predictions.dims[:1]
        return (Spec(dtypes.bool_, shapes.merge(shapes.merge((None,), targets.dims), rows)),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        predictions, targets = inputs
        classes = predictions.shape[1]
        known = (targets >= 0) & (targets < classes)
        safe = k.xp.where(known, targets, 0)
        if not classes:
            return known
        mine = k.xp.take_along_axis(predictions, safe[:, None], 1)
        larger = (predictions > mine).sum(1)
        # As in TensorFlow, a row that is not finite has no largest.
        return known & (larger < k.op.attrs["k"]) & k.xp.isfinite(predictions).all(1)

    def sample(self, draw: Draw) -> Sample:
        rows, classes = draw.size(), draw.integer(1, 4)
        targets = draw_integers(draw, (rows,), classes)
        given = (Input((rows, classes), DISTINCT), Input((rows,), value=targets))
        return Sample(given, {"k": draw.integer(1, 3)})


@register
class Unique(OpDef):
    """The distinct elements in the order in which they come, each one's number, and the counts."""

    type = "UniqueWithCounts"
    inputs = (NUMBERS,)
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        x, index = op.inputs[0], op.attrs["out_idx"]
        if x.dims is not None and len(x.dims) != 1:
            raise ValueError(f"unique expects a vector, not a tensor of shape {x.shape}")
        known = static_value(x)
        count = None if known is None else len(set(known.tolist()))
        places = (None,) if x.dims is None else x.dims
        return (Spec(x.dtype, (count,)), Spec(index, places), Spec(index, (count,)))

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        values, first, numbers, counts = k.xp.unique(
            inputs[0], return_index=True, return_inverse=True, return_counts=True
        )
        # From the order of values to that of coming.
        order = k.xp.argsort(first)
        index = k.op.attrs["out_idx"].np_dtype
        rank = k.xp.argsort(order).astype(index)
        return values[order], rank[numbers.reshape(-1)], counts[order].astype(index)

    def sample(self, draw: Draw) -> Sample:
        value = draw_integers(draw, (draw.size(),), 3)
        given = Input(value.shape, value=value, constant=True)
        return Sample((given,), {"out_idx": draw.choice([dtypes.int32, dtypes.int64])})


@register
class InvertPermutation(OpDef):
    """The permutation that undoes the input."""

    type = "InvertPermutation"
    inputs = (Arg("x", (dtypes.int32, dtypes.int64)),)
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        x = op.inputs[0]
        return (Spec(x.dtype, shapes.merge(x.dims, (None,))),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x = inputs[0]
        places = k.xp.arange(x.size, dtype=x.dtype)
        if k.backend.immediate and not bool((k.xp.sort(x) == places).all()):
            raise ValueError(f"this is no permutation of 0 … {x.size - 1}")
        result = k.xp.empty_like(x)
        result[x] = places
        return result

    def sample(self, draw: Draw) -> Sample:
        places = list(range(draw.size()))
        order = [places.pop(draw.integer(0, len(places) - 1)) for _ in range(len(places))]
        value = np.array(order, np.int32)
        return Sample((Input(value.shape, value=value),))


# The names users type


class TopKResult(NamedTuple):
    """What `top_k` returns."""

    values: Tensor
    indices: Tensor


def _descending(direction: str) -> bool:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(f"direction must be 'ASCENDING' or 'DESCENDING', not {direction!r}")
    return direction == "DESCENDING"


def argsort(
    values: Any,
    axis: Any = -1,
    direction: str = "ASCENDING",
    stable: bool = False,
    name: str | None = None,
) -> Tensor:
    """Return the places of the elements along an axis in order of their values, as int32.

    Parameters
    ----------
    values : Tensor
        What to order.
    axis : int, default -1
        Along which axis.
    direction : str, default "ASCENDING"
        Or ``"DESCENDING"``.
    stable : bool
        Accepted for TensorFlow's sake: equal elements always keep their order.
    name : str, default "argsort"
        Its name.

    Raises
    ------
    ValueError
        If there is no such axis or direction.
    """
    del stable
    attrs = {"axis": static_int(axis, "the axis"), "descending": _descending(direction)}
    return apply("ArgSort", values, name=name or "argsort", **attrs)


def sort(
    values: Any, axis: Any = -1, direction: str = "ASCENDING", name: str | None = None
) -> Tensor:
    """Return the elements along an axis in order; parameters as in `argsort`."""
    x = convert_to_tensor(values)
    with x.graph.name_scope(name or "sort") as scope:
        order = argsort(x, axis, direction)
        place = static_int(axis, "the axis")
        return apply("TakeAlongAxis", x, order, name=scope, axis=place)


def top_k(input: Any, k: Any = 1, sorted: bool = True, name: str | None = None) -> TopKResult:
    """Return the `k` largest elements along the last axis, and their places, as int32.

    Parameters
    ----------
    input : Tensor
        Where to look.
    k : int, default 1
        How many.
    sorted : bool
        Accepted for TensorFlow's sake: the largest always comes first.
    name : str, optional
        Its name.

    Raises
    ------
    ValueError
        If the axis has fewer elements.
    """
    del sorted
    outputs = apply_op("TopKV2", input, name=name, k=static_int(k, "k")).outputs
    return TopKResult(*outputs)


def in_top_k(predictions: Any, targets: Any, k: Any, name: str | None = None) -> Tensor:
    """Return for each row whether the prediction of its target is among the `k` largest.

    Parameters
    ----------
    predictions : Tensor of shape (batch, classes)
        The predictions.
    targets : Tensor of shape (batch,)
        Class numbers.
    k : int
        How many count; classes that tie with the last of them do too.
    name : str, optional
        Its name.
    """
    return apply("InTopK", predictions, targets, name=name, k=static_int(k, "k"))


def unique(x: Any, out_idx: Any = dtypes.int32, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Return the distinct elements of a vector in the order of coming, and each one's number.

    Parameters
    ----------
    x : vector
        The elements.
    out_idx : DType, default int32
        Element type of the numbers, int32 or int64.
    name : str, default "Unique"
        Its name.
    """
    return unique_with_counts(x, out_idx, name or "Unique")[:2]


def unique_with_counts(
    x: Any, out_idx: Any = dtypes.int32, name: str | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return what `unique` does, and how often each element occurs."""
    op = apply_op("UniqueWithCounts", x, name=name, out_idx=as_dtype(out_idx))
    y, idx, count = op.outputs
    return y, idx, count


def invert_permutation(x: Any, name: str | None = None) -> Tensor:
    """Return the permutation that undoes `x`, a vector of 0 … n-1 in any order."""
    return apply("InvertPermutation", x, name=name)
