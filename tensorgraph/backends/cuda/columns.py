"""Convolution as products of matrices: what is under the filter, at each place, is a row.

The rows of all places are too many to keep; they are made for some places at a time. A filter in
the engine's order, (height, width, in, out), is the other matrix as it is, and so is the result.
Groups of channels are a stack of such products.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tensorgraph.backends.cuda.program import BLOCK, FLOATS, blocks_for, source
from tensorgraph.backends.cuda.windows import GEOMETRY, Case
from tensorgraph.base.backend import Array
from tensorgraph.graph.kernel import KernelContext

# How much memory the rows take at a time.
ROWS_BYTES = 1 << 28

# Indices of rows are 32 bits wide: ROWS_BYTES sees to that, and a division of 64 takes long.
_SOURCE = source(
    "columns",
    GEOMETRY
    + r"""
// out (groups, count, taps, channels): what is under the filter at places from `start` on.
extern "C" __global__ void columns(const T* x, T* out, int64 start, int count, GEOMETRY) {
    const unsigned taps = taps0 * taps1 * taps2, area = places0 * places1 * places2;
    FOR_ITEMS(i, (int64)groups * count * taps * channels) {
        unsigned rest = (unsigned)i;
        const unsigned channel = rest % channels; rest /= channels;
        unsigned tap = rest % taps; rest /= taps;
        const int64 place = start + rest % count;
        const unsigned group = rest / count;
        const int64 image = place / area;
        unsigned at = (unsigned)(place % area);
        const int z2 = at % places2 * step2 - pad2 + tap % taps2 * gap2;
        at /= places2; tap /= taps2;
        const int z1 = at % places1 * step1 - pad1 + tap % taps1 * gap1;
        const int z0 = at / places1 * step0 - pad0 + tap / taps1 * gap0;
        const bool inside = (unsigned)z0 < size0 && (unsigned)z1 < size1 && (unsigned)z2 < size2;
        const int64 pixel = ((image * size0 + z0) * size1 + z1) * size2 + z2;
        out[i] = inside ? x[(pixel * groups + group) * channels + channel] : T(0.0f);
    }
}

// dx (images, …, groups · channels): each pixel gathers what places that saw it hand back.
extern "C" __global__ void images(const T* columns, T* dx, int images, GEOMETRY) {
    const int64 area = (int64)places0 * places1 * places2, rows = images * area;
    const unsigned taps = taps0 * taps1 * taps2;
    FOR_ITEMS(i, (int64)images * size0 * size1 * size2 * groups * channels) {
        int64 rest = i;
        const int channel = (int)(rest % channels); rest /= channels;
        const int group = (int)(rest % groups); rest /= groups;
        const int z2 = (int)(rest % size2) + pad2; rest /= size2;
        const int z1 = (int)(rest % size1) + pad1; rest /= size1;
        const int z0 = (int)(rest % size0) + pad0;
        const int64 image = rest / size0;
        Tc sum = 0;
        for (int t0 = 0; t0 < taps0; ++t0) {
            const int p0 = z0 - t0 * gap0;
            if (p0 < 0 || p0 % step0 || p0 / step0 >= places0) continue;
            for (int t1 = 0; t1 < taps1; ++t1) {
                const int p1 = z1 - t1 * gap1;
                if (p1 < 0 || p1 % step1 || p1 / step1 >= places1) continue;
                for (int t2 = 0; t2 < taps2; ++t2) {
                    const int p2 = z2 - t2 * gap2;
                    if (p2 < 0 || p2 % step2 || p2 / step2 >= places2) continue;
                    const int64 place = (int64)(p0 / step0 * places1 + p1 / step1) * places2;
                    const int64 row = group * rows + image * area + place + p2 / step2;
                    const int64 tap = (t0 * taps1 + t1) * taps2 + t2;
                    sum += (Tc)columns[(row * taps + tap) * channels + channel];
                }
            }
        }
        dx[i] = T(sum);
    }
}
""",
    T=FLOATS,
)


def forward(k: KernelContext, case: Case, x: Array, w: Array, out: Array) -> None:
    """Compute the convolution of images with a filter; all arrays lie in one piece."""
    weights, results = _weights(case, w), _by_group(case, out, case.filters)
    products = k.xp.products
    if case.is_pointwise:
        products.accumulate(_by_group(case, x, case.channels), weights, results, add=False)
        return
    for start, count in _parts(case, x.dtype.itemsize):
        rows = _columns(k, case, x, start, count)
        products.accumulate(rows, weights, results[:, start : start + count], add=False)


def by_filter(k: KernelContext, case: Case, x: Array, dy: Array, out: Array) -> None:
    """Compute its gradient by the filter."""
    total, grads = _weights(case, out), _by_group(case, dy, case.filters)
    products = k.xp.products
    if case.is_pointwise:
        rows = _by_group(case, x, case.channels)
        products.accumulate(rows.swapaxes(1, 2), grads, total, add=False)
        return
    for start, count in _parts(case, x.dtype.itemsize):
        rows = _columns(k, case, x, start, count)
        part = grads[:, start : start + count]
        products.accumulate(rows.swapaxes(1, 2), part, total, add=start > 0)


def by_input(k: KernelContext, case: Case, w: Array, dy: Array, out: Array) -> None:
    """Compute its gradient by the images."""
    weights, grads = _weights(case, w).swapaxes(1, 2), _by_group(case, dy, case.filters)
    products = k.xp.products
    if case.is_pointwise:
        products.accumulate(grads, weights, _by_group(case, out, case.channels), add=False)
        return
    launch = _SOURCE.load(k.backend, "images", T=dy.dtype)
    for start, count in _parts(case, dy.dtype.itemsize, whole_images=True):
        rows = _scratch(k, case, count, dy.dtype)
        products.accumulate(grads[:, start : start + count], weights, rows, add=False)
        first, images = start // case.area, count // case.area
        part = out[first : first + images]
        args = (rows, part, k.xp.int32(images), *case.numbers)
        launch(blocks_for(part.size), (BLOCK,), args)


def _columns(k: KernelContext, case: Case, x: Array, start: int, count: int) -> Array:
    """Return (groups, count, patch): the rows of some places."""
    rows = _scratch(k, case, count, x.dtype)
    launch = _SOURCE.load(k.backend, "columns", T=x.dtype)
    args = (x, rows, k.xp.int64(start), k.xp.int32(count), *case.numbers)
    launch(blocks_for(rows.size), (BLOCK,), args)
    return rows


def _scratch(k: KernelContext, case: Case, count: int, dtype: Any) -> Array:
    return k.scratch("columns", (case.groups, count, case.patch), dtype)


def _parts(case: Case, itemsize: int, whole_images: bool = False) -> Iterator[tuple[int, int]]:
    """Yield the first place and the number of places of each part of the batch."""
    unit = case.area if whole_images else 1
    row = case.groups * case.patch * itemsize
    step = max(1, ROWS_BYTES // max(row * unit, 1)) * unit
    places = case.batch * case.area
    for start in range(0, places, step):
        yield start, min(step, places - start)


def _weights(case: Case, w: Array) -> Array:
    """Return a view (groups, patch, filters) of a filter."""
    return w.reshape(case.patch, case.groups, case.filters).transpose(1, 0, 2)


def _by_group(case: Case, images: Array, channels: int) -> Array:
    """Return a view (groups, pixels, channels) of images."""
    return images.reshape(-1, case.groups, channels).transpose(1, 0, 2)
