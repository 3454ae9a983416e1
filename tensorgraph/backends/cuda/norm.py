"""Batch normalization over channels, and standardization of rows, forward and backward.

Mean and variance are computed as Welford does (B. P. Welford 1962): from number to number, and then
from part to part by the rule of Chan, Golub and LeVeque (1983). No square of a large mean is ever
subtracted from another, so that one walk over the batch is enough and none of the digits are lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from tensorgraph.backends.cuda.arrays import compute_type, deliver, dense, target
from tensorgraph.backends.cuda.program import BLOCK, FLOATS, blocks_for, source
from tensorgraph.backends.cuda.reduce import ROWS, column_block, parts_of
from tensorgraph.backends.cuda.softmax import row_launch
from tensorgraph.base.backend import Array
from tensorgraph.graph.kernel import KernelContext

# So many warps of a block have a channel each.
WARPS = 8

BATCH = source(
    "batch normalization",
    """
struct Moments { int64 count; Tc mean, squares; };

// Two parts as one.
__device__ inline Moments merged(Moments a, Moments b) {
    if (!b.count) return a;
    if (!a.count) return b;
    int64 count = a.count + b.count;
    Tc distance = b.mean - a.mean, share = (Tc)b.count / (Tc)count;
    return {count, a.mean + distance * share,
            a.squares + b.squares + distance * distance * share * (Tc)a.count};
}

// Mean and sum of squared distances from it for each channel, of part `blockIdx.y` of the rows.
extern "C" __global__ void moments(const T *x, Tc *means, Tc *squares, int64 rows, int64 channels,
                                   int64 part) {
    __shared__ Tc shared_mean[256], shared_squares[256];
    __shared__ int64 shared_count[256];
    int64 channel = blockIdx.x * (int64)blockDim.x + threadIdx.x;
    int64 begin = blockIdx.y * part, end = min(begin + part, rows);
    Moments own = {0, 0, 0};
    if (channel < channels)
        for (int64 row = begin + threadIdx.y; row < end; row += blockDim.y) {
            Tc value = x[row * channels + channel], distance = value - own.mean;
            own.mean += distance / (Tc)++own.count;
            own.squares += distance * (value - own.mean);
        }
    int place = threadIdx.y * blockDim.x + threadIdx.x;
    for (int half = blockDim.y / 2; half; half /= 2) {
        shared_mean[place] = own.mean;
        shared_squares[place] = own.squares;
        shared_count[place] = own.count;
        __syncthreads();
        if (threadIdx.y < half) {
            int other = place + half * blockDim.x;
            own = merged(own, {shared_count[other], shared_mean[other], shared_squares[other]});
        }
        __syncthreads();
    }
    if (threadIdx.y == 0 && channel < channels) {
        means[blockIdx.y * channels + channel] = own.mean;
        squares[blockIdx.y * channels + channel] = own.squares;
    }
}

// The parts as one: mean and unbiased variance, and what the channel is multiplied by. A warp has
// a channel.
extern "C" __global__ void statistics(const Tc *means, const Tc *squares, const T *scale, T *mean,
                                      T *variance, Tc *centre, Tc *factor, int64 rows,
                                      int64 channels, int64 part, int64 parts, double epsilon) {
    int64 channel = blockIdx.x * (int64)blockDim.y + threadIdx.y;
    if (channel >= channels) return;
    Moments all = {0, 0, 0};
    for (int64 p = threadIdx.x; p < parts; p += 32) {
        int64 place = p * channels + channel, count = min(part, rows - p * part);
        all = merged(all, {max(count, 0ll), means[place], squares[place]});
    }
    for (int step = 16; step; step /= 2) {
        Moments other = {__shfl_down_sync(0xffffffffu, all.count, step),
                         __shfl_down_sync(0xffffffffu, all.mean, step),
                         __shfl_down_sync(0xffffffffu, all.squares, step)};
        all = merged(all, other);
    }
    if (threadIdx.x) return;
    Tc biased = all.squares / (Tc)max(rows, 1ll);
    mean[channel] = (T)all.mean;
    variance[channel] = (T)(all.squares / (Tc)max(rows - 1, 1ll));
    centre[channel] = all.mean;
    factor[channel] = (Tc)scale[channel] / sqrt(biased + (Tc)epsilon);
}

extern "C" __global__ void normalize(const T *x, const Tc *centre, const Tc *factor,
                                     const T *offset, T *y, int64 count, int64 channels) {
    FOR_ITEMS(i, count) {
        int64 channel = i % channels;
        y[i] = (T)(((Tc)x[i] - centre[channel]) * factor[channel] + (Tc)offset[channel]);
    }
}

