"""Pooling over images of two and three axes, channels last, forward and backward.

There is a thread for each number that is written, so that nothing is added up by several, and
results are the same from run to run. Where no element lies in two windows, the gradient of a
maximum has a thread for each window instead, which looks for the largest element once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tensorgraph.backends.cuda.arrays import deliver, dense, target
from tensorgraph.backends.cuda.program import BLOCK, FLOATS, blocks_for, source
from tensorgraph.base import shapes
from tensorgraph.base.backend import Array
from tensorgraph.graph.kernel import KernelContext
from tensorgraph.graph.node import Operation

_WINDOWS = """
// Of each of three axes: size of the image, places of the window, its size, its step, and the
// border in front.
#define WINDOWS int n0, int n1, int n2, int m0, int m1, int m2, int k0, int k1, int k2, \\
    int s0, int s1, int s2, int p0, int p1, int p2
#define GIVEN n0, n1, n2, m0, m1, m2, k0, k1, k2, s0, s1, s2, p0, p1, p2

// A window: of which image and channel it is, where it begins, and where what is inside of the
// image begins and ends.
struct Window {
    int64 base;
    int c0, c1, c2, a0, a1, a2, b0, b1, b2;
};
__device__ inline Window window_at(int64 image, int channel, int channels, int i0, int i1, int i2,
                                   WINDOWS) {
    Window w;
    w.base = image * n0 * n1 * n2 * channels + channel;
    w.c0 = i0 * s0 - p0, w.c1 = i1 * s1 - p1, w.c2 = i2 * s2 - p2;
    w.a0 = max(w.c0, 0), w.a1 = max(w.c1, 0), w.a2 = max(w.c2, 0);
    w.b0 = min(w.c0 + k0, n0), w.b1 = min(w.c1 + k1, n1), w.b2 = min(w.c2 + k2, n2);
    return w;
}
__device__ inline Window window_of(int64 item, int channels, WINDOWS) {
    int channel = item % channels;
    int64 rest = item / channels;
    int i2 = rest % m2; rest /= m2;
    int i1 = rest % m1; rest /= m1;
    int i0 = rest % m0;
    return window_at(rest / m0, channel, channels, i0, i1, i2, GIVEN);
}
#define INSIDE(w) \\
    for (int y0 = w.a0; y0 < w.b0; y0++) \\
        for (int y1 = w.a1; y1 < w.b1; y1++) \\
            for (int y2 = w.a2; y2 < w.b2; y2++)
#define PLACE(w) (w.base + (((int64)y0 * n1 + y1) * n2 + y2) * channels)
#define COVERED(w) (max(w.b0 - w.a0, 0) * max(w.b1 - w.a1, 0) * max(w.b2 - w.a2, 0))

// The first element of a window that is the largest, or the last one if none of several is, as with
// a NaN; -1 if that lies in the border, which is full of minus infinity.
__device__ inline int64 chosen(const T *x, Window w, Tc largest, int channels, WINDOWS) {
    int y0 = w.c0, y1 = w.c1, y2 = w.c2;
    if (largest == (Tc)__int_as_float(0xff800000))
        return y0 >= 0 && y1 >= 0 && y2 >= 0 ? PLACE(w) : -1;
    INSIDE(w) if ((Tc)x[PLACE(w)] == largest) return PLACE(w);
    if (k0 * k1 * k2 == 1) return -1;
    y0 += k0 - 1, y1 += k1 - 1, y2 += k2 - 1;
    return y0 < n0 && y1 < n1 && y2 < n2 && y0 >= 0 && y1 >= 0 && y2 >= 0 ? PLACE(w) : -1;
}

"""

_KERNELS = """
extern "C" __global__ void max_pool(const T *x, T *y, int64 count, int channels, WINDOWS) {
    FOR_ITEMS(item, count) {
        Window w = window_of(item, channels, GIVEN);
        Tc found = (Tc)__int_as_float(0xff800000);
        INSIDE(w) {
            Tc value = x[PLACE(w)];
            found = value >= found || value != value ? value : found;
        }
        y[item] = (T)found;
    }
}

// The gradient where windows lie apart; elements of no window hold 0 already.
extern "C" __global__ void max_pool_apart(const T *x, const T *y, const T *dy, T *dx, int64 count,
                                          int channels, WINDOWS) {
    FOR_ITEMS(item, count) {
        Window w = window_of(item, channels, GIVEN);
        int64 place = chosen(x, w, (Tc)y[item], channels, GIVEN);
        INSIDE(w) dx[PLACE(w)] = PLACE(w) == place ? dy[item] : (T)0;
    }
}

