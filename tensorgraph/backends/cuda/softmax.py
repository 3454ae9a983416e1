"""Softmax, its logarithm, and the cross-entropies with their gradients: a launch each.

A short row is the work of a warp, a long one that of a block. Labels cannot be refused here: where
one is no class, loss and gradient of its row are NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tensorgraph.backends.cuda.arrays import deliver, dense, matrix_sizes, target
from tensorgraph.backends.cuda.program import BLOCK, FLOATS, blocks_for, source
from tensorgraph.backends.cuda.reduce import ROWS, SHORT_ROW
from tensorgraph.base.backend import Array
from tensorgraph.graph.kernel import KernelContext

_ROW = """
#define EACH(i) for (int64 i = threadIdx.x; i < length; i += blockDim.x)

// The row that the thread works on; threads of rows beyond the last one have none.
__device__ inline int64 own_row() { return blockIdx.x * (int64)blockDim.y + threadIdx.y; }

__device__ inline Tc largest_of(const T *x, int64 length, Tc *parts) {
    Tc found = lowest<Tc>();
    EACH(i) found = LargestOf::of<Tc>(found, (Tc)x[i]);
    return over_row<LargestOf, Tc>(found, parts);
}
__device__ inline Tc total_of(const T *x, int64 length, Tc largest, Tc *parts) {
    Tc total = 0;
    EACH(i) total += exp((Tc)x[i] - largest);
    return over_row<SumOf, Tc>(total, parts);
}
"""

ALONG_AXIS = source(
    "softmax",
    ROWS
    + _ROW
    + """
extern "C" __global__ void softmax_rows(const T *x, T *y, int64 rows, int64 length, bool logs) {
    __shared__ Tc parts[32];
    int64 row = own_row();
    if (row >= rows) return;
    x += row * length;
    y += row * length;
    Tc largest = largest_of(x, length, parts), total = total_of(x, length, largest, parts);
    Tc shift = log(total);
    EACH(i) {
        Tc shifted = (Tc)x[i] - largest;
        y[i] = (T)(logs ? shifted - shift : exp(shifted) / total);
    }
}

// Along another axis than the last: a thread for each vector, so that neighbours read neighbours.
extern "C" __global__ void softmax_columns(const T *x, T *y, int64 vectors, int64 length,
                                           int64 inner, bool logs) {
    FOR_ITEMS(n, vectors) {
        const T *from = x + n / inner * length * inner + n % inner;
        T *to = y + (from - x);
        Tc largest = lowest<Tc>(), total = 0;
        for (int64 i = 0; i < length; i++)
            largest = LargestOf::of<Tc>(largest, (Tc)from[i * inner]);
        for (int64 i = 0; i < length; i++) total += exp((Tc)from[i * inner] - largest);
        Tc shift = log(total);
        for (int64 i = 0; i < length; i++) {
            Tc shifted = (Tc)from[i * inner] - largest;
            to[i * inner] = (T)(logs ? shifted - shift : exp(shifted) / total);
        }
    }
}
""",
    T=FLOATS,
)

DENSE = source(
    "cross-entropy",
    ROWS
    + _ROW
    + """
extern "C" __global__ void dense_loss(const T *x, const T *labels, T *loss, T *gradient,
                                      int64 rows, int64 length) {
    __shared__ Tc parts[32];
    int64 row = own_row();
    if (row >= rows) return;
    x += row * length;
    labels += row * length;
    gradient += row * length;
    Tc largest = largest_of(x, length, parts), total = total_of(x, length, largest, parts);
    Tc shift = log(total), sum = 0;
    EACH(i) {
        Tc shifted = (Tc)x[i] - largest, label = labels[i];
        sum += label * (shift - shifted);
        gradient[i] = (T)(exp(shifted) / total - label);
    }
    sum = over_row<SumOf, Tc>(sum, parts);
    if (threadIdx.x == 0) loss[row] = (T)sum;
}
""",
    T=FLOATS,
)

SPARSE = source(
    "sparse cross-entropy",
    ROWS
    + _ROW
    + """
extern "C" __global__ void sparse_loss(const T *x, const L *labels, T *loss, T *gradient,
                                       int64 rows, int64 length) {
    __shared__ Tc parts[32];
    int64 row = own_row();
    if (row >= rows) return;
    x += row * length;
    gradient += row * length;
    int64 label = labels[row];
    Tc largest = largest_of(x, length, parts), total = total_of(x, length, largest, parts);
    // NaN where the label is no class.
    Tc wrong = label < 0 || label >= length ? (Tc)__int_as_float(0x7fffffff) : (Tc)0;
    EACH(i) gradient[i] = (T)(exp((Tc)x[i] - largest) / total - (Tc)(i == label) + wrong);
    if (threadIdx.x == 0)
        loss[row] = (T)(wrong == 0 ? log(total) - ((Tc)x[label] - largest) : wrong);
}
""",
    T=FLOATS,
    L=(np.dtype(np.int32), np.dtype(np.int64)),
)


def row_launch(rows: int, length: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return grid and block for kernels in which a warp, or a block, has a row."""
    threads = (32, BLOCK // 32) if length <= SHORT_ROW else (BLOCK, 1)
    return (max(1, -(-rows // threads[1])),), threads


def along_axis(k: KernelContext, x: Array) -> Array:
    """Compute `Softmax` or `LogSoftmax`."""
    x, logs = dense(k, x), np.bool_(k.op.type == "LogSoftmax")
    out = target(k, 0, x.shape, x.dtype)
    before, length, after = matrix_sizes(x.shape, k.op.attrs["axis"])
    if x.size and after == 1:
        launch = ALONG_AXIS.load(k.backend, "softmax_rows", T=x.dtype)
        launch(*row_launch(before, length), (x, out, before, length, logs))
    elif x.size:
        launch = ALONG_AXIS.load(k.backend, "softmax_columns", T=x.dtype)
        vectors = before * after
        launch(blocks_for(vectors), (BLOCK,), (x, out, vectors, length, after, logs))
    return deliver(k, 0, out)


def cross_entropy(k: KernelContext, logits: Array, labels: Array) -> tuple[Array, Array]:
    """Compute a cross-entropy, and its gradient by the logits."""
    sparse = k.op.type == "SparseSoftmaxCrossEntropyWithLogits"
    if not sparse and logits.shape != labels.shape:
        logits, labels = k.xp.broadcast_arrays(logits, labels)
    logits, labels = dense(k, logits), dense(k, labels)
    rows, classes = logits.shape
    loss = target(k, 0, (rows,), logits.dtype)
    gradient = target(k, 1, logits.shape, logits.dtype)
    if rows:
        if sparse:
            launch = SPARSE.load(k.backend, "sparse_loss", T=logits.dtype, L=labels.dtype)
        else:
            launch = DENSE.load(k.backend, "dense_loss", T=logits.dtype)
        launch(*row_launch(rows, classes), (logits, labels, loss, gradient, rows, classes))
    return deliver(k, 0, loss), deliver(k, 1, gradient)


KERNELS: Mapping[str, Callable[..., Any]] = {
    **dict.fromkeys(("Softmax", "LogSoftmax"), along_axis),
    "SoftmaxCrossEntropyWithLogits": cross_entropy,
    "SparseSoftmaxCrossEntropyWithLogits": cross_entropy,
}