// Σ dy and Σ dy · (x - mean) for each channel, of part `blockIdx.y` of the rows.
extern "C" __global__ void gradient_sums(const T *dy, const T *x, const T *mean, Tc *sums,
                                         Tc *along, int64 rows, int64 channels, int64 part) {
    __shared__ Tc shared_sum[256], shared_along[256];
    int64 channel = blockIdx.x * (int64)blockDim.x + threadIdx.x;
    int64 begin = blockIdx.y * part, end = min(begin + part, rows);
    Tc sum = 0, product = 0;
    if (channel < channels) {
        Tc centre = mean[channel];
        for (int64 row = begin + threadIdx.y; row < end; row += blockDim.y) {
            Tc g = dy[row * channels + channel];
            sum += g;
            product += g * ((Tc)x[row * channels + channel] - centre);
        }
    }
    int place = threadIdx.y * blockDim.x + threadIdx.x;
    shared_sum[place] = sum;
    shared_along[place] = product;
    __syncthreads();
    for (int half = blockDim.y / 2; half; half /= 2) {
        if (threadIdx.y < half) {
            shared_sum[place] += shared_sum[place + half * blockDim.x];
            shared_along[place] += shared_along[place + half * blockDim.x];
        }
        __syncthreads();
    }
    if (threadIdx.y == 0 && channel < channels) {
        sums[blockIdx.y * channels + channel] = shared_sum[place];
        along[blockIdx.y * channels + channel] = shared_along[place];
    }
}

// The gradients by scale and offset, and what dx = p · (dy - q) + r · (x - mean) needs. A warp has
// a channel.
extern "C" __global__ void gradient_factors(const Tc *sums, const Tc *along, const T *scale,
                                            const T *variance, T *by_scale, T *by_offset, Tc *p,
                                            Tc *q, Tc *r, int64 rows, int64 channels, int64 parts,
                                            double epsilon) {
    int64 channel = blockIdx.x * (int64)blockDim.y + threadIdx.y;
    if (channel >= channels) return;
    Tc sum = 0, product = 0, count = (Tc)max(rows, 1ll);
    for (int64 part = threadIdx.x; part < parts; part += 32) {
        sum += sums[part * channels + channel];
        product += along[part * channels + channel];
    }
    for (int step = 16; step; step /= 2) {
        sum += __shfl_down_sync(0xffffffffu, sum, step);
        product += __shfl_down_sync(0xffffffffu, product, step);
    }
    if (threadIdx.x) return;
    Tc biased = (Tc)variance[channel] * ((Tc)max(rows - 1, 1ll) / count);
    Tc inverse = (Tc)1 / sqrt(biased + (Tc)epsilon);
    by_scale[channel] = (T)(product * inverse);
    by_offset[channel] = (T)sum;
    p[channel] = (Tc)scale[channel] * inverse;
    q[channel] = sum / count;
    r[channel] = -p[channel] * inverse * inverse * product / count;
}

extern "C" __global__ void by_input(const T *dy, const T *x, const T *mean, const Tc *p,
                                    const Tc *q, const Tc *r, T *dx, int64 count, int64 channels) {
    FOR_ITEMS(i, count) {
        int64 c = i % channels;
        dx[i] = (T)(p[c] * ((Tc)dy[i] - q[c]) + r[c] * ((Tc)x[i] - (Tc)mean[c]));
    }
}
""",
    T=FLOATS,
)

LAYER = source(
    "standardization",
    ROWS
    + """
#define EACH(i) for (int64 i = threadIdx.x; i < length; i += blockDim.x)

extern "C" __global__ void standardize(const T *x, T *u, T *inverse, int64 rows, int64 length,
                                       double epsilon) {
    __shared__ Tc parts[32];
    int64 row = blockIdx.x * (int64)blockDim.y + threadIdx.y;
    if (row >= rows) return;
    x += row * length;
    u += row * length;
    Tc count = (Tc)max(length, 1ll), sum = 0, squares = 0;
    EACH(i) sum += (Tc)x[i];
    Tc mean = over_row<SumOf, Tc>(sum, parts) / count;
    EACH(i) {
        Tc distance = (Tc)x[i] - mean;
        squares += distance * distance;
    }
    squares = over_row<SumOf, Tc>(squares, parts);
    Tc factor = (Tc)1 / sqrt(squares / count + (Tc)epsilon);
    EACH(i) u[i] = (T)(((Tc)x[i] - mean) * factor);
    if (threadIdx.x == 0) inverse[row] = (T)factor;
}

