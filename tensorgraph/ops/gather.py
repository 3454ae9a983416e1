"""Elements by their places: gather and scatter, one-hot vectors, masks, segments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.dtypes import as_dtype
from tensorgraph.graph.defaults import apply, convert_to_tensor
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
from tensorgraph.graph.static import static_int, static_shape, static_value
from tensorgraph.ops.array import ANY, shape

_INTEGERS = (dtypes.int32, dtypes.int64)
INDICES = Arg("indices", _INTEGERS, group="indices")
TARGET = Arg("shape", _INTEGERS, group="target")


def check_indices(k: KernelContext, indices: Any, size: int) -> None:
    """Raise ValueError where an index does not lie in ``[0, size)``, where that is seen at once."""
    if not k.backend.immediate or indices.size == 0:
        return
    low, high = int(indices.min()), int(indices.max())
    if not 0 <= low <= high < size:
        wrong = low if low < 0 else high
        raise ValueError(f"index {wrong} is not in [0, {size})")


def sum_rows(k: KernelContext, indices: Any, rows: Any) -> tuple[Any, Any]:
    """Return the places that some rows belong to, each once, and the sum of the rows for it.

    Sorted by their places, the rows of one place are neighbours: that is many times faster than to
    add them one by one.
    """
    order = k.xp.argsort(indices, kind="stable")
    places = indices[order]
    first = k.xp.ones(len(places), np.bool_)
    k.xp.not_equal(places[1:], places[:-1], out=first[1:])
    starts = k.xp.flatnonzero(first)
    if len(starts) == len(places):
        return indices, rows
    return places[starts], k.xp.add.reduceat(rows[order], starts, 0, dtype=rows.dtype)


def _gather_layout(k: KernelContext, params: Any, indices: Any) -> tuple[Any, Any]:
    """Return a view of `params` with the gathered axis after the batch axes, and the index."""
    op, xp = k.op, k.xp
    axis, batch = op.attrs["axis"] % params.ndim, op.attrs["batch_dims"]
    mesh = [
        xp.arange(n).reshape((n,) + (1,) * (indices.ndim - i - 1))
        for i, n in enumerate(indices.shape[:batch])
    ]
    check_indices(k, indices, params.shape[axis])
    return xp.moveaxis(params, axis, batch), (*mesh, indices)


def _gather_order(op: Operation, rank: int, indices_rank: int) -> tuple[list[int], list[int]]:
    """Return which axes of an indexed result must move where, so that `indices` replace ``axis``.

    Indexing puts them after the batch axes; those between these and ``axis`` belong before them.
    """
    axis, batch = op.attrs["axis"] % rank, op.attrs["batch_dims"]
    between = axis - batch
    return list(range(indices_rank, indices_rank + between)), list(range(batch, axis))


@register
class Gather(OpDef):
    """The parts of the first input along ``axis`` at the places that the second gives."""

    type = "GatherV2"
    formula = "{params}[{indices}]"
    inputs = (Arg("params", dtypes.ALL), INDICES)

    def infer(self, op: Operation) -> Sequence[Spec]:
        params, indices = op.inputs
        batch = op.attrs["batch_dims"]
        if params.dims is None or indices.dims is None:
            return (Spec(params.dtype, None),)
        axis = shapes.normalize_axis(op.attrs["axis"], len(params.dims))
        if not 0 <= batch <= min(axis, len(indices.dims)):
            raise ValueError(f"batch_dims {batch} must not be larger than axis {axis}")
        lead = shapes.merge(params.dims[:batch], indices.dims[:batch]) or ()
        middle = (*params.dims[batch:axis], *indices.dims[batch:])
        return (Spec(params.dtype, (*lead, *middle, *params.dims[axis + 1 :])),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        params, indices = inputs
        view, index = _gather_layout(k, params, indices)
        order = _gather_order(k.op, params.ndim, indices.ndim)
        return k.xp.moveaxis(k.xp.asarray(view[index]), *order)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        params, indices = op.inputs
        result = apply("GatherGrad", grads[0], indices, shape(params), **op.attrs)
        result.set_shape(params.dims)
        return (result, None)

    def sample(self, draw: Draw) -> Sample:
        params, indices, attrs, _ = _draw_gather(draw)
        return Sample((Input(params), Input(indices.shape, value=indices)), attrs)


@register
class GatherGrad(OpDef):
    """Zeros of a shape, with each part added where `Gather` took it from."""

    type = "GatherGrad"
    formula = "Σ {dy} at the places {indices}, else 0"
    inputs = (Arg("dy", dtypes.NUMERIC), INDICES, TARGET)

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[0].dtype, static_shape(op.inputs[2])),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        dy, indices, target = inputs
        result = k.xp.zeros(k.sizes(2, target), dy.dtype)
        if indices.size and k.op.attrs["axis"] == k.op.attrs["batch_dims"] == 0:
            check_indices(k, indices, len(result))
            rows = dy.reshape(indices.size, *result.shape[1:])
            places, total = sum_rows(k, indices.reshape(-1), rows)
            result[places] = total
            return result
        view, index = _gather_layout(k, result, indices)
        there, here = _gather_order(k.op, result.ndim, indices.ndim)
        # The same place may occur twice, so that an assignment would not do.
        k.xp.add.at(view, index, k.xp.moveaxis(dy, here, there))
        return result

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (apply("GatherV2", grads[0], op.inputs[1], **op.attrs), None, None)

    def sample(self, draw: Draw) -> Sample:
        params, indices, attrs, result = _draw_gather(draw)
        target = Input((len(params),), value=np.array(params, np.int32), constant=True)
        return Sample((Input(result), Input(indices.shape, value=indices), target), attrs)


def _draw_gather(draw: Draw) -> tuple[tuple[int, ...], Any, dict[str, Any], tuple[int, ...]]:
    """Return the shape of `params`, indices, attributes and the shape of the result."""
    params = draw.shape(min_rank=1, low=1)
    axis = draw.integer(0, len(params) - 1)
    batch = draw.integer(0, axis)
    inner = draw.shape(max_rank=2)
    indices = draw_integers(draw, (*params[:batch], *inner), params[axis])
    result = (*params[:axis], *inner, *params[axis + 1 :])
    given = draw.choice([axis, axis - len(params)])
    return params, indices, {"axis": given, "batch_dims": batch}, result


def draw_integers(draw: Draw, dims: tuple[int, ...], below: int) -> Any:
    """Return an int32 array of integers in ``[0, below)``."""
    result = np.zeros(dims, np.int32)
    for i in range(result.size):
        result.flat[i] = draw.integer(0, below - 1)
    return result


def _nd_index(k: KernelContext, indices: Any, dims: Sequence[int]) -> tuple[Any, ...]:
    """Return the columns of an array of places as an index, checked."""
    if indices.shape[-1] > len(dims):
        raise ValueError(
            f"indices with {indices.shape[-1]} columns do not suit a tensor of rank {len(dims)}"
        )
    index = tuple(indices[..., i] for i in range(indices.shape[-1]))
    for part, size in zip(index, dims, strict=False):
        check_indices(k, part, size)
    return index


@register
class GatherNd(OpDef):
    """The parts at the places that the rows of the second input name, for the first axes."""

    type = "GatherNd"
    inputs = (Arg("params", dtypes.ALL), INDICES)

    def infer(self, op: Operation) -> Sequence[Spec]:
        params, indices = op.inputs
        if indices.dims == ():
            raise ValueError("indices must have at least one axis, the last of which names a place")
        if params.dims is None or indices.dims is None or indices.dims[-1] is None:
            return (Spec(params.dtype, None),)
        depth = indices.dims[-1]
        if depth > len(params.dims):
            raise ValueError(
                f"indices of shape {indices.shape} name {depth} axes of {params.shape}"
            )
        return (Spec(params.dtype, (*indices.dims[:-1], *params.dims[depth:])),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        params, indices = inputs
        index = _nd_index(k, indices, params.shape)
        if not index:
            return k.xp.broadcast_to(params, (*indices.shape[:-1], *params.shape)).copy()
        return k.xp.asarray(params[index])

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        params, indices = op.inputs
        result = apply("ScatterNd", indices, grads[0], shape(params))
        result.set_shape(params.dims)
        return (result, None)

    def sample(self, draw: Draw) -> Sample:
        params, indices, _ = _draw_nd(draw)
        return Sample((Input(params), Input(indices.shape, value=indices)))


@register
class ScatterNd(OpDef):
    """Zeros of a shape, with parts added at the places that the rows of the first input name."""

    type = "ScatterNd"
    inputs = (INDICES, Arg("updates", dtypes.NUMERIC), TARGET)

    def infer(self, op: Operation) -> Sequence[Spec]:
        indices, updates, target = op.inputs
        dims = static_shape(target)
        if dims is not None and indices.dims and indices.dims[-1] is not None:
            depth = indices.dims[-1]
            if depth > len(dims):
                raise ValueError(
                    f"indices of shape {indices.shape} name {depth} axes of"
                    f" {shapes.format_shape(dims)}"
                )
            wanted = (*indices.dims[:-1], *dims[depth:])
            if not shapes.compatible(updates.dims, wanted):
                raise ValueError(
                    f"updates must have shape {shapes.format_shape(wanted)}, not {updates.shape}"
                )
        return (Spec(updates.dtype, dims),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        indices, updates, target = inputs
        result = k.xp.zeros(k.sizes(2, target), updates.dtype)
        index = _nd_index(k, indices, result.shape)
        if index:
            k.xp.add.at(result, index, updates)
            return result
        # Without columns each row names the whole tensor.
        return updates.sum(tuple(range(indices.ndim - 1)), dtype=updates.dtype).reshape(
            result.shape
        )

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (None, apply("GatherNd", grads[0], op.inputs[0]), None)

    def sample(self, draw: Draw) -> Sample:
        params, indices, result = _draw_nd(draw)
        target = Input((len(params),), value=np.array(params, np.int32), constant=True)
        return Sample((Input(indices.shape, value=indices), Input(result), target))


def _draw_nd(draw: Draw) -> tuple[tuple[int, ...], Any, tuple[int, ...]]:
    """Return the shape of `params`, indices, and the shape of the result."""
    params = draw.shape(min_rank=1, low=1)
    depth = draw.integer(0, len(params))
    lead = draw.shape(max_rank=2)
    columns = [draw_integers(draw, (*lead, 1), d) for d in params[:depth]]
    indices = np.concatenate([np.zeros((*lead, 0), np.int32), *columns], -1)
    return params, indices, (*lead, *params[depth:])


@register
class OneHot(OpDef):
    """Vectors that have one value at the place given, and another elsewhere.

    Inputs are the places, the length of the vectors, and both values.
    """

    type = "OneHot"
    formula = "one_hot({indices})"
    inputs = (
        Arg("indices", (dtypes.int32, dtypes.int64, dtypes.uint8), group="indices"),
        Arg("depth", (dtypes.int32,), group="depth"),
        Arg("on_value", dtypes.ALL),
        Arg("off_value", dtypes.ALL),
    )
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        indices, depth, on, _ = op.inputs
        if depth.dims not in (None, ()):
            raise ValueError(f"the depth must be a scalar, not of shape {depth.shape}")
        if indices.dims is None:
            return (Spec(on.dtype, None),)
        known = static_value(depth)
        size = None if known is None else int(known)
        if size is not None and size < 0:
            raise ValueError(f"the depth must not be negative: {size}")
        axis = shapes.normalize_axis(op.attrs["axis"], len(indices.dims) + 1)
        return (Spec(on.dtype, (*indices.dims[:axis], size, *indices.dims[axis:])),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        indices, depth, on, off = inputs
        rank = indices.ndim + 1
        axis = k.op.attrs["axis"] % rank
        places = k.xp.arange(int(k.host(1, depth))).reshape((-1,) + (1,) * (rank - 1 - axis))
        return k.xp.where(k.xp.expand_dims(indices, axis) == places, on, off)

    def sample(self, draw: Draw) -> Sample:
        dims, depth = draw.shape(max_rank=2), draw.integer(0, 4)
        # A place outside, -1, makes a vector of nothing but the other value.
        places = draw_integers(draw, dims, depth + 1) - 1
        return Sample(
            (
                Input(dims, value=places.astype(np.int32)),
                Input((), value=np.array(depth, np.int32), constant=True),
                Input(()),
                Input(()),
            ),
            {"axis": draw.integer(-1, len(dims))},
        )


@register
class Where(OpDef):
    """The places at which the input is not 0, a row each, in row-major order."""

    type = "Where"
    inputs = (ANY,)
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        x = op.inputs[0]
        known = static_value(x)
        count = None if known is None else int((known != 0).sum())
        return (Spec(dtypes.int64, (count, None if x.dims is None else len(x.dims))),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.xp.argwhere(inputs[0]).astype(np.int64, copy=False)

    def sample(self, draw: Draw) -> Sample:
        # Known, so that the sweeps can tell how many places there are.
        value = draw_integers(draw, draw.shape(), 2).astype(np.bool_)
        return Sample((Input(value.shape, value=value, constant=True),))


# The names users type


def gather(
    params: Any,
    indices: Any,
    validate_indices: bool | None = None,
    name: str | None = None,
    axis: Any = None,
    batch_dims: int = 0,
) -> Tensor:
    """Return the parts of a tensor along an axis at some places.

    Parameters
    ----------
    params : Tensor
        Where to take from.
    indices : Tensor of int32 or int64
        The places, in any shape, which stands in the result instead of the axis.
    validate_indices : bool, optional
        Accepted for TensorFlow's sake; they are always checked.
    name : str, default "GatherV2"
        Its name.
    axis : int, default `batch_dims`
        Along which axis.
    batch_dims : int, default 0
        How many leading axes `params` and `indices` have in common.

    Raises
    ------
    ValueError
        If the axes do not exist.
    InvalidArgumentError
        When run, if a place lies outside.
    """
    del validate_indices
    along = batch_dims if axis is None else static_int(axis, "the axis of gather")
    source = convert_to_tensor(params)
    batch = int(batch_dims)
    return apply("GatherV2", source, indices, name=name or "GatherV2", axis=along, batch_dims=batch)


def gather_nd(params: Any, indices: Any, name: str | None = None, batch_dims: int = 0) -> Tensor:
    """Return the parts of a tensor at places that are named by more than one number.

    Parameters
    ----------
    params : Tensor
        Where to take from.
    indices : Tensor of int32 or int64, of shape (…, k)
        Each row names a place along the first k axes.
    name : str, optional
        Its name.
    batch_dims : int, default 0
        Only 0.

    Raises
    ------
    ValueError
        If a row is longer than the tensor's rank, or `batch_dims` is not 0.
    InvalidArgumentError
        When run, if a place lies outside.
    """
    if batch_dims:
        raise ValueError("gather_nd knows no batch_dims: name the batch in the indices")
    return apply("GatherNd", params, indices, name=name)


def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Tensor:
    """Return zeros with parts added at some places; those of equal places add up.

    Parameters
    ----------
    indices : Tensor of int32 or int64, of shape (…, k)
        Each row names a place along the first k axes.
    updates : Tensor
        The parts.
    shape : sequence of int, or Tensor
        The shape of the result.
    name : str, optional
        Its name.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    InvalidArgumentError
        When run, if a place lies outside.
    """
    return apply("ScatterNd", indices, updates, shape, name=name)


def one_hot(
    indices: Any,
    depth: Any,
    on_value: Any = None,
    off_value: Any = None,
    axis: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """Return vectors that are 1 at the place given and 0 elsewhere.

    Parameters
    ----------
    indices : Tensor of integers
        The places; one outside makes a vector of zeros.
    depth : int or scalar Tensor
        The length of the vectors.
    on_value, off_value : scalar, optional
        Other values than 1 and 0.
    axis : int, default -1
        Where the vectors lie in the result.
    dtype : DType, optional
        Element type; default is that of the values, else float32.
    name : str, default "one_hot"
        Its name.

    Raises
    ------
    TypeError
        If the values are not of type `dtype`.
    """
    given = next((v for v in (on_value, off_value) if v is not None), None)
    if dtype is not None:
        kind = as_dtype(dtype)
    else:
        kind = dtypes.float32 if given is None else convert_to_tensor(given).dtype
    on = convert_to_tensor(kind.as_numpy_dtype(1) if on_value is None else on_value, kind)
    off = convert_to_tensor(kind.as_numpy_dtype(0) if off_value is None else off_value, kind)
    place = -1 if axis is None else int(axis)
    return apply("OneHot", indices, depth, on, off, name=name or "one_hot", axis=place)
