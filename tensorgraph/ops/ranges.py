"""Sequences of numbers, and what is made of them: identity matrices, grids, masks by length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes
from tensorgraph.base.dtypes import as_dtype
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
from tensorgraph.graph.static import static_value
from tensorgraph.ops.array import ANY, broadcast_to, expand_dims, reshape, shape
from tensorgraph.ops.blocks import concat
from tensorgraph.ops.math import cast, equal, less
from tensorgraph.ops.reduction import reduce_max, reduce_sum


@register
class Range(OpDef):
    """The numbers from start on by steps of delta, as long as they stay before limit."""

    type = "Range"
    inputs = tuple(Arg(name, dtypes.NUMERIC, host=True) for name in ("start", "limit", "delta"))
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        values = [static_value(t) for t in op.inputs]
        for t in op.inputs:
            if t.dims not in (None, ()):
                raise ValueError(f"{t.name} must be a scalar, not of shape {t.shape}")
        known = [v.item() for v in values if v is not None]
        size = _range_size(*known) if len(known) == len(values) else None
        return (Spec(op.inputs[0].dtype, (size,)),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        start, limit, delta = (k.host(i, x).item() for i, x in enumerate(inputs))
        dtype = inputs[0].dtype
        steps = k.xp.arange(_range_size(start, limit, delta), dtype=dtype)
        return steps * dtype.type(delta) + dtype.type(start)

    def sample(self, draw: Draw) -> Sample:
        delta = draw.choice([1, -1, 2, 3])
        values = (draw.integer(-4, 4), draw.integer(-4, 4), delta)
        return Sample(tuple(Input((), value=np.array(v, np.int32), constant=True) for v in values))


def _range_size(start: float, limit: float, delta: float) -> int:
    if delta == 0:
        raise ValueError("a range needs a step other than 0")
    return max(math.ceil((limit - start) / delta), 0)


@register
class LinSpace(OpDef):
    """As many numbers as the third input says, evenly from the first to the second."""

    type = "LinSpace"
    inputs = (
        Arg("start"),
        Arg("stop"),
        Arg("num", (dtypes.int32, dtypes.int64), group="num", host=True),
    )

    def infer(self, op: Operation) -> Sequence[Spec]:
        num = static_value(op.inputs[2])
        if num is not None and num < 1:
            raise ValueError(f"linspace needs one number or more, not {int(num)}")
        return (Spec(op.inputs[0].dtype, (None if num is None else int(num),)),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        start, stop, _ = inputs
        num = int(k.host(2, inputs[2]))
        if num < 1:
            raise ValueError(f"linspace needs one number or more, not {num}")
        return k.xp.linspace(start, stop, num, dtype=start.dtype)

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        # Each number is start (1 - w) + stop w, with weights that are evenly spaced themselves.
        (dy,), num = grads, op.inputs[2]
        zero, one = (convert_to_tensor(v, dy.dtype) for v in (0.0, 1.0))
        to_stop = apply("LinSpace", zero, one, num)
        return (reduce_sum(dy * (1.0 - to_stop)), reduce_sum(dy * to_stop), None)

    def sample(self, draw: Draw) -> Sample:
        num = np.array(draw.integer(1, 4), np.int32)
        return Sample((Input(()), Input(()), Input((), value=num, constant=True)))


@register
class Rank(OpDef):
    """How many axes the input has."""

    type = "Rank"
    inputs = (ANY,)
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(dtypes.int32, ()),)

    def known(self, op: Operation, inputs: Sequence[Tensor]) -> np.ndarray[Any, Any] | None:
        dims = inputs[0].dims
        return None if dims is None else np.asarray(len(dims), np.int32)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return k.xp.asarray(inputs[0].ndim, np.int32)

    def sample(self, draw: Draw) -> Sample:
        return Sample((Input(draw.shape()),))


# The names users type


def rank(input: Any, name: str | None = None) -> Tensor:
    """Return how many axes the tensor has when the graph runs, as int32."""
    return apply("Rank", input, name=name)


def range_(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str = "range"
) -> Tensor:
    """Return the numbers from `start` to before `limit`.

    Parameters
    ----------
    start : number or scalar Tensor
        The first number; with `limit` left out, this is the limit and 0 the start.
    limit : number or scalar Tensor, optional
        What the numbers stay before.
    delta : number or scalar Tensor, default 1
        The step.
    dtype : DType, optional
        The element type; default is the first of int32, int64, float32, float64 that holds all
        three.
    name : str, default "range"
        Its name.

    Raises
    ------
    ValueError
        If the step is 0.
    """
    given = [0, start, delta] if limit is None else [start, limit, delta]
    with get_default_graph().name_scope(name) as scope:
        order = [dtypes.int32, dtypes.int64, dtypes.float32, dtypes.float64]
        tensors = [convert_to_tensor(v) for v in given]
        kind = (
            max((t.dtype for t in tensors), key=order.index) if dtype is None else as_dtype(dtype)
        )
        return apply("Range", *(cast(t, kind) for t in tensors), name=scope)


def linspace(start: Any, stop: Any, num: Any, name: str | None = None) -> Tensor:
    """Return `num` numbers that lie evenly from `start` to `stop`, both among them."""
    return apply("LinSpace", start, stop, num, name=name)


def eye(
    num_rows: Any,
    num_columns: Any = None,
    batch_shape: Any = None,
    dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:
    """Return an identity matrix, or a stack of them.

    Parameters
    ----------
    num_rows, num_columns : int or scalar Tensor
        The size; square by default.
    batch_shape : sequence of int, optional
        The shape of the stack.
    dtype : DType, default float32
        The element type.
    name : str, default "eye"
        Its name.
    """
    columns = num_rows if num_columns is None else num_columns
    with get_default_graph().name_scope(name or "eye"):
        rows = expand_dims(range_(num_rows), 1)
        matrix = cast(equal(rows, range_(columns)), dtype)
        if batch_shape is None:
            return matrix
        return broadcast_to(matrix, concat([convert_to_tensor(batch_shape), shape(matrix)], 0))


def meshgrid(*args: Any, indexing: str = "xy", name: str = "meshgrid") -> list[Tensor]:
    """Return the coordinates of a grid, one tensor for each axis.

    Parameters
    ----------
    *args : vectors
        The coordinates along each axis.
    indexing : str, default "xy"
        ``"xy"``: the first vector goes along the columns; ``"ij"``: along the rows.
    name : str, default "meshgrid"
        Its scope.

    Raises
    ------
    ValueError
        If `indexing` is something else.
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"indexing must be 'xy' or 'ij', not {indexing!r}")
    with get_default_graph().name_scope(name):
        vectors = [reshape(convert_to_tensor(a), [-1]) for a in args]
        order = list(range(len(vectors)))
        if indexing == "xy" and len(order) > 1:
            order[:2] = 1, 0
        sizes = [apply("Size", vectors[i]) for i in order]
        if not sizes:
            return []
        full = apply("Pack", *sizes, axis=0)
        along = [
            reshape(v, [-1 if order[j] == i else 1 for j in range(len(order))])
            for i, v in enumerate(vectors)
        ]
        return [broadcast_to(v, full) for v in along]


def sequence_mask(
    lengths: Any, maxlen: Any = None, dtype: Any = dtypes.bool_, name: str | None = None
) -> Tensor:
    """Return for each length that many ones, then zeros.

    Parameters
    ----------
    lengths : Tensor of int32 or int64
        The lengths.
    maxlen : int or scalar Tensor, optional
        The size of the new last axis; default is the largest length.
    dtype : DType, default bool
        The element type.
    name : str, default "SequenceMask"
        Its scope.
    """
    count = convert_to_tensor(lengths)
    with count.graph.name_scope(name or "SequenceMask"):
        if maxlen is None:
            # So that no lengths at all have a largest one.
            flat = concat([reshape(count, [-1]), convert_to_tensor([0], count.dtype)], 0)
            maxlen = reduce_max(flat)
        end = cast(maxlen, count.dtype)
        steps = range_(convert_to_tensor(0, count.dtype), end, convert_to_tensor(1, count.dtype))
        mask = less(steps, expand_dims(count, -1))
        return cast(mask, dtype)
