"""Sums, means and extremes over segments: the rows of a tensor that bear the same number.

The numbers of the plain kind rise from row to row, and the last one says how many segments there
are. Those of the unsorted kind come in any order, and negative ones are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes, shapes
from tensorgraph.graph.defaults import apply, convert_to_tensor
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    DISTINCT,
    REAL,
    Arg,
    Domain,
    Draw,
    Gradients,
    Input,
    KernelContext,
    OpDef,
    Sample,
    Spec,
    elements,
    register,
)
from tensorgraph.graph.static import static_value
from tensorgraph.ops.array import reshape, shape
from tensorgraph.ops.gather import draw_integers
from tensorgraph.ops.math import cast, equal, greater_equal, maximum, where
from tensorgraph.ops.sources import ones_like, zeros_like

_INTEGERS = (dtypes.int32, dtypes.int64)
DATA = Arg("data", dtypes.NUMERIC)
IDS = Arg("segment_ids", _INTEGERS, group="segment_ids")
COUNT = Arg("num_segments", _INTEGERS, group="num_segments")


class _Segments(OpDef):
    """Rows joined by a ufunc; ``sorted`` ops take two inputs, unsorted ones the count as well."""

    domain: Domain = REAL

    def join(self, k: KernelContext) -> Any:
        """Return the ufunc that joins two rows."""
        raise NotImplementedError

    def neutral(self, k: KernelContext, dtype: Any) -> Any:
        """Return what does not change the other of two rows."""
        return 0

    def infer(self, op: Operation) -> Sequence[Spec]:
        data, ids = op.inputs[:2]
        if data.dims is None or ids.dims is None:
            return (Spec(data.dtype, None),)
        shapes.merge(ids.dims, data.dims[: len(ids.dims)])
        return (Spec(data.dtype, (self.count(op), *data.dims[len(ids.dims) :])),)

    def count(self, op: Operation) -> int | None:
        """Return the number of segments, where it is known."""
        raise NotImplementedError

    def flops(self, op: Operation) -> int:
        return elements(op.inputs[:1])

    def combine(self, k: KernelContext, data: Any, ids: Any, count: int) -> Any:
        """Return one row for each of `count` segments."""
        flat = ids.reshape(-1)
        rows = data.reshape(flat.size, *data.shape[ids.ndim :])
        # One row more, for those that belong to no segment: were they left out, only the device
        # would know how many there are.
        result = k.xp.full((count + 1, *rows.shape[1:]), self.neutral(k, data.dtype), data.dtype)
        self.join(k).at(result, k.xp.where((flat < 0) | (flat >= count), count, flat), rows)
        return result[:count]


class _Sorted(_Segments):
    inputs = (DATA, IDS)

    def infer(self, op: Operation) -> Sequence[Spec]:
        ids = op.inputs[1]
        if ids.dims is not None and len(ids.dims) != 1:
            raise ValueError(f"segment ids must be a vector, not of shape {ids.shape}")
        return super().infer(op)

    def count(self, op: Operation) -> int | None:
        ids = static_value(op.inputs[1])
        if ids is None:
            return None
        return int(ids[-1]) + 1 if ids.size else 0

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        data, ids = inputs
        # The number of segments is that of rows.
        known = k.host(1, ids)
        if known.size and (int(known[0]) < 0 or bool((known[1:] < known[:-1]).any())):
            raise ValueError("segment ids are not increasing: use the unsorted kind")
        count = int(known[-1]) + 1 if known.size else 0
        result = self.combine(k, data, ids, count)
        # Numbers that no row bears.
        absent = k.xp.ones(count, np.bool_)
        absent[ids] = False
        result[absent] = 0
        return result

    def sample(self, draw: Draw) -> Sample:
        dims = draw.shape(min_rank=1)
        # Known, so that the number of segments is.
        ids = draw_integers(draw, dims[:1], 4)
        ids.sort()
        return Sample((Input(dims, self.domain), Input(ids.shape, value=ids, constant=True)))


class _Unsorted(_Segments):
    inputs = (DATA, IDS, COUNT)

    def count(self, op: Operation) -> int | None:
        known = static_value(op.inputs[2])
        return None if known is None else int(known)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        data, ids, given = inputs
        count = int(k.host(2, given))
        if k.backend.immediate and ids.size and int(ids.max()) >= count:
            raise ValueError(f"segment id {int(ids.max())} is not in [0, {count})")
        return self.combine(k, data, ids, count)

    def sample(self, draw: Draw) -> Sample:
        dims = draw.shape(min_rank=1)
        ids = draw_integers(draw, dims[: draw.integer(1, len(dims))], 4) - 1
        # Each number occurs: an extreme of nothing is too large to compute with.
        count = min(3, ids.size)
        ids.flat[:count] = range(count)
        return Sample(
            (
                Input(dims, self.domain),
                Input(ids.shape, value=ids.clip(-1, count - 1).astype(np.int32)),
                Input((), value=np.array(count, np.int32), constant=True),
            )
        )


def _take(rows: Tensor, ids: Tensor) -> Tensor:
    """Return the row of each element's segment; 0 for those of none."""
    safe = maximum(ids, zeros_like(ids))
    taken = apply("GatherV2", rows, safe, axis=0, batch_dims=0)
    inside = greater_equal(ids, zeros_like(ids))
    return where(_broadcastable(inside, taken), taken, zeros_like(taken))


