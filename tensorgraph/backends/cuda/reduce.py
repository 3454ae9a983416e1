"""Sums, means, extremes and the like over any axes.

Axes that lie together and are all reduced, or all kept, count as one. What is left is a matrix
whose rows are reduced (neighbours in memory: threads of a warp share a row), or whose columns are
(each thread has a column, so that neighbours still read neighbours), or several of these. Where
there are too few results to keep the card busy, each is made in parts, which a second launch puts
together: in a fixed order, so that results are the same from run to run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tensorgraph.backends.cuda.arrays import compute_type, deliver, dense, target
from tensorgraph.backends.cuda.program import BLOCK, NUMBERS, Launch, Source, source
from tensorgraph.base.backend import Array
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.graph.node import Operation

# With more blocks than this there is work for all of a card.
ENOUGH_BLOCKS = 1024
# A part of a row or column has at least so many elements.
LEAST_PART = 2048
# A row of no more elements is the work of one warp.
SHORT_ROW = 512
MOST_PARTS = 1024
# A grid has no more blocks along its third axis; kernels loop over the rest.
MOST_LAYERS = 65535

# Functions for rows that are shared by the threads along x of a block.
ROWS = """
template <class A> __device__ inline A lowest() {
    if ((A)0.5 != (A)0) return (A)__int_as_float(0xff800000);
    return (A)-1 > (A)0 ? (A)0 : (A)((uint64)1 << (8 * sizeof(A) - 1));
}
template <class A> __device__ inline A highest() {
    if ((A)0.5 != (A)0) return (A)__int_as_float(0x7f800000);
    return (A)-1 > (A)0 ? (A)-1 : (A)(((uint64)1 << (8 * sizeof(A) - 1)) - 1);
}
struct SumOf {
    template <class A> static __device__ A empty() { return (A)0; }
    template <class A> static __device__ A of(A x, A y) { return (A)(x + y); }
};
struct ProductOf {
    template <class A> static __device__ A empty() { return (A)1; }
    template <class A> static __device__ A of(A x, A y) { return (A)(x * y); }
};
// A NaN is larger, and smaller, than all.
struct LargestOf {
    template <class A> static __device__ A empty() { return lowest<A>(); }
    template <class A> static __device__ A of(A x, A y) { return x >= y || x != x ? x : y; }
};
struct SmallestOf {
    template <class A> static __device__ A empty() { return highest<A>(); }
    template <class A> static __device__ A of(A x, A y) { return x <= y || x != x ? x : y; }
};
struct AllOf {
    template <class A> static __device__ A empty() { return (A)1; }
    template <class A> static __device__ A of(A x, A y) { return x && y; }
};
struct AnyOf {
    template <class A> static __device__ A empty() { return (A)0; }
    template <class A> static __device__ A of(A x, A y) { return x || y; }
};

// What all threads of a row have, put together: `parts` has room for a number of each warp. A block
// has several rows only if a row is one warp's.
template <class Op, class A> __device__ inline A over_row(A x, A *parts) {
    for (int step = 16; step; step /= 2) x = Op::of(x, (A)__shfl_xor_sync(0xffffffffu, x, step));
    if (blockDim.x == 32) return x;
    __syncthreads();
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
    __syncthreads();
    x = parts[0];
    for (int warp = 1; warp < blockDim.x / 32; warp++) x = Op::of(x, parts[warp]);
    return x;
}
"""

# How numbers are put together along rows and columns: of an array, or of whatever gives them.
WALKS = """
template <class V> struct Stored {
    const V *at;
    __device__ Tc operator()(int64 n) const { return (Tc)at[n]; }
};

__device__ inline Tc divided(Tc total, double count) {
    if ((Tc)0.5 != (Tc)0) return (Tc)(total / (Tc)count);
    return (Tc)(total / (int64)count);
}

// Part `blockIdx.y` of each row, of `part` elements.
template <class In, class Out>
__device__ inline void of_rows(In x, Out *y, int64 rows, int64 length, int64 part,
                               double count, Tc *parts) {
    int64 row = blockIdx.x * (int64)blockDim.y + threadIdx.y;
    if (blockDim.y > 1 && row >= rows) return;
    int64 begin = blockIdx.y * part, end = min(begin + part, length);
    Tc total = Op::template empty<Tc>();
    #pragma unroll 4
    for (int64 i = begin + threadIdx.x; i < end; i += blockDim.x)
        total = Op::template of<Tc>(total, x(row * length + i));
    total = over_row<Op, Tc>(total, parts);
    if (count != 1) total = divided(total, count);
    if (threadIdx.x == 0) y[row * gridDim.y + blockIdx.y] = (Out)total;
}

