"""Copies of arrays whose axes were exchanged: a tile at a time, read and written in lines.

A plain copy reads in lines and writes columns, or the other way round, and most of each line of
memory is fetched in vain. A tile of 32 by 32 is read in lines, kept in the processor, and written
in lines.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tensorgraph.backends.cuda.elementwise import joined_axes, steps_in_a_row, steps_of
from tensorgraph.backends.cuda.program import source
from tensorgraph.base.backend import Array
from tensorgraph.graph.kernel import KernelContext

TILE = 32
# A tile of shorter lines is mostly empty.
_SHORTEST = 8
_MOST_LAYERS = 65535
_BY_SIZE = {n: np.dtype(f"uint{8 * n}") for n in (1, 2, 4, 8)}

TRANSPOSE = source(
    "transpose",
    """
// y[…][row][…][column], in a row, of x, in which rows are neighbours. Of what stands before and
// between these axes there are outer and inner parts.
extern "C" __global__ void transpose(const T *x, T *y, int64 rows, int64 columns, int64 x_column,
                                     int64 y_row, int64 outer, int64 x_outer, int64 y_outer,
                                     int64 inner, int64 x_inner, int64 y_inner) {
    __shared__ T tile[32][33];
    int64 tiles = (rows + 31) / 32;
    int64 down = blockIdx.x % tiles * 32, across = blockIdx.x / tiles * 32;
    for (int64 part = blockIdx.y; part < outer * inner; part += gridDim.y) {
        const T *from = x + part / inner * x_outer + part % inner * x_inner;
        T *to = y + part / inner * y_outer + part % inner * y_inner;
        int64 row = down + threadIdx.x;
        for (int i = threadIdx.y; i < 32; i += blockDim.y)
            if (row < rows && across + i < columns)
                tile[i][threadIdx.x] = from[row + (across + i) * x_column];
        __syncthreads();
        int64 column = across + threadIdx.x;
        for (int i = threadIdx.y; i < 32; i += blockDim.y)
            if (column < columns && down + i < rows)
                to[(down + i) * y_row + column] = tile[threadIdx.x][i];
        __syncthreads();
    }
}
""",
    T=tuple(_BY_SIZE.values()),
)


class Exchange(NamedTuple):
    """What an exchange of axes is: the arguments of the kernel after the arrays."""

    rows: int
    columns: int
    x_column: int
    y_row: int
    outer: int
    x_outer: int
    y_outer: int
    inner: int
    x_inner: int
    y_inner: int


def exchange_of(shape: tuple[int, ...], steps: tuple[int, ...]) -> Exchange | None:
    """Return how to copy an array by tiles; None where that gains nothing.

    Parameters
    ----------
    shape : tuple of int
        Its shape.
    steps : tuple of int
        Its steps in elements.
    """
    dims, (own,) = joined_axes(shape, (steps,))
    last = len(dims) - 1
    if 1 not in own[:last] or len(dims) > 4 or own[last] in (0, 1):
        return None
    row = own.index(1)
    if min(dims[row], dims[last]) < _SHORTEST:
        return None
    to = steps_in_a_row(dims)
    # The axes that are neither: at most two.
    others = [(dims[i], own[i], to[i]) for i in range(last) if i != row]
    outer, inner = [(1, 0, 0)] * (2 - len(others)) + others
    return Exchange(dims[row], dims[last], own[last], to[row], *outer, *inner)


def copy(k: KernelContext, x: Array, out: Array | None = None) -> Array:
    """Return a copy of an array whose elements lie in a row.

    Parameters
    ----------
    k : KernelContext
        The node.
    x : array
        The array.
    out : array, optional
        Where to write, in a row.
    """
    exchange = exchange_of(x.shape, steps_of(x, x.ndim)) if x.size else None
    if exchange is None:
        if out is None:
            return k.xp.ascontiguousarray(x)
        out[...] = x
        return out
    y: Any = k.xp.empty(x.shape, x.dtype) if out is None else out
    launch = TRANSPOSE.load(k.backend, "transpose", T=_BY_SIZE[x.dtype.itemsize])
    tiles = -(-exchange.rows // TILE) * -(-exchange.columns // TILE)
    parts = min(exchange.outer * exchange.inner, _MOST_LAYERS)
    launch((tiles, parts), (TILE, 8), (x, y, *exchange))
    return y