extern "C" __global__ void standardize_gradient(const T *dy, const T *u, const T *inverse, T *dx,
                                                int64 rows, int64 length) {
    __shared__ Tc parts[32];
    int64 row = blockIdx.x * (int64)blockDim.y + threadIdx.y;
    if (row >= rows) return;
    dy += row * length;
    u += row * length;
    dx += row * length;
    Tc count = (Tc)max(length, 1ll), sum = 0, product = 0;
    EACH(i) {
        sum += (Tc)dy[i];
        product += (Tc)dy[i] * (Tc)u[i];
    }
    Tc mean = over_row<SumOf, Tc>(sum, parts) / count;
    Tc along = over_row<SumOf, Tc>(product, parts) / count;
    EACH(i) dx[i] = (T)(((Tc)dy[i] - mean - (Tc)u[i] * along) * (Tc)inverse[row]);
}
""",
    T=FLOATS,
)


class _Sums:
    """How sums over the rows of a batch are made for each channel, in parts."""

    def __init__(self, k: KernelContext, x: Array) -> None:
        self.k, self.channels, self.dtype = k, x.shape[-1], x.dtype
        self.rows = math.prod(x.shape[:-1])
        self.count = max(parts_of(1, self.rows, self.channels), 1)
        self.part = -(-self.rows // self.count)

    def vectors(self, *names: str) -> list[Array]:
        """Return scratch memory for a number of each channel, by names."""
        kind = compute_type(self.dtype)
        return [self.k.scratch(name, (self.channels,), kind) for name in names]

    def parts(self, *names: str) -> list[Array]:
        """Return the same for a number of each channel and part."""
        kind = compute_type(self.dtype)
        return [self.k.scratch(name, (self.count * self.channels,), kind) for name in names]

    def walk(self, kernel: str, *args: Any) -> None:
        """Start a kernel that makes the parts."""
        threads = column_block(self.channels)
        launch = BATCH.load(self.k.backend, kernel, T=self.dtype)
        grid = (-(-self.channels // threads[0]), self.count)
        launch(grid, threads, (*args, self.rows, self.channels, self.part))

    def finish(self, kernel: str, *args: Any) -> None:
        """Start a kernel that puts the parts together."""
        launch = BATCH.load(self.k.backend, kernel, T=self.dtype)
        launch((-(-self.channels // WARPS),), (32, WARPS), args)

    def items(self, kernel: str, count: int, *args: Any) -> None:
        """Start a kernel that goes through items by themselves."""
        BATCH.load(self.k.backend, kernel, T=self.dtype)(blocks_for(count), (BLOCK,), args)


def batch_norm(k: KernelContext, x: Array, scale: Array, offset: Array) -> tuple[Array, ...]:
    """Compute `FusedBatchNormV3`."""
    x, scale, offset = (dense(k, a) for a in (x, scale, offset))
    sums = _Sums(k, x)
    y = target(k, 0, x.shape, x.dtype)
    mean, variance = (target(k, i, scale.shape, x.dtype) for i in (1, 2))
    if sums.channels:
        means, squares = sums.parts("means", "squares")
        centre, factor = sums.vectors("centre", "factor")
        sums.walk("moments", x, means, squares)
        sizes = (sums.rows, sums.channels, sums.part, sums.count, float(k.op.attrs["epsilon"]))
        given = (means, squares, scale, mean, variance, centre, factor)
        sums.finish("statistics", *given, *sizes)
        if x.size:
            args = (x, centre, factor, offset, y, x.size, sums.channels)
            sums.items("normalize", x.size, *args)
    return deliver(k, 0, y), deliver(k, 1, mean), deliver(k, 2, variance)


def batch_norm_gradient(k: KernelContext, *inputs: Array) -> tuple[Array, ...]:
    """Compute `FusedBatchNormGradV3`."""
    dy, x, scale, mean, variance = (dense(k, a) for a in inputs)
    sums = _Sums(k, x)
    dx = target(k, 0, x.shape, x.dtype)
    by_scale, by_offset = (target(k, i, scale.shape, x.dtype) for i in (1, 2))
    if sums.channels:
        totals, along = sums.parts("totals", "along")
        p, q, r = sums.vectors("p", "q", "r")
        sums.walk("gradient_sums", dy, x, mean, totals, along)
        given = (totals, along, scale, variance, by_scale, by_offset, p, q, r)
        sizes = (sums.rows, sums.channels, sums.count, float(k.op.attrs["epsilon"]))
        sums.finish("gradient_factors", *given, *sizes)
        if x.size:
            sums.items("by_input", x.size, dy, x, mean, p, q, r, dx, x.size, sums.channels)
    return deliver(k, 0, dx), deliver(k, 1, by_scale), deliver(k, 2, by_offset)


def standardize(k: KernelContext, x: Array) -> tuple[Array, Array]:
    """Compute `Standardize`."""
    x = dense(k, x)
    rows, length = math.prod(x.shape[:-1]), x.shape[-1]
    u = target(k, 0, x.shape, x.dtype)
    inverse = target(k, 1, (*x.shape[:-1], 1), x.dtype)
    if rows:
        launch = LAYER.load(k.backend, "standardize", T=x.dtype)
        epsilon = float(k.op.attrs["epsilon"])
        launch(*row_launch(rows, length), (x, u, inverse, rows, length, epsilon))
    return deliver(k, 0, u), deliver(k, 1, inverse)


def standardize_gradient(k: KernelContext, dy: Array, u: Array, inverse: Array) -> Array:
    """Compute `StandardizeGrad`."""
    dy, u, inverse = (dense(k, a) for a in (dy, u, inverse))
    rows, length = math.prod(u.shape[:-1]), u.shape[-1]
    dx = target(k, 0, u.shape, u.dtype)
    if u.size:
        launch = LAYER.load(k.backend, "standardize_gradient", T=u.dtype)
        launch(*row_launch(rows, length), (dy, u, inverse, dx, rows, length))
    return deliver(k, 0, dx)


KERNELS: Mapping[str, Callable[..., Any]] = {
    "FusedBatchNormV3": batch_norm,
    "FusedBatchNormGradV3": batch_norm_gradient,
    "Standardize": standardize,
    "StandardizeGrad": standardize_gradient,
}
