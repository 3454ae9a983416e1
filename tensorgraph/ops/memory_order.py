"""Arrays in the order in which they lie in memory, which need not be the order of their axes.

Images of shape (batch, height, width, channels) may lie as (height, width, batch, channels): inside
of blocks of a batch they do, for there the short lines of one image become the long lines of all of
them. They keep their shape and have other strides. NumPy's elementwise functions are as fast on
them as on any, provided that all arrays lie alike. What a kernel makes for its own use should thus
lie like what it is given, and what goes through whole lines must look where they are.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, Protocol


class Memory(Protocol):
    """Where working memory comes from: a node, or a block of a batch."""

    def scratch(
        self, name: str, shape: Sequence[int], dtype: Any, fill: float | None = None, /
    ) -> Any:
        """Return memory of a shape; see `KernelContext`."""


def memory_order(x: Any) -> tuple[int, ...]:
    """Return the axes of an array, the one with the longest steps through memory first."""
    return _IN_ORDER[: x.ndim] if x.flags.c_contiguous else _order_of(x.strides)


_IN_ORDER = tuple(range(64))


@functools.lru_cache(1000)
def _order_of(strides: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(range(len(strides)), key=lambda axis: -abs(strides[axis])))


@functools.lru_cache(1000)
def _inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(map(order.index, range(len(order))))


def scratch_like(
    memory: Memory,
    name: str,
    x: Any,
    dtype: Any = None,
    shape: Sequence[int] | None = None,
    fill: float | None = None,
) -> Any:
    """Return working memory that lies as an array does.

    Parameters
    ----------
    memory : KernelContext or Block
        Where it comes from.
    name : str
        Different memory has different names.
    x : array
        What it lies like.
    dtype : dtype, optional
        Its element type; default that of `x`.
    shape : sequence of int, optional
        Its shape, of the rank of `x`; default that of `x`.
    fill : float, optional
        As of `KernelContext.scratch`.
    """
    dims, kind = x.shape if shape is None else shape, x.dtype if dtype is None else dtype
    order = memory_order(x)
    # Borders that were written once must not become the inside of what lies in another order.
    key = name if fill is None else f"{name} {order}"
    result = memory.scratch(key, [dims[axis] for axis in order], kind, fill)
    return result.transpose(_inverse(order))


def as_rows(x: Any, order: Sequence[int] | None = None) -> Any:
    """Return an array as a matrix of its channels, the last axis.

    Parameters
    ----------
    x : array
        The array.
    order : sequence of int, optional
        In which order its axes are taken; default is its `memory_order`.
    """
    *lead, channels = x.shape
    last = len(lead)
    axes = [axis for axis in (memory_order(x) if order is None else order) if axis != last]
    return x.transpose(*axes, last).reshape(math.prod(lead), channels)


def line_shape(x: Any, order: Sequence[int], longest: int) -> tuple[int, ...]:
    """Return the sizes of as many of the last axes in memory as have so many elements together.

    Parameters
    ----------
    x : array
        Of rank 1 or more.
    order : sequence of int
        Its `memory_order`.
    longest : int
        How many elements; the last axis alone may have more.
    """
    *others, last = order
    line, total = [x.shape[last]], x.shape[last]
    while others and total * x.shape[others[-1]] <= longest:
        line.insert(0, x.shape[others.pop()])
        total *= line[0]
    return tuple(line)


def repeated(
    memory: Memory, name: str, vector: Any, x: Any, order: Sequence[int], longest: int
) -> Any:
    """Return a number for each channel as it broadcasts to an array whose axes were put in order.

    NumPy works along one line of memory in one go. Repeated, so that it goes along whole lines,
    a few channels' numbers are applied several times as fast.

    Parameters
    ----------
    memory, name
        As of `scratch_like`.
    vector : array of shape (channels,)
        The numbers.
    x : array of shape (…, channels)
        The array.
    order : sequence of int
        Its `memory_order`.
    longest : int
        How many elements to make at most.
    """
    place = order.index(x.ndim - 1)
    if place < x.ndim - 1:
        return vector.reshape(-1, *[1] * (x.ndim - 1 - place))
    shape = line_shape(x, order, longest)
    if len(shape) == 1:
        return vector
    line = memory.scratch(name, shape, vector.dtype)
    line[...] = vector
    return line


def made_output(k: Any, index: int, dims: Sequence[int], dtype: Any) -> Any:
    """Return where a node's kernel writes an output: what the plan gives, or new memory."""
    out = k.outs[index] if index < len(k.outs) else None
    return k.xp.empty(dims, dtype) if out is None else out