// All windows that an element lies in.
#define AROUND(item) \\
    int channel = item % channels; \\
    int64 rest = item / channels; \\
    int x2 = rest % n2; rest /= n2; \\
    int x1 = rest % n1; rest /= n1; \\
    int x0 = rest % n0; rest /= n0; \\
    for (int i0 = max((x0 + p0 - k0 + s0) / s0, 0); i0 < m0 && i0 * s0 - p0 <= x0; i0++) \\
        for (int i1 = max((x1 + p1 - k1 + s1) / s1, 0); i1 < m1 && i1 * s1 - p1 <= x1; i1++) \\
            for (int i2 = max((x2 + p2 - k2 + s2) / s2, 0); i2 < m2 && i2 * s2 - p2 <= x2; i2++)
#define RESULT ((((rest * m0 + i0) * m1 + i1) * m2 + i2) * channels + channel)

extern "C" __global__ void max_pool_gradient(const T *x, const T *y, const T *dy, T *dx,
                                             int64 count, int channels, WINDOWS) {
    FOR_ITEMS(item, count) {
        Tc total = 0;
        AROUND(item) {
            Tc largest = y[RESULT];
            // Most elements are not the largest; where there is a NaN, none is.
            if ((Tc)x[item] != largest && largest == largest) continue;
            Window w = window_at(rest, channel, channels, i0, i1, i2, GIVEN);
            if (chosen(x, w, largest, channels, GIVEN) == item) total += (Tc)dy[RESULT];
        }
        dx[item] = (T)total;
    }
}

extern "C" __global__ void max_pool_pick(const T *x, const T *y, const T *g, T *out, int64 count,
                                         int channels, WINDOWS) {
    FOR_ITEMS(item, count) {
        Window w = window_of(item, channels, GIVEN);
        int64 place = chosen(x, w, (Tc)y[item], channels, GIVEN);
        out[item] = place < 0 ? (T)0 : g[place];
    }
}

extern "C" __global__ void average_pool(const T *x, T *y, int64 count, int channels, WINDOWS) {
    FOR_ITEMS(item, count) {
        Window w = window_of(item, channels, GIVEN);
        Tc total = 0;
        INSIDE(w) total += (Tc)x[PLACE(w)];
        y[item] = (T)(total / (Tc)COVERED(w));
    }
}

extern "C" __global__ void average_pool_gradient(const T *dy, T *dx, int64 count, int channels,
                                                 WINDOWS) {
    FOR_ITEMS(item, count) {
        Tc total = 0;
        AROUND(item) {
            Window w = window_at(rest, channel, channels, i0, i1, i2, GIVEN);
            total += (Tc)dy[RESULT] / (Tc)COVERED(w);
        }
        dx[item] = (T)total;
    }
}
"""
POOL = source("pooling", _WINDOWS + _KERNELS, T=FLOATS)

PLACES = source(
    "pooling with places",
    _WINDOWS
    + """
