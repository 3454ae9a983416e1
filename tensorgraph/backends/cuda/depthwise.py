"""Depthwise convolution: each channel has filters of its own, so there is no product to make.

All three kernels wait for memory. A thread makes one number; the gradient by the filter, which is a
sum over all places, is added up in parts first, always in the same order.
"""

from __future__ import annotations

from tensorgraph.backends.cuda.program import BLOCK, FLOATS, blocks_for, source
from tensorgraph.backends.cuda.windows import GEOMETRY, Case
from tensorgraph.base.backend import Array
from tensorgraph.graph.kernel import KernelContext

# A block of the gradient by the filter: so many filters wide, and so many sums for each of them.
WIDE, SUMS = 32, 8
# A part has at least so many places, and there are at most so many parts.
PLACES_OF_PART, MOST_PARTS = 512, 128

# A group has one channel and `filters` filters; the axis of index 0 has one element.
_SOURCE = source(
    "depthwise",
    GEOMETRY
    + r"""
extern "C" __global__ void forward(const T* x, const T* w, T* out, int images, GEOMETRY) {
    const int all = groups * filters;
    FOR_ITEMS(i, (int64)images * places1 * places2 * all) {
        const int filter = (int)(i % all);
        int64 rest = i / all;
        const int z2 = (int)(rest % places2) * step2 - pad2; rest /= places2;
        const int z1 = (int)(rest % places1) * step1 - pad1;
        const int64 image = rest / places1;
        Tc sum = 0;
        for (int t1 = 0; t1 < taps1; ++t1) {
            const int y1 = z1 + t1 * gap1;
            if ((unsigned)y1 >= size1) continue;
            for (int t2 = 0; t2 < taps2; ++t2) {
                const int y2 = z2 + t2 * gap2;
                if ((unsigned)y2 >= size2) continue;
                const int64 pixel = (image * size1 + y1) * size2 + y2;
                sum += (Tc)x[pixel * groups + filter / filters]
                     * (Tc)w[(int64)(t1 * taps2 + t2) * all + filter];
            }
        }
        out[i] = T(sum);
    }
}

extern "C" __global__ void by_input(const T* w, const T* dy, T* dx, int images, GEOMETRY) {
    const int all = groups * filters;
    FOR_ITEMS(i, (int64)images * size1 * size2 * groups) {
        const int group = (int)(i % groups);
        int64 rest = i / groups;
        const int z2 = (int)(rest % size2) + pad2; rest /= size2;
        const int z1 = (int)(rest % size1) + pad1;
        const int64 image = rest / size1;
        Tc sum = 0;
        for (int t1 = 0; t1 < taps1; ++t1) {
            const int p1 = z1 - t1 * gap1;
            if (p1 < 0 || p1 % step1 || p1 / step1 >= places1) continue;
            for (int t2 = 0; t2 < taps2; ++t2) {
                const int p2 = z2 - t2 * gap2;
                if (p2 < 0 || p2 % step2 || p2 / step2 >= places2) continue;
                const int64 place = (image * places1 + p1 / step1) * places2 + p2 / step2;
                const int64 tap = t1 * taps2 + t2;
                for (int m = group * filters; m < (group + 1) * filters; ++m)
                    sum += (Tc)dy[place * all + m] * (Tc)w[tap * all + m];
            }
        }
        dx[i] = T(sum);
    }
}

// sums (parts, taps, filters): each block adds up `WIDE` filters, for one tap, over one part.
extern "C" __global__ void by_filter(const T* x, const T* dy, Tc* sums, int images, GEOMETRY) {
    __shared__ Tc partial[SUMS][WIDE];
    const int all = groups * filters, filter = blockIdx.x * WIDE + threadIdx.x;
    const int t1 = blockIdx.y / taps2, t2 = blockIdx.y % taps2;
    const int64 places = (int64)images * places1 * places2;
    const int64 begin = places * blockIdx.z / gridDim.z;
    const int64 end = places * (blockIdx.z + 1) / gridDim.z;
    Tc sum = 0;
    if (filter < all) {
        for (int64 place = begin + threadIdx.y; place < end; place += SUMS) {
            int64 rest = place;
            const int y2 = (int)(rest % places2) * step2 - pad2 + t2 * gap2; rest /= places2;
            const int y1 = (int)(rest % places1) * step1 - pad1 + t1 * gap1;
            if ((unsigned)y1 >= size1 || (unsigned)y2 >= size2) continue;
            const int64 pixel = (rest / places1 * size1 + y1) * size2 + y2;
            sum += (Tc)x[pixel * groups + filter / filters] * (Tc)dy[place * all + filter];
        }
    }
    partial[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y || filter >= all) return;
    for (int i = 1; i < SUMS; ++i) sum += partial[i][threadIdx.x];
    sums[((int64)blockIdx.z * taps1 * taps2 + blockIdx.y) * all + filter] = sum;
}

extern "C" __global__ void add_parts(const Tc* sums, T* dw, int parts, int64 count) {
    FOR_ITEMS(i, count) {
        Tc sum = 0;
        for (int part = 0; part < parts; ++part) sum += sums[part * count + i];
        dw[i] = T(sum);
    }
}
""".replace("WIDE", str(WIDE)).replace("SUMS", str(SUMS)),
    T=FLOATS,
)


def forward(k: KernelContext, case: Case, x: Array, w: Array, out: Array) -> None:
    """Compute the convolution of images with a filter; all arrays lie in one piece."""
    _launch(k, "forward", case, x, w, out)


def by_input(k: KernelContext, case: Case, w: Array, dy: Array, out: Array) -> None:
    """Compute its gradient by the images."""
    _launch(k, "by_input", case, w, dy, out)


def by_filter(k: KernelContext, case: Case, x: Array, dy: Array, out: Array) -> None:
    """Compute its gradient by the filter."""
    xp = k.xp
    parts = max(1, min(MOST_PARTS, case.batch * case.area // PLACES_OF_PART))
    kind = xp.float32 if out.dtype == xp.float16 else out.dtype
    sums = k.scratch("sums", (parts, *out.shape), kind)
    taps = case.taps[0] * case.taps[1]
    blocks = (-(-case.groups * case.filters // WIDE), taps, parts)
    args = (x, dy, sums, xp.int32(case.batch), *case.numbers)
    _SOURCE.load(k.backend, "by_filter", T=out.dtype)(blocks, (WIDE, SUMS), args)
    add = _SOURCE.load(k.backend, "add_parts", T=out.dtype)
    add(blocks_for(out.size), (BLOCK,), (sums, out, xp.int32(parts), xp.int64(out.size)))


def _launch(k: KernelContext, name: str, case: Case, one: Array, other: Array, out: Array) -> None:
    """Start a kernel that makes one number a thread."""
    args = (one, other, out, k.xp.int32(case.batch), *case.numbers)
    _SOURCE.load(k.backend, name, T=out.dtype)(blocks_for(out.size), (BLOCK,), args)