// The same of matrices' columns: of x[outer][length][inner] along the axis in the middle.
template <class In, class Out>
__device__ inline void of_columns(In x, Out *y, int64 outer, int64 length, int64 inner,
                                  int64 part, double count, Tc *shared) {
    int64 column = blockIdx.x * (int64)blockDim.x + threadIdx.x;
    int64 begin = blockIdx.y * part, end = min(begin + part, length);
    for (int64 o = blockIdx.z; o < outer; o += gridDim.z) {
        Tc total = Op::template empty<Tc>();
        if (column < inner) {
            int64 from = o * length * inner + column;
            #pragma unroll 4
            for (int64 i = begin + threadIdx.y; i < end; i += blockDim.y)
                total = Op::template of<Tc>(total, x(from + i * inner));
        }
        shared[threadIdx.y * blockDim.x + threadIdx.x] = total;
        __syncthreads();
        for (int half = blockDim.y / 2; half; half /= 2) {
            Tc *mine = shared + threadIdx.y * blockDim.x + threadIdx.x;
            if (threadIdx.y < half) *mine = Op::template of<Tc>(*mine, mine[half * blockDim.x]);
            __syncthreads();
        }
        total = shared[threadIdx.x];
        if (count != 1) total = divided(total, count);
        if (threadIdx.y == 0 && column < inner)
            y[(o * gridDim.y + blockIdx.y) * inner + column] = (Out)total;
        __syncthreads();
    }
}

"""

_KERNELS = """
extern "C" __global__ void rows(const T *x, T *y, int64 n, int64 length, int64 part, double count) {
    __shared__ Tc parts[32];
    of_rows(Stored<T>{x}, y, n, length, part, count, parts);
}
extern "C" __global__ void rows_begin(const T *x, Tc *y, int64 n, int64 length, int64 part,
                                      double count) {
    __shared__ Tc parts[32];
    of_rows(Stored<T>{x}, y, n, length, part, count, parts);
}
extern "C" __global__ void rows_end(const Tc *x, T *y, int64 n, int64 length, int64 part,
                                    double count) {
    __shared__ Tc parts[32];
    of_rows(Stored<Tc>{x}, y, n, length, part, count, parts);
}
extern "C" __global__ void columns(const T *x, T *y, int64 outer, int64 length, int64 inner,
                                   int64 part, double count) {
    __shared__ Tc shared[256];
    of_columns(Stored<T>{x}, y, outer, length, inner, part, count, shared);
}
extern "C" __global__ void columns_begin(const T *x, Tc *y, int64 outer, int64 length, int64 inner,
                                         int64 part, double count) {
    __shared__ Tc shared[256];
    of_columns(Stored<T>{x}, y, outer, length, inner, part, count, shared);
}
extern "C" __global__ void columns_end(const Tc *x, T *y, int64 outer, int64 length, int64 inner,
                                       int64 part, double count) {
    __shared__ Tc shared[256];
    of_columns(Stored<Tc>{x}, y, outer, length, inner, part, count, shared);
}
"""

_SMALL = (np.dtype(np.uint8),)
_BOOL = (np.dtype(np.bool_),)


def _source(op: str, types: Sequence[np.dtype[Any]]) -> Source:
    return source(f"reduction {op}", f"{ROWS}typedef {op} Op;\n{WALKS}{_KERNELS}", T=types)


# How two numbers become one, by the type of the reduction.
OPERATIONS = {
    "Sum": "SumOf", "Mean": "SumOf", "BiasAddGrad": "SumOf", "Prod": "ProductOf",
    "Max": "LargestOf", "Min": "SmallestOf", "All": "AllOf", "Any": "AnyOf",
}  # fmt: skip
_SOURCES = {
    name: _source(name, _BOOL if name in ("AllOf", "AnyOf") else (*NUMBERS, *_SMALL))
    for name in dict.fromkeys(OPERATIONS.values())
}


def groups(shape: Sequence[int], axes: Sequence[int] | None) -> list[tuple[bool, int]]:
    """Return sizes of an array after axes that go together were made one, each with its lot.

    Parameters
    ----------
    shape : sequence of int
        Its shape.
    axes : sequence of int, optional
        Which are reduced; None for all.
    """
    chosen = range(len(shape)) if axes is None else [axis % len(shape) for axis in axes]
    result: list[tuple[bool, int]] = []
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        reduced = axis in chosen
        if result and result[-1][0] == reduced:
            result[-1] = (reduced, result[-1][1] * size)
        else:
            result.append((reduced, size))
    return result


class Computed(NamedTuple):
    """Numbers that a kernel computes where it would else read an array of them.

    Attributes
    ----------
    shape : tuple of int
        The array's shape.
    dtype : dtype
        Its element type.
    load : callable
        Returns the kernel of a name that computes them: see `WALKS`.
    args : tuple
        What the kernel takes in the array's place.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    load: Callable[[str], Launch]
    args: tuple[Any, ...]


