"""Parts of arrays by their places: gather, scatter, one-hot vectors.

A kernel cannot raise. A place outside of an array gives zeros where something is read from it, and
is left out where something is written to it, as on TensorFlow's GPUs.

What belongs to the same place is added up by one block of threads in the order of the list, so
that sums are the same from run to run, without sorting.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tensorgraph.backends.cuda.arrays import deliver, dense, target
from tensorgraph.backends.cuda.program import BLOCK, NUMBERS, blocks_for, source
from tensorgraph.base.backend import Array
from tensorgraph.graph.kernel import KernelContext

_INDICES = (np.dtype(np.int32), np.dtype(np.int64))
# What is only moved is moved as numbers of its size, whatever it is.
_BY_SIZE = {n: np.dtype(f"uint{8 * n}") for n in (1, 2, 4, 8)}

MOVES = source(
    "gather",
    """
// out[batch][outer][place][inner] of x[batch][outer][size][inner].
extern "C" __global__ void gather(const T *x, const I *places, T *out, int64 count, int64 outer,
                                  int64 size, int64 listed, int64 inner) {
    FOR_ITEMS(n, count) {
        int64 rest = n / inner, row = rest / listed;
        int64 place = places[row / outer * listed + rest % listed];
        bool inside = 0 <= place && place < size;
        out[n] = inside ? x[(row * size + place) * inner + n % inner] : (T)0;
    }
}

// The rows of x that are named become those of `rows`; of two for the same place, the later one.
extern "C" __global__ void scatter(const I *places, const T *rows, T *x, int64 size, int64 listed,
                                   int64 inner) {
    for (int64 n = blockIdx.x; n < listed; n += gridDim.x) {
        int64 place = places[n];
        bool later = false;
        for (int64 q = n + 1 + threadIdx.x; q < listed; q += blockDim.x)
            later = later || places[q] == place;
        if (__syncthreads_or(later) || place < 0 || place >= size) continue;
        for (int64 i = threadIdx.x; i < inner; i += blockDim.x)
            x[place * inner + i] = rows[n * inner + i];
    }
}

// out[outer][depth][inner]: one value where the depth is the place, else another.
extern "C" __global__ void one_hot(const I *places, const T *on, const T *off, T *out, int64 count,
                                   int64 depth, int64 inner) {
    FOR_ITEMS(n, count) {
        int64 rest = n / inner;
        out[n] = (int64)places[rest / depth * inner + n % inner] == rest % depth ? *on : *off;
    }
}
""",
    T=tuple(_BY_SIZE.values()),
    I=(*_INDICES, np.dtype(np.uint8)),
)

SUMS = source(
    "scatter-add",
    """