def _broadcastable(mask: Tensor, x: Tensor) -> Tensor:
    """Return a mask over leading axes with axes of size 1 behind, so that it suits `x`."""
    extra = apply("Sub", apply("Size", shape(x)), apply("Size", shape(mask)))
    ones = apply("Fill", apply("ExpandDims", extra, axes=(0,)), 1)
    result = reshape(mask, apply("ConcatV2", shape(mask), ones, axis=0))
    if mask.dims is not None and x.dims is not None:
        result.set_shape((*mask.dims, *(1,) * (len(x.dims) - len(mask.dims))))
    return result


class _SumRule:
    """The gradient of a sum: that of its segment, for each row."""

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (_take(grads[0], op.inputs[1]), *[None] * (len(op.inputs) - 1))


class _ExtremeRule:
    """The gradient of an extreme: rows that have it share it."""

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        data, ids, *count = op.inputs
        chosen = cast(equal(data, _take(op.outputs[0], ids)), data.dtype)
        kind = "UnsortedSegmentSum" if count else "SegmentSum"
        shared = grads[0] / maximum(apply(kind, chosen, ids, *count), ones_like(grads[0]))
        return (chosen * _take(shared, ids), *[None] * (1 + len(count)))


class _Add:
    def join(self, k: KernelContext) -> Any:
        return k.xp.add


class _Largest(_ExtremeRule):
    domain = DISTINCT

    def join(self, k: KernelContext) -> Any:
        return k.xp.maximum

    def neutral(self, k: KernelContext, dtype: Any) -> Any:
        return dtypes.as_dtype(dtype).min


class _Smallest(_ExtremeRule):
    domain = DISTINCT

    def join(self, k: KernelContext) -> Any:
        return k.xp.minimum

    def neutral(self, k: KernelContext, dtype: Any) -> Any:
        return dtypes.as_dtype(dtype).max


@register
class SegmentSum(_SumRule, _Add, _Sorted):
    """The sum of each segment, of numbers that rise."""

    type = "SegmentSum"


@register
class SegmentMax(_Largest, _Sorted):
    """The largest of each segment, of numbers that rise; 0 where there is none."""

    type = "SegmentMax"


@register
class SegmentMin(_Smallest, _Sorted):
    """The smallest of each segment, of numbers that rise; 0 where there is none."""

    type = "SegmentMin"


@register
class UnsortedSegmentSum(_SumRule, _Add, _Unsorted):
    """The sum of each segment."""

    type = "UnsortedSegmentSum"


@register
class UnsortedSegmentMax(_Largest, _Unsorted):
    """The largest of each segment; the least number of the type where there is none."""

    type = "UnsortedSegmentMax"


@register
class UnsortedSegmentMin(_Smallest, _Unsorted):
    """The smallest of each segment; the largest number of the type where there is none."""

    type = "UnsortedSegmentMin"


# The names users type


def segment_sum(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Return the sum of the rows of each segment.

    Parameters
    ----------
    data : Tensor
        Its rows are joined.
    segment_ids : vector of int32 or int64
        The number of each row's segment; they must rise. The last one says how many there are.
    name : str, optional
        Its name.

    Raises
    ------
    ValueError
        If the lengths differ.
    InvalidArgumentError
        When run, if the numbers do not rise.
    """
    return apply("SegmentSum", data, segment_ids, name=name)


def segment_max(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Return the largest of each segment, 0 where it is empty; parameters as in `segment_sum`."""
    return apply("SegmentMax", data, segment_ids, name=name)


def segment_min(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Return the smallest of each segment, 0 where it is empty; parameters as in `segment_sum`."""
    return apply("SegmentMin", data, segment_ids, name=name)


def segment_mean(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Return the mean of each segment, 0 where it is empty; parameters as in `segment_sum`."""
    x = convert_to_tensor(data)
    with x.graph.name_scope(name or "SegmentMean") as scope:
        total = segment_sum(x, segment_ids)
        count = segment_sum(ones_like(convert_to_tensor(segment_ids), x.dtype), segment_ids)
        return _divided(total, count, scope)


def unsorted_segment_sum(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """Return the sum of each segment, whose numbers come in any order.

    Parameters
    ----------
    data : Tensor
        What to sum.
    segment_ids : Tensor of int32 or int64
        The number of the segment, for each index along the first axes; negative ones are left
        out.
    num_segments : int or scalar Tensor
        How many segments there are.
    name : str, optional
        Its name.

    Raises
    ------
    ValueError
        If the shape of `segment_ids` does not begin that of `data`.
    InvalidArgumentError
        When run, if a number is too large.
    """
    return apply("UnsortedSegmentSum", data, segment_ids, num_segments, name=name)


def unsorted_segment_max(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """Return the largest of each segment; parameters as in `unsorted_segment_sum`."""
    return apply("UnsortedSegmentMax", data, segment_ids, num_segments, name=name)


def unsorted_segment_min(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """Return the smallest of each segment; parameters as in `unsorted_segment_sum`."""
    return apply("UnsortedSegmentMin", data, segment_ids, num_segments, name=name)


def unsorted_segment_mean(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """Return the mean of each segment, 0 where empty; parameters as in `unsorted_segment_sum`."""
    x = convert_to_tensor(data)
    ids = convert_to_tensor(segment_ids)
    with x.graph.name_scope(name or "UnsortedSegmentMean") as scope:
        total = unsorted_segment_sum(x, ids, num_segments)
        count = unsorted_segment_sum(ones_like(ids, x.dtype), ids, num_segments)
        return _divided(total, count, scope)


def _divided(total: Tensor, count: Tensor, scope: str) -> Tensor:
    share = _broadcastable(maximum(count, ones_like(count)), total)
    return apply("RealDiv", total, share, name=scope)