extern "C" __global__ void max_pool_places(const T *x, T *y, Place *places, int64 count,
                                           int channels, bool in_batch, WINDOWS) {
    FOR_ITEMS(item, count) {
        Window w = window_of(item, channels, GIVEN);
        Tc found = (Tc)__int_as_float(0xff800000);
        int64 place = w.base;
        bool any = false;
        INSIDE(w) {
            Tc value = x[PLACE(w)];
            if (value > found) found = value, place = PLACE(w), any = true;
        }
        int64 start = in_batch ? 0 : w.base - item % channels;
        y[item] = (T)found;
        places[item] = (Place)(any ? place - start : in_batch ? w.base - item % channels : 0);
    }
}
""",
    T=FLOATS,
    Place=(np.dtype(np.int32), np.dtype(np.int64)),
)

AXES = 3


@functools.lru_cache(1024)
def geometry(
    size: tuple[int, ...], strides: tuple[int, ...], padding: Any, spatial: tuple[int, ...]
) -> tuple[np.int32, ...]:
    """Return what `WINDOWS` are, for images of one to three axes.

    Parameters
    ----------
    size, strides : tuple of int
        Of the window, for each axis.
    padding : str or tuple of (int, int)
        ``"SAME"``, ``"VALID"``, or the border before and after.
    spatial : tuple of int
        The sizes of the images.
    """
    pads, places = [], []
    for axis, (n, window, step) in enumerate(zip(spatial, size, strides, strict=True)):
        border = padding if isinstance(padding, str) else padding[axis]
        pads.append(shapes.window_padding(n, window, step, border, 1)[0])
        places.append(shapes.window_output(n, window, step, border, 1) or 0)
    # An image has axes of one element in front of its own.
    lists = ((spatial, 1), (places, 1), (size, 1), (strides, 1), (pads, 0))
    return tuple(np.int32(n) for own, usual in lists for n in (*[usual] * (AXES - len(own)), *own))


def _geometry(op: Operation, spatial: Sequence[int]) -> tuple[np.int32, ...]:
    attrs = op.attrs
    return geometry(attrs["ksize"], attrs["strides"], attrs["padding"], tuple(spatial))


def _start(
    k: KernelContext,
    kernel: str,
    count: int,
    x: Array,
    arrays: Sequence[Array],
) -> None:
    """Start a kernel with a thread for each of `count` numbers; `x` is an image."""
    if count:
        numbers = (np.int32(x.shape[-1]), *_geometry(k.op, x.shape[1:-1]))
        launch = POOL.load(k.backend, kernel, T=x.dtype)
        launch(blocks_for(count), (BLOCK,), (*arrays, count, *numbers))


def _covers(numbers: Sequence[np.int32]) -> bool:
    """Return whether each element lies in exactly one window."""
    whole, places, size, strides, pads = (numbers[i : i + AXES] for i in range(0, 5 * AXES, AXES))
    return (
        size == strides
        and not any(pads)
        and all(n * m == count for n, m, count in zip(size, places, whole, strict=True))
    )


def _pooled_shape(op: Operation, x: Array) -> tuple[int, ...]:
    places = _geometry(op, x.shape[1:-1])[AXES : 2 * AXES]
    return (x.shape[0], *map(int, places[AXES + 2 - x.ndim :]), x.shape[-1])


def forward(k: KernelContext, x: Array) -> Array:
    """Compute a maximum or an average of each window."""
    x = dense(k, x)
    out = target(k, 0, _pooled_shape(k.op, x), x.dtype)
    kernel = "max_pool" if k.op.type.startswith("Max") else "average_pool"
    _start(k, kernel, out.size, x, (x, out))
    return deliver(k, 0, out)


def with_places(k: KernelContext, x: Array) -> tuple[Array, Array]:
    """Compute `MaxPoolWithArgmax`."""
    x, kind = dense(k, x), k.op.attrs["dtype"].np_dtype
    shape = _pooled_shape(k.op, x)
    out, places = target(k, 0, shape, x.dtype), target(k, 1, shape, kind)
    if out.size:
        in_batch = np.bool_(k.op.attrs["include_batch"])
        numbers = (np.int32(x.shape[-1]), in_batch, *_geometry(k.op, x.shape[1:-1]))
        launch = PLACES.load(k.backend, "max_pool_places", T=x.dtype, Place=kind)
        launch(blocks_for(out.size), (BLOCK,), (x, out, places, out.size, *numbers))
    return deliver(k, 0, out), deliver(k, 1, places)


def maximum_gradient(k: KernelContext, x: Array, y: Array, dy: Array) -> Array:
    """Compute the gradient of a maximum of each window by the images."""
    x, y, dy = (dense(k, a) for a in (x, y, dy))
    dx = target(k, 0, x.shape, x.dtype)
    size, strides = k.op.attrs["ksize"], k.op.attrs["strides"]
    if all(step >= n for n, step in zip(size, strides, strict=True)):
        if not _covers(_geometry(k.op, x.shape[1:-1])):
            dx[...] = 0
        _start(k, "max_pool_apart", y.size, x, (x, y, dy, dx))
    else:
        _start(k, "max_pool_gradient", x.size, x, (x, y, dy, dx))
    return deliver(k, 0, dx)


def maximum_pick(k: KernelContext, x: Array, y: Array, g: Array) -> Array:
    """Compute the gradient of that: of each window the element where its maximum is."""
    x, y, g = (dense(k, a) for a in (x, y, g))
    out = target(k, 0, y.shape, y.dtype)
    _start(k, "max_pool_pick", y.size, x, (x, y, g, out))
    return deliver(k, 0, out)


def average_gradient(k: KernelContext, shape: Array, dy: Array) -> Array:
    """Compute the gradient of an average of each window by the images, whose shape is given."""
    dy = dense(k, dy)
    dx = target(k, 0, k.sizes(0, shape), dy.dtype)
    _start(k, "average_pool_gradient", dx.size, dx, (dy, dx))
    return deliver(k, 0, dx)


KERNELS: Mapping[str, Callable[..., Any]] = {
    **dict.fromkeys(("MaxPool", "AvgPool", "MaxPool3D", "AvgPool3D"), forward),
    **dict.fromkeys(("MaxPoolGrad", "MaxPool3DGrad"), maximum_gradient),
    **dict.fromkeys(("MaxPoolGradGrad", "MaxPool3DGradGrad"), maximum_pick),
    **dict.fromkeys(("AvgPoolGrad", "AvgPool3DGrad"), average_gradient),
    "MaxPoolWithArgmax": with_places,
}