// x[batch][outer][size][inner] plus or minus rows[batch][outer][place][inner] at the places: a
// block for each place of the list, which does nothing unless it is the first one of its kind.
extern "C" __global__ void scatter_add(const I *all_places, const T *rows, T *x, int64 batches,
                                       int64 outer, int64 size, int64 listed, int64 inner,
                                       double sign) {
    __shared__ int found[256], begins[9];
    for (int64 n = blockIdx.x; n < batches * listed; n += gridDim.x) {
        int64 batch = n / listed, first = n % listed;
        const I *places = all_places + batch * listed;
        int64 place = places[first];
        bool earlier = place < 0 || place >= size;
        for (int64 q = threadIdx.x; q < first; q += blockDim.x)
            earlier = earlier || places[q] == place;
        if (__syncthreads_or(earlier)) continue;
        for (int64 start = first; start < listed; start += blockDim.x) {
            // Which of these are the same place, in order.
            bool same = start + threadIdx.x < listed && places[start + threadIdx.x] == place;
            unsigned votes = __ballot_sync(0xffffffffu, same);
            int warp = threadIdx.x / 32, before = __popc(votes & ((1u << threadIdx.x % 32) - 1));
            if (threadIdx.x % 32 == 0) begins[warp + 1] = __popc(votes);
            __syncthreads();
            if (threadIdx.x == 0) {
                begins[0] = 0;
                for (int w = 1; w <= blockDim.x / 32; w++) begins[w] += begins[w - 1];
            }
            __syncthreads();
            if (same) found[begins[warp] + before] = threadIdx.x;
            int count = begins[blockDim.x / 32];
            __syncthreads();
            for (int64 e = threadIdx.x; count && e < outer * inner; e += blockDim.x) {
                int64 row = batch * outer + e / inner, i = e % inner;
                Tc total = 0;
                for (int f = 0; f < count; f++)
                    total += (Tc)rows[(row * listed + start + found[f]) * inner + i];
                T *to = x + (row * size + place) * inner + i;
                *to = (T)((Tc)*to + (Tc)sign * total);
            }
            __syncthreads();
        }
    }
}
""",
    T=NUMBERS,
    I=_INDICES,
)
# As many blocks as there are places, up to this.
_MOST_PLACES = 1 << 16


def _move(k: KernelContext, kernel: str, dtype: Any, kind: Any) -> Any:
    return MOVES.load(k.backend, kernel, T=_BY_SIZE[np.dtype(dtype).itemsize], I=np.dtype(kind))


def gather(k: KernelContext, params: Array, indices: Array) -> Array:
    """Compute `GatherV2`."""
    params, indices = dense(k, params), dense(k, indices)
    axis, batch = k.op.attrs["axis"] % params.ndim, k.op.attrs["batch_dims"]
    dims = params.shape
    shape = (*dims[:axis], *indices.shape[batch:], *dims[axis + 1 :])
    outer = math.prod(dims[batch:axis])
    return _gathered(
        k, params, indices, shape, outer, dims[axis], math.prod(dims[axis + 1 :]), batch
    )


def _gathered(
    k: KernelContext,
    params: Array,
    indices: Array,
    shape: tuple[int, ...],
    outer: int,
    size: int,
    inner: int,
    batch: int = 0,
) -> Array:
    out = target(k, 0, shape, params.dtype)
    if out.size:
        listed = math.prod(indices.shape[batch:])
        launch = _move(k, "gather", params.dtype, indices.dtype)
        args = (params, indices, out, out.size, outer, size, listed, inner)
        launch(blocks_for(out.size), (BLOCK,), args)
    return deliver(k, 0, out)


def add_rows(
    k: KernelContext,
    x: Array,
    indices: Array,
    rows: Array,
    sizes: tuple[int, int, int, int, int],
    sign: float = 1,
) -> None:
    """Add rows to an array at places, or subtract them.

    Parameters
    ----------
    k : KernelContext
        The node.
    x : array of shape (batches, outer, size, inner)
        What to add to, in one row of memory.
    indices : array of shape (batches, listed)
        The places, each in ``[0, size)``.
    rows : array of shape (batches, outer, listed, inner)
        What is added.
    sizes : tuple of int
        Batches, outer, size, listed, inner.
    sign : float, default 1
        -1 to subtract.
    """
    batches, _, _, listed, _ = sizes
    if rows.size:
        launch = SUMS.load(k.backend, "scatter_add", T=x.dtype, I=indices.dtype)
        blocks = min(batches * listed, _MOST_PLACES)
        launch((blocks,), (BLOCK,), (dense(k, indices), dense(k, rows), x, *sizes, float(sign)))


def gather_gradient(k: KernelContext, dy: Array, indices: Array, shape: Array) -> Array:
    """Compute `GatherGrad`."""
    dims = k.sizes(2, shape)
    axis, batch = k.op.attrs["axis"] % len(dims), k.op.attrs["batch_dims"]
    result = k.xp.zeros(dims, dy.dtype)
    sizes = (
        math.prod(dims[:batch]),
        math.prod(dims[batch:axis]),
        dims[axis],
        math.prod(indices.shape[batch:]),
        math.prod(dims[axis + 1 :]),
    )
    add_rows(k, result, indices, dy, sizes)
    return result


def _flat(k: KernelContext, indices: Array, dims: tuple[int, ...]) -> Array:
    """Return places of several numbers as one each, -1 where one of these is outside."""
    xp, depth = k.xp, indices.shape[-1]
    flat = xp.zeros(indices.shape[:-1], np.int64)
    outside = xp.zeros(indices.shape[:-1], np.bool_)
    for i in range(depth):
        column = indices[..., i]
        outside |= (column < 0) | (column >= dims[i])
        flat = flat * dims[i] + column
    return xp.where(outside, np.int64(-1), flat)


def gather_nd(k: KernelContext, params: Array, indices: Array) -> Array:
    """Compute `GatherNd`."""
    params, depth = dense(k, params), indices.shape[-1]
    rest = params.shape[depth:]
    shape = (*indices.shape[:-1], *rest)
    size = math.prod(params.shape[:depth])
    flat = _flat(k, indices, params.shape)
    return _gathered(k, params, flat, shape, 1, size, math.prod(rest))


def scatter_nd(k: KernelContext, indices: Array, updates: Array, shape: Array) -> Array:
    """Compute `ScatterNd`."""
    dims, depth = k.sizes(2, shape), indices.shape[-1]
    result = k.xp.zeros(dims, updates.dtype)
    flat = _flat(k, indices, dims)
    sizes = (1, 1, math.prod(dims[:depth]), flat.size, math.prod(dims[depth:]))
    add_rows(k, result, flat, updates, sizes)
    return result


def one_hot(k: KernelContext, indices: Array, depth: Array, on: Array, off: Array) -> Array:
    """Compute `OneHot`."""
    indices, count = dense(k, indices), int(k.host(1, depth))
    axis = k.op.attrs["axis"] % (indices.ndim + 1)
    shape = (*indices.shape[:axis], count, *indices.shape[axis:])
    out = target(k, 0, shape, on.dtype)
    if out.size:
        launch = _move(k, "one_hot", on.dtype, indices.dtype)
        inner = math.prod(indices.shape[axis:])
        args = (indices, on, off, out, out.size, count, inner)
        launch(blocks_for(out.size), (BLOCK,), args)
    return deliver(k, 0, out)


def scatter_to_variable(k: KernelContext, cell: Any, indices: Array, updates: Array) -> Any:
    """Compute `ScatterUpdate`, `ScatterAdd` or `ScatterSub`: rows of a variable."""
    variable = cell.read()
    inner = math.prod(variable.shape[1:])
    rows = dense(k, k.xp.broadcast_to(updates, (*indices.shape, *variable.shape[1:])))
    places = dense(k, indices)
    if k.op.type != "ScatterUpdate":
        sizes = (1, 1, len(variable), indices.size, inner)
        add_rows(k, variable, places, rows, sizes, 1 if k.op.type == "ScatterAdd" else -1)
    elif rows.size:
        launch = _move(k, "scatter", variable.dtype, indices.dtype)
        args = (places, rows, variable, len(variable), indices.size, inner)
        launch((min(indices.size, _MOST_PLACES),), (BLOCK,), args)
    return cell


KERNELS: Mapping[str, Callable[..., Any]] = {
    "GatherV2": gather,
    "GatherGrad": gather_gradient,
    "GatherNd": gather_nd,
    "ScatterNd": scatter_nd,
    "OneHot": one_hot,
    **dict.fromkeys(("ScatterUpdate", "ScatterAdd", "ScatterSub"), scatter_to_variable),
}