class Reduction(NamedTuple):
    """How numbers become one.

    Attributes
    ----------
    k : KernelContext
        The node.
    source : Source
        How two of them do.
    dtype : dtype
        Their type; numbers between two launches are of the type to compute in.
    """

    k: KernelContext
    source: Source
    dtype: np.dtype[Any]

    def run(self, x: Any, axes: Sequence[int] | None, out: Array, count: int) -> None:
        """Write the reduction of an array.

        Parameters
        ----------
        x : array or Computed
            What is reduced.
        axes : sequence of int, optional
            Along which axes; None for all.
        out : array
            Where to write it; it lies in a row.
        count : int
            What to divide by in the end.
        """
        kinds = groups(x.shape, axes)
        if not isinstance(x, Computed):
            x = dense(self.k, x)
        reduced = [i for i, (is_reduced, _) in enumerate(kinds) if is_reduced]
        if not reduced:
            # Nothing is put together, but is copied all the same.
            kinds, reduced = [*kinds, (True, 1)], [len(kinds)]
        while reduced:
            place = reduced.pop()
            sizes = [size for _, size in kinds]
            before, after = math.prod(sizes[:place]), math.prod(sizes[place + 1 :])
            result, divisor = out, count
            if reduced:
                result, divisor = self._between(f"reduced {place}", before * after), 1
            self._along(x, result, (before, sizes[place], after), divisor)
            x, kinds = result, kinds[:place] + kinds[place + 1 :]

    def _between(self, name: str, count: int) -> Array:
        return self.k.scratch(name, (count,), compute_type(self.dtype))

    def _along(self, x: Any, out: Array, sizes: tuple[int, int, int], count: int) -> None:
        """Reduce x[before][length][after] along the middle, in two launches if one is narrow."""
        before, length, after = sizes
        parts = parts_of(before, length, after)
        if parts > 1:
            partial = self._between("parts", before * parts * after)
            self._launch(x, partial, sizes, parts, 1)
            x, sizes = partial, (before, parts, after)
        self._launch(x, out, sizes, 1, count)

    def _launch(
        self, x: Any, out: Array, sizes: tuple[int, int, int], parts: int, count: int
    ) -> None:
        before, length, after = sizes
        part = -(-length // parts) if length else 0
        if after == 1:
            name = "rows"
            threads = (32, BLOCK // 32) if length <= SHORT_ROW else (BLOCK, 1)
            grid: tuple[int, ...] = (-(-before // threads[1]), parts)
            args: tuple[Any, ...] = (before, length, part, float(count))
        else:
            name, threads = "columns", column_block(after)
            grid = (-(-after // threads[0]), parts, min(before, MOST_LAYERS))
            args = (before, length, after, part, float(count))
        if out.size:
            launch, given = self._kernel(name, x, out)
            launch(grid, threads, (*given, out, *args))

    def _kernel(self, name: str, x: Any, out: Array) -> tuple[Launch, tuple[Any, ...]]:
        """Return the kernel for the types of what is read and written, and how to say the former.

        The first and the last one have the array's type on one side, those between on none.
        """
        same = x.dtype == out.dtype
        if isinstance(x, Computed):
            return x.load(name if same else f"{name}_begin"), x.args
        step = "" if same else "_begin" if x.dtype == self.dtype else "_end"
        dtype = x.dtype if same else self.dtype
        return self.source.load(self.k.backend, name + step, T=dtype), (x,)


def parts_of(before: int, length: int, after: int) -> int:
    """Return in how many parts rows, or columns, are reduced to keep a card busy."""
    blocks = before if after == 1 else before * -(-after // 32)
    wanted = min(-(-ENOUGH_BLOCKS // max(blocks, 1)), MOST_PARTS)
    least = LEAST_PART if after == 1 else LEAST_PART // 8
    return max(1, min(wanted, length // least))


def column_block(columns: int) -> tuple[int, int]:
    """Return the threads along and across columns: as many along as there are, up to a warp."""
    along = 32
    while along > 1 and along // 2 >= columns:
        along //= 2
    return along, BLOCK // along


def reduced_by(op: Operation, k: KernelContext, x: Any) -> Array:
    """Compute what a reduction makes of an array.

    Parameters
    ----------
    op : Operation
        The reduction.
    k : KernelContext
        The node; `op` or a group that ends with it.
    x : array or Computed
        What is reduced.
    """
    rank, attrs = len(x.shape), op.attrs
    if op.type == "BiasAddGrad":
        attrs = {"axes": range(rank - 1), "keepdims": False}
    axes, keepdims = attrs["axes"], attrs["keepdims"]
    chosen = range(rank) if axes is None else {axis % rank for axis in axes}
    sizes = ((1 if keepdims else None) if i in chosen else n for i, n in enumerate(x.shape))
    out = target(k, 0, [n for n in sizes if n is not None], x.dtype)
    count = math.prod(x.shape) // out.size if op.type == "Mean" and out.size else 1
    Reduction(k, _SOURCES[OPERATIONS[op.type]], x.dtype).run(x, axes, out, count)
    return deliver(k, 0, out)


def reduction(k: KernelContext, x: Array) -> Array:
    """Compute what a reduction's own kernel does."""
    if not x.size and k.op.type not in ("Sum", "BiasAddGrad"):
        # Of nothing, some have no result; NumPy's rules are the array module's too.
        return k.op.definition.kernel(k, x)
    return reduced_by(k.op, k, x)


KERNELS: Mapping[str, Callable[..., Any]] = dict.fromkeys(OPERATIONS, reduction)
